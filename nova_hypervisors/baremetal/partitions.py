# SPDX-License-Identifier: Apache-2.0
"""What is where on a disk, and the files that go there.

Without root and without loop devices: each partition is a file, and the table
is made on a file that is as large as the disk but has no blocks.  It is a GUID
partition table for BIOS too: it has no limit of four.
"""

from __future__ import annotations

import dataclasses
import json
import os
import struct
from pathlib import Path
from typing import Any

from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import programs
from nova_hypervisors.clients import errors

MIB = 1 << 20
_SECTOR = 512

#: Labels that guests look for.
CONFIG_DRIVE, EPHEMERAL, SWAP = 'config-2', 'ephemeral0', 'swap1'
BOOT, ROOT = 'efi-part', 'root'

#: That of an image of a config drive, which is an ISO image.
CONFIG_DRIVE_MB = 64

_TYPES = {BOOT: 'uefi', SWAP: 'swap'}
_SYSLINUX_MBR = Path('/usr/lib/syslinux/mbr/gptmbr.bin')

_MAKERS = {
    'ext4': ('mke2fs', '-q', '-F', '-t', 'ext4', '-L'),
    'ext3': ('mke2fs', '-q', '-F', '-t', 'ext3', '-L'),
    'xfs': ('mkfs.xfs', '-q', '-f', '-L'),
    'vfat': ('mkfs.vfat', '-n'),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A partition; all in bytes."""

    name: str
    offset: int
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """What is asked for, in MiB; 0 for none.

    :param boot: where the boot loader is, of a machine that boots by itself
    """

    root: int
    boot: int = 0
    ephemeral: int = 0
    swap: int = 0
    config_drive: int = 0


def plan(disk_size: int, sizes: Sizes) -> tuple[Part, ...]:
    """Return the partitions.

    The root is the last one, so that a guest can let it grow.

    :raises OutOfSpace: they do not fit on the disk; with all the sizes
    """
    found = []
    offset = MIB
    for name, size_mb in ((BOOT, sizes.boot), (EPHEMERAL, sizes.ephemeral),
                          (SWAP, sizes.swap),
                          (CONFIG_DRIVE, sizes.config_drive),
                          (ROOT, sizes.root)):
        if size_mb:
            found.append(Part(name, offset, size_mb * MIB))
            offset += size_mb * MIB
    # The table's copy is at the end.
    if offset + MIB > disk_size:
        wanted = ', '.join(f'{part.name} {part.size // MIB}'
                           for part in found)
        raise errors.OutOfSpace(
            f'the disk has {disk_size // MIB} MiB, and the partitions are to '
            f'have {wanted} and 2 for their table')
    return tuple(found)


def make_table(path: Path, disk_size: int, parts: tuple[Part, ...],
               mbr: Path | None = None) -> None:
    """Write a table to a new file that is as large as the disk.

    :param mbr: what a BIOS is to run, which starts the boot partition
    """
    _make_sparse(path, disk_size)
    lines = ['label: gpt']
    for part in parts:
        words = [f'start={part.offset // _SECTOR}',
                 f'size={part.size // _SECTOR}',
                 f'type={_TYPES.get(part.name, "linux")}',
                 f'name={part.name}']
        if part.name == BOOT:
            words.append('attrs=LegacyBIOSBootable')
        lines.append(', '.join(words))
    _sfdisk(path, lines)
    if mbr is not None:
        code = mbr.read_bytes()[:440]
        with path.open('r+b') as file:
            file.write(code)


def read_table(path: Path) -> tuple[Part, ...]:
    """Return the partitions that a file has in its table; none, if none."""
    try:
        found = json.loads(programs.run('sfdisk', '--json', path))
    except errors.ClientError:
        return ()
    table: dict[str, Any] = found['partitiontable']
    sector = int(table.get('sectorsize', _SECTOR))
    return tuple(Part(entry.get('name', ''), int(entry['start']) * sector,
                      int(entry['size']) * sector)
                 for entry in table.get('partitions', ()))


def add_config_drive(path: Path, head: bytes, disk_size: int) -> Part:
    """Add a partition at the end of the table of a whole disk's image.

    :param path: of a new file, as large as the disk, with the table
    :param head: what the image begins with
    :raises OutOfSpace: there is no room for it, or no place in the table
    """
    _make_sparse(path, disk_size)
    with path.open('r+b') as file:
        file.write(head)
    size = CONFIG_DRIVE_MB * MIB
    # The copy of a GUID partition table is at the very end.
    offset = (disk_size - size - MIB) // MIB * MIB
    parts = read_table(path)
    if not parts:
        raise errors.InvalidState(
            'the image has no partition table, so that there is no place for '
            'a config drive: boot it without one')
    if max(part.offset + part.size for part in parts) > offset:
        raise errors.OutOfSpace(
            f'behind the partitions of the image there is no room for a '
            f'config drive of {CONFIG_DRIVE_MB} MiB')
    if head[_SECTOR:_SECTOR + 8] == b'EFI PART':
        programs.run('sfdisk', '--relocate', 'gpt-bak-std', path)
    start, length = offset // _SECTOR, size // _SECTOR
    _sfdisk(path, [f'start={start}, size={length}, type=linux'], '--append')
    return Part(CONFIG_DRIVE, offset, size)


def disk_identifier(head: bytes) -> str:
    """Return by what a boot loader finds the disk: "0x" and 8 digits."""
    return f'0x{struct.unpack_from("<I", head, 440)[0]:08x}'


def make_file_system(path: Path, size: int, kind: str, label: str) -> None:
    """:raises InvalidArgument: it is none of those that can be made"""
    if kind not in _MAKERS:
        raise errors.InvalidArgument(
            f'a file system {kind!r} cannot be made: use one of '
            + ', '.join(sorted(_MAKERS)))
    _make_sparse(path, size)
    programs.run(*_MAKERS[kind], label, path)


def make_swap(path: Path, size: int) -> None:
    _make_sparse(path, size)
    programs.run('mkswap', '-L', SWAP, path)


def make_boot(path: Path, size: int, boot_mode: str, kernel: Path,
              ramdisk: Path, append: str,
              loaders: media.Bootloaders) -> None:
    """Write the partition that starts a kernel: GRUB's, or Syslinux's.

    :raises OutOfSpace: the kernel and its ramdisk do not fit
    """
    _make_sparse(path, size)
    programs.run('mkfs.vfat', '-n', 'BOOT', path)
    copies = [(kernel, 'vmlinuz'), (ramdisk, 'initrd')]
    config = path.with_suffix('.cfg')
    words = media.append_words(append)
    if boot_mode == media.UEFI:
        loader = path.with_suffix('.efi')
        media.make_grub(loader, loaders.grub_format)
        programs.run('mmd', '-i', path, '::EFI', '::EFI/BOOT', '::boot',
                     '::boot/grub')
        copies.append((loader, 'EFI/BOOT/'
                       + media.EFI_NAMES[loaders.grub_format]))
        config.write_text(media.grub_config(words))
        copies.append((config, 'boot/grub/grub.cfg'))
    else:
        config.write_text(media.syslinux_config(words))
        copies.append((config, 'syslinux.cfg'))
    for source, name in copies:
        programs.run('mcopy', '-i', path, source, f'::{name}')
    if boot_mode != media.UEFI:
        programs.run('syslinux', '--install', path)


def boot_code(boot_mode: str) -> Path | None:
    """Return what a BIOS is to run: see :func:`make_table`."""
    if boot_mode == media.UEFI:
        return None
    if not _SYSLINUX_MBR.exists():
        raise errors.NotInstalled(
            f'{_SYSLINUX_MBR} is not on this host: install syslinux-common')
    return _SYSLINUX_MBR


def file_system_uuid(path: Path) -> str:
    """Return the UUID of a file system; '' if it has none."""
    try:
        return programs.run('blkid', '-p', '-s', 'UUID', '-o', 'value',
                            path).strip()
    except errors.ClientError:
        return ''


def _sfdisk(path: Path, lines: list[str], *options: str) -> None:
    script = path.with_suffix('.sfdisk')
    script.write_text('\n'.join(lines) + '\n')
    # It takes a script from its standard input only.
    programs.run('sh', '-c', 'script=$1; shift; exec "$0" -q "$@" '
                 '< "$script"', programs.find('sfdisk'), script, *options,
                 path)
    script.unlink()


def _make_sparse(path: Path, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.truncate(handle, size)
    finally:
        os.close(handle)
