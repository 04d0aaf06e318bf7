# SPDX-License-Identifier: Apache-2.0
"""What processors can do, in the words of Placement: no I/O here.

Source: CPUID in Intel's Software Developer's Manual, volume 2, and in AMD's
Architecture Programmer's Manual, volume 3.
"""

from __future__ import annotations

from collections.abc import Iterable

from nova_hypervisors.clients.vsphere import api

# By leaf, register and bit.  What guests are not given, such as
# virtualization, is left out.
_BITS = {
    (0x1, 'edx'): {23: 'MMX', 25: 'SSE', 26: 'SSE2'},
    (0x1, 'ecx'): {0: 'SSE3', 1: 'CLMUL', 9: 'SSSE3', 12: 'FMA3',
                   17: 'INTEL_PCID', 19: 'SSE41', 20: 'SSE42', 25: 'AESNI',
                   28: 'AVX', 29: 'F16C'},
    (0x7, 'ebx'): {3: 'BMI', 5: 'AVX2', 8: 'BMI2', 11: 'TSX', 14: 'MPX',
                   16: 'AVX512F', 17: 'AVX512DQ', 21: 'AVX512IFMA',
                   26: 'AVX512PF', 27: 'AVX512ER', 28: 'AVX512CD', 29: 'SHA',
                   30: 'AVX512BW', 31: 'AVX512VL'},
    (0x80000001, 'ecx'): {5: 'ABM', 6: 'SSE4A', 11: 'XOP', 16: 'FMA4',
                          21: 'TBM'},
    (0x80000001, 'edx'): {26: 'PDPE1GB', 31: '3DNOW'},
}


def of(leaves: Iterable[api.CpuLeaf]) -> set[str]:
    """Return the traits: {'HW_CPU_X86_AVX', ...}"""
    return {f'HW_CPU_X86_{name}' for leaf in leaves
            for (number, register), bits in _BITS.items()
            if number == leaf.number
            for bit, name in bits.items()
            if getattr(leaf, register) >> bit & 1}
