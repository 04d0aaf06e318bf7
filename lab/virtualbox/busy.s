# SPDX-License-Identifier: Apache-2.0
#
# A guest in one sector that is always busy: it writes noise to eight megabytes
# of its memory, again and again, and says "beat" and a count on the first
# serial port before each time.  No teleport keeps up with it, if the network
# is slow.

        .code16
        .globl  _start
        .set    COM1, 0x3f8
        .set    FROM, 0x200000
        .set    DWORDS, 0x200000
        .set    PARTITION_TABLE, 446

_start: cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        movw    $0x2401, %ax            # BIOS: the 21st address line, on
        int     $0x15
        cli
        lgdtl   descriptors             # %es gets a limit of 4 GiB in
        movl    %cr0, %eax              # protected mode, and keeps it
        orb     $1, %al
        movl    %eax, %cr0
        jmp     1f
1:      movw    $8, %bx
        movw    %bx, %es
        andb    $0xfe, %al
        movl    %eax, %cr0
        jmp     2f
2:      xorw    %ax, %ax
        movw    %ax, %es
        movl    $1, %eax                # the noise
        xorw    %si, %si                # rounds so far
round:  incw    %si
        pushl   %eax
        call    number
        popl    %eax
        movl    $FROM, %edi
        movl    $DWORDS, %ecx
fill:   imull   $1664525, %eax, %eax
        addl    $1013904223, %eax
        movl    %eax, %es:(%edi)
        addl    $4, %edi
        decl    %ecx
        jnz     fill
        jmp     round

# Say "beat", a number of four digits, and a new line.
number: movw    $beat, %bx
1:      movb    (%bx), %al
        incw    %bx
        testb   %al, %al
        jz      2f
        call    put
        jmp     1b
2:      movw    $4, %cx
3:      rolw    $4, %si
        movw    %si, %ax
        andb    $15, %al
        cmpb    $10, %al
        jb      4f
        addb    $39, %al
4:      addb    $48, %al
        call    put
        loop    3b
        movb    $10, %al
put:    movb    %al, %ah
        movw    $(COM1 + 5), %dx
5:      inb     %dx, %al
        testb   $0x20, %al
        jz      5b
        movb    %ah, %al
        movw    $COM1, %dx
        outb    %al, %dx
        ret

beat:   .asciz  "beat "
        .balign 4
table:  .quad   0
        .quad   0x00cf92000000ffff
descriptors:
        .word   15
        .long   table
        .org    PARTITION_TABLE
        .byte   0x80, 0, 2, 0, 0x83, 0, 3, 0
        .long   1, 1
        .org    510
        .word   0xaa55
