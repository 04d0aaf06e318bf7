# SPDX-License-Identifier: Apache-2.0
"""Which format the state has that a service keeps on its disk.

It grows by files that older versions do not miss.  What would be read wrong
by them gets a higher number, and code here that brings the older one forward.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from nova import exception

#: What is written now.
NUMBER = 1

_NAME = 'format'


def ensure(folder: Path) -> None:
    """Note the format in a folder of state, if it is one that is known.

    Versions before there was a note had format 1.

    :raises InvalidConfiguration: a newer version has been here
    :raises OSError: the note cannot be read or written
    """
    path = folder / _NAME
    try:
        found = path.read_text().strip()
    except FileNotFoundError:
        _write(path)
        return
    if not found.isdecimal() or not 0 < int(found) <= NUMBER:
        raise exception.InvalidConfiguration(
            f'{path} says that the state there has the format {found!r}, and '
            f'this version of nova-hypervisors knows formats up to {NUMBER}: '
            'install the version again that was here before, or a newer one')


def _write(path: Path) -> None:
    part = path.with_name(f'{path.name}.part')
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    part.write_text(f'{NUMBER}\n')
    part.replace(path)
