# SPDX-License-Identifier: Apache-2.0
"""Ports as an operator writes them."""

from __future__ import annotations

import re

_PORTS = re.compile(r'^\d+(-\d+)?(,\d+(-\d+)?)*$')
_LARGEST_PORT = 65535


def ports(text: str) -> list[int]:
    """Read ``3389``, ``5900-6000``, or several of these with commas.

    :raises ValueError: it is none of these
    """
    if not _PORTS.match(text.replace(' ', '')):
        raise ValueError(f'{text!r} is neither a port nor a range such as '
                         '5900-6000, nor several of these with commas between')
    found: list[int] = []
    for part in text.replace(' ', '').split(','):
        first, _, last = part.partition('-')
        if not 1 <= int(first) <= int(last or first) <= _LARGEST_PORT:
            raise ValueError(f'{part!r} in {text!r} names no ports between 1 '
                             f'and {_LARGEST_PORT}')
        found += range(int(first), int(last or first) + 1)
    return found
