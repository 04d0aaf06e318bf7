# SPDX-License-Identifier: Apache-2.0
#
# A guest operating system in one sector, for tests of machines' lives.
#
#  - says "guest up" on the first serial port and on the screen
#  - then "beat" and a count, every second; between, the processor halts
#  - answers the ACPI power button with "power button" and switches itself off
#  - repeats what is typed, on the first serial port or on the keyboard
#  - reads the second sector of each disk, with every beat; if it begins with
#    "vol", says what is in it and copies it to the third sector
#
# VirtualBox has its ACPI registers at fixed ports: PM1a_STS at 0x4000,
# PM1a_CNT at 0x4004, SMI_CMD at 0x442e.

        .code16
        .globl  _start

        .set    TICKS, 0x46c            # BIOS: 18.2 a second
        .set    PM1A_STS, 0x4000
        .set    PM1A_CNT, 0x4004
        .set    SMI_CMD, 0x442e
        .set    COM1, 0x3f8
        .set    BUFFER, 0x8000
        .set    FIRST_DISK, 0x80        # BIOS: the disks' numbers
        .set    DISKS, 0x475            # BIOS: how many there are
        .set    PARTITION_TABLE, 446

_start: xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        sti
        movw    $up, %si
        call    say
        movw    $SMI_CMD, %dx           # switch ACPI on
        movb    $0xa1, %al
        outb    %al, %dx
        movw    TICKS, %bp
        xorw    %di, %di                # beats so far

wait:   hlt
        movw    $PM1A_STS, %dx
        inw     %dx, %ax
        testb   $1, %ah                 # bit 8: the power button
        jnz     off
        call    repeat
        movw    TICKS, %ax
        subw    %bp, %ax
        cmpw    $18, %ax
        jb      wait
        addw    $18, %bp
        incw    %di
        movw    $beat, %si
        call    say
        movw    %di, %ax
        call    number
        movw    $newline, %si
        call    say
        movw    $FIRST_DISK, %dx
disk:   movw    $0x0201, %ax            # read one sector: the second
        movw    $2, %cx
        call    sector
        jc      next
        movw    $BUFFER, %si
        cmpw    $0x6f76, (%si)          # "vo"
        jne     next
        cmpb    $0x6c, 2(%si)           # "l"
        jne     next
        pushw   %dx
        call    say
        movw    $newline, %si
        call    say
        popw    %dx
        movw    $0x0301, %ax            # write one sector: the third
        movw    $3, %cx
        call    sector
next:   incw    %dx
        movb    %dl, %al
        subb    $FIRST_DISK, %al
        cmpb    DISKS, %al
        jb      disk
        jmp     wait

off:    movw    $0x0100, %ax            # written back: it has been seen
        outw    %ax, %dx
        movw    $button, %si
        call    say
        movw    $PM1A_CNT, %dx
        movw    $0x3401, %ax            # SLP_EN, SLP_TYP 5: soft off
        outw    %ax, %dx
dead:   hlt
        jmp     dead

# Say what was typed.
repeat: movw    $(COM1 + 5), %dx
        inb     %dx, %al
        cmpb    $0xff, %al              # there is no serial port
        je      5f
        testb   $1, %al                 # bit 0: something has come
        jz      5f
        movw    $COM1, %dx
        inb     %dx, %al
        call    put
        jmp     repeat
5:      movb    $1, %ah                 # BIOS: is there a key?
        int     $0x16
        jz      6f
        movb    $0, %ah                 # BIOS: take it
        int     $0x16
        call    put
        jmp     repeat
6:      ret

# Read or write the sector that %cx names, of disk %dl, from or to BUFFER.
sector: movw    $BUFFER, %bx
        pushw   %dx
        int     $0x13
        popw    %dx
        ret

# Four hexadecimal digits of %ax.
number: movw    $4, %cx
1:      rolw    $4, %ax
        pushw   %ax
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     2f
        addb    $('a' - '0' - 10), %al
2:      call    put
        popw    %ax
        loop    1b
        ret

# What %si points to, up to a zero.
say:    lodsb
        testb   %al, %al
        jz      3f
        call    put
        jmp     say
3:      ret

# The character in %al, on the serial port and on the screen.
put:    pushw   %ax
        pushw   %bx
        pushw   %cx
        movb    %al, %bl
        movw    $(COM1 + 5), %dx
        movb    $64, %bh                # look 64 times 65536 times: a busy
        xorw    %cx, %cx                # host takes long, and one that is
4:      inb     %dx, %al                # not there reads as ready
        testb   $0x20, %al
        loopz   4b
        jnz     7f
        decb    %bh
        jnz     4b
7:      movb    %bl, %al
        movw    $COM1, %dx
        outb    %al, %dx
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        popw    %cx
        popw    %bx
        popw    %ax
        ret

up:     .asciz  "guest up\r\n"
beat:   .asciz  "beat "
button: .asciz  "power button\r\n"
newline: .asciz "\r\n"

# One partition: image inspectors take a sector without one for no disk.
        .org    PARTITION_TABLE
        .byte   0x80, 0, 2, 0, 0x83, 0, 16, 0
        .long   1, 2047
        .org    510
        .word   0xaa55
