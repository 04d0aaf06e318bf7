# SPDX-License-Identifier: Apache-2.0
"""Virtual disks as files: a descriptor, and an extent with the bytes.

"Virtual Disk Format 5.0" (VMware, 2011) has the descriptor.  Thick and thin
extents are as long as the disk; on our own disk they are sparse.  What is
written above a parent is in an extent of our own format: a host's deltas are
its own affair, too, as no API shows them.
"""

from __future__ import annotations

import dataclasses
import os
import random
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

from nova_hypervisors.tests.fakes.esx import faults

SECTOR = 512
NONE = 'ffffffff'
_EXTENT = re.compile(r'(?:RW|RDONLY) (\d+) (\w+) "([^"]+)"')
_SETTING = re.compile(r'([\w.]+) *= *"?([^"]*)"?$')
_RECORD = struct.Struct('<QQ')

#: What a host opens.  It refuses sparse, split and stream-optimised disks:
#: pyvmomi#1064, OpenNebula#5784.
_OPENED = {'vmfs', 'vmfsSparse', 'monolithicFlat', 'vmfsRawDeviceMap',
           'vmfsPassthroughRawDeviceMap'}
_REFUSED = ('Unsupported or invalid disk type 7. Ensure that the disk has '
            'been imported.')


@dataclasses.dataclass(slots=True)
class Disk:
    """An opened disk.

    :param at: where its descriptor is, a :class:`.datastore.Location`
    :param device: the SCSI device that a mapping leads to
    """

    at: Any
    kind: str
    sectors: int
    extent: str
    cid: str
    parent_cid: str = NONE
    parent: Any = None
    thin: bool = False
    adapter: str = 'lsiLogic'
    uuid: str = ''
    device: str = ''

    @property
    def size(self) -> int:
        return self.sectors * SECTOR

    @property
    def data(self) -> Path:
        return self.at.local.parent / self.extent

    @property
    def files(self) -> list[Path]:
        return [self.at.local, self.data]

    def save(self) -> None:
        hint = f'parentFileNameHint="{self.parent}"\n' if self.parent else ''
        thin = 'ddb.thinProvisioned = "1"\n' if self.thin else ''
        device = f'ddb.device = "{self.device}"\n' if self.device else ''
        extent = {'vmfsSparse': 'VMFSSPARSE', 'vmfs': 'VMFS',
                  'monolithicFlat': 'FLAT'}.get(self.kind, 'VMFSRDM')
        self.at.local.write_text(
            '# Disk DescriptorFile\nversion=1\nencoding="UTF-8"\n'
            f'CID={self.cid}\nparentCID={self.parent_cid}\n'
            f'createType="{self.kind}"\n{hint}\n'
            f'# Extent description\nRW {self.sectors} {extent} '
            f'"{self.extent}"\n\n# The Disk Data Base\n#DDB\n\n'
            f'ddb.adapterType = "{self.adapter.lower()}"\n{thin}{device}'
            f'ddb.uuid = "{self.uuid}"\nddb.virtualHWVersion = "13"\n')


def create(at: Any, size: int, thin: bool = False, adapter: str = 'lsiLogic',
           ) -> Disk:
    """Make an empty disk; the extent is as long as the disk."""
    made = Disk(at, 'vmfs', size // SECTOR, f'{at.local.stem}-flat.vmdk',
                _cid(), thin=thin, adapter=adapter, uuid=_uuid())
    made.save()
    with made.data.open('wb') as file:
        file.truncate(made.size)
    return made


def create_child(at: Any, parent: Disk) -> Disk:
    made = Disk(at, 'vmfsSparse', parent.sectors,
                f'{at.local.stem}-delta.vmdk', _cid(), parent.cid, parent.at,
                adapter=parent.adapter, uuid=_uuid())
    made.save()
    made.data.write_bytes(b'')
    return made


def create_mapping(at: Any, device: str, size: int, physical: bool) -> Disk:
    """Make a raw device mapping."""
    kind = 'vmfsPassthroughRawDeviceMap' if physical else 'vmfsRawDeviceMap'
    made = Disk(at, kind, size // SECTOR, f'{at.local.stem}-rdm.vmdk',
                _cid(), device=device, uuid=_uuid())
    made.save()
    made.data.write_bytes(b'')
    return made


def load(at: Any) -> Disk:
    """Open a disk's descriptor.

    :raises vim.fault.FileNotFound: it is not there
    :raises vim.fault.GenericVmConfigFault: it is no disk that a host opens
    """
    if not at.local.is_file():
        raise faults.not_found(at)
    with at.local.open('rb') as file:
        # A hosted sparse disk begins so; its descriptor is inside.
        raw = file.read(1 << 16)
    if not raw.startswith(b'# Disk DescriptorFile'):
        raise faults.bad_disk(at, _REFUSED)
    return _parse(at, raw.decode('utf-8', 'replace'))


def _parse(at: Any, text: str) -> Disk:
    settings, extents = {}, []
    for line in text.splitlines():
        if found := _EXTENT.match(line):
            extents.append(found.groups())
        elif found := _SETTING.match(line):
            settings[found.group(1)] = found.group(2)
    kind = settings.get('createType', '')
    if kind not in _OPENED or len(extents) != 1:
        raise faults.bad_disk(at, _REFUSED)
    hint = settings.get('parentFileNameHint')
    return Disk(
        at, kind, int(extents[0][0]), extents[0][2],
        settings.get('CID', NONE), settings.get('parentCID', NONE),
        at.parse(hint) if hint else None,
        settings.get('ddb.thinProvisioned') == '1',
        settings.get('ddb.adapterType', 'lsilogic'),
        settings.get('ddb.uuid', ''), settings.get('ddb.device', ''))


def chain(at: Any) -> list[Disk]:
    """Open a disk and what is below it, nearest first.

    :raises vim.fault.FileNotFound: a file of them is not there
    :raises vim.fault.GenericVmConfigFault: one of them is no disk, or was
        written since its child was made
    """
    disks = [load(at)]
    while True:
        disk = disks[-1]
        if not disk.data.is_file():
            raise faults.not_found(disk.at.sibling(disk.extent))
        if disk.parent is None:
            break
        below = load(disk.parent)
        if below.sectors != disk.sectors:
            raise faults.bad_disk(
                at, 'The capacity of the parent virtual disk and the '
                'capacity of the child virtual disk are different')
        if below.cid != disk.parent_cid:
            raise faults.bad_disk(
                at, 'The parent virtual disk has been modified since the '
                'child was created. The content ID of the parent virtual '
                'disk does not match the corresponding parent content ID in '
                'the child')
        disks.append(below)
    base = disks[-1]
    if not base.device and base.data.stat().st_size < base.size:
        # Guess: a host's words for an extent that is too short.
        raise faults.bad_disk(at, 'The file specified is not a virtual disk')
    return disks


def write(disk: Disk, offset: int, data: bytes) -> None:
    """Write as a guest does: into the disk itself, not its parents."""
    if disk.kind == 'vmfsSparse':
        with disk.data.open('ab') as file:
            file.write(_RECORD.pack(offset, len(data)) + data)
    else:
        with disk.data.open('r+b') as file:
            file.seek(offset)
            file.write(data)
    disk.cid = _cid()
    disk.save()


def flatten(disks: list[Disk], target: Path) -> None:
    """Write what a guest sees into a file; holes stay holes."""
    subprocess.run(('cp', '--sparse=always', disks[-1].data, target),
                   check=True, capture_output=True)
    with target.open('r+b') as file:
        file.truncate(disks[0].size)
        for disk in reversed(disks[:-1]):
            _apply(disk.data.read_bytes(), file)


def _apply(records: bytes, file: Any) -> None:
    position = 0
    while position < len(records):
        offset, length = _RECORD.unpack_from(records, position)
        position += _RECORD.size
        file.seek(offset)
        file.write(records[position:position + length])
        position += length


def merge(child: Disk, parent: Disk) -> None:
    """Put what is in a child into its parent, and delete the child."""
    if parent.kind == 'vmfsSparse':
        with parent.data.open('ab') as file:
            file.write(child.data.read_bytes())
    else:
        with parent.data.open('r+b') as file:
            _apply(child.data.read_bytes(), file)
    parent.cid = _cid()
    parent.save()
    delete(child)


def copy(disks: list[Disk], at: Any, thin: bool, adapter: str) -> Disk:
    made = create(at, disks[0].size, thin, adapter)
    flatten(disks, made.data)
    return made


def move(disk: Disk, at: Any) -> None:
    suffix = disk.extent.removeprefix(disk.at.local.stem)
    old, data = disk.at.local, disk.data
    disk.at = at
    disk.extent = f'{at.local.stem}{suffix}'
    shutil.move(data, disk.data)
    old.unlink()
    disk.save()


def delete(disk: Disk) -> None:
    for file in disk.files:
        file.unlink(missing_ok=True)


def extend(disk: Disk, size: int) -> None:
    os.truncate(disk.data, size)
    disk.sectors = size // SECTOR
    disk.save()


def _cid() -> str:
    return f'{random.getrandbits(31):08x}'


def _uuid() -> str:
    text = f'{random.getrandbits(128):032x}'
    pairs = [text[index:index + 2] for index in range(0, 32, 2)]
    return ' '.join(pairs[:8]) + '-' + ' '.join(pairs[8:])
