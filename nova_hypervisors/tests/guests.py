# SPDX-License-Identifier: Apache-2.0
"""The test guest and what it says: see lab/virtualbox/guest.s."""

import io
import re
from pathlib import Path

import pycdlib

from nova_hypervisors.tests import peers

_SECTOR = 512
_CD_SECTOR = 2048
_SAYS = b'guest up'


def saying(words: bytes = _SAYS) -> bytes:
    """Return a guest that begins with other words, which are as long."""
    sector = peers.lab().guest.read_bytes()[:_SECTOR]
    assert sector.count(_SAYS) == 1
    assert len(words) == len(_SAYS)
    return sector.replace(_SAYS, words)


def write_cd(path: Path, words: bytes = _SAYS) -> Path:
    """Write a CD from which a BIOS boots the guest."""
    boot = saying(words).ljust(_CD_SECTOR, b'\0')
    iso = pycdlib.PyCdlib()
    iso.new()
    iso.add_fp(io.BytesIO(boot), len(boot), '/BOOT.;1')
    iso.add_eltorito('/BOOT.;1', bootcatfile='/BOOT.CAT;1')
    iso.write(str(path))
    iso.close()
    return path


def without_beats(text: bytes) -> bytes:
    """Leave out what it says between characters that it repeats."""
    return re.sub(b'beat [0-9a-f]{4}\r?\n', b'', text)
