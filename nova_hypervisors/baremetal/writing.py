# SPDX-License-Identifier: Apache-2.0
"""Putting an image, and what belongs to it, on a disk behind a target."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import partitions
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import iscsi

LOG = logging.getLogger(__name__)

_MIB = partitions.MIB
# How long logging in may take.
_LOGIN_S = 60.0
# Where the tables of all kinds are.
_HEAD = _MIB
# What of a swap partition is written: its header.
_SWAP_HEAD = _MIB


@dataclasses.dataclass(frozen=True, slots=True)
class Kernel:
    """What a partition image is started with.

    :param append: of the kernel; where the root is comes to it
    """

    kernel: Path
    ramdisk: Path
    append: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the disk is to be like.

    :param image: a raw file that has been looked at: see common/images.py;
        of a whole disk, or of the file system of its root
    :param config_drive: the image of one
    :param kernel: for a partition image that is to boot by itself
    :param preserve_ephemeral: leave what is in the ephemeral partition
    :param verify: read everything back
    """

    image: Path
    whole_disk: bool
    root_mb: int
    swap_mb: int = 0
    ephemeral_mb: int = 0
    ephemeral_format: str = 'ext4'
    preserve_ephemeral: bool = False
    config_drive: Path | None = None
    boot_mode: str = media.BIOS
    boot_mb: int = 200
    kernel: Kernel | None = None
    verify: bool = False
    loaders: media.Bootloaders = dataclasses.field(
        default_factory=media.Bootloaders)


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What was written, to be found by.

    :param root_uuid: of the root's file system; '' of a whole disk
    :param disk_identifier: of a whole disk; '' of partitions
    """

    root_uuid: str = ''
    disk_identifier: str = ''
    boot_uuid: str = ''


def check(wanted: Wanted, image_size: int) -> None:
    """Find out what cannot be, before a machine is started for it.

    :param image_size: of what the image holds, in bytes
    :raises InvalidArgument: says what does not go together
    """
    if wanted.whole_disk and (wanted.swap_mb or wanted.ephemeral_mb):
        raise errors.InvalidArgument(
            'Cannot deploy whole disk image with swap or ephemeral size set: '
            'use a flavor without them, or an image of a partition')
    size_mb = -(-image_size // _MIB)
    if wanted.root_mb < size_mb:
        raise errors.InvalidArgument(
            'Root partition is too small for requested image. Image size: '
            f'{size_mb} MB, Root size: {wanted.root_mb} MB')


def written_whole(head: bytes) -> Written:
    """:param head: what the image of a whole disk begins with"""
    return Written(disk_identifier=partitions.disk_identifier(head))


class Writer:
    """Writes one disk.

    :param folder: for files of the size of what is written
    :param step: is told what is being done
    """

    def __init__(self, disk: iscsi.Disk, folder: Path,
                 step: Callable[[str], None] = LOG.info) -> None:
        self._disk = disk
        self._folder = folder
        self._step = step
        self._done: list[tuple[iscsi.Piece, int, int]] = []

    def write(self, wanted: Wanted) -> Written:
        """:raises ClientError: what is on the disk is a part of it"""
        self._step('log in to the disk')
        size = self._disk.get_size(_LOGIN_S)
        self._done = []
        with tempfile.TemporaryDirectory(dir=self._folder,
                                         prefix='writing-') as folder:
            write = (self._whole_disk if wanted.whole_disk
                     else self._partitions)
            written = write(wanted, size, Path(folder))
            if wanted.verify:
                self._step('verify the disk')
                for piece, offset, place in self._done:
                    self._disk.verify(piece, offset, place)
        return written

    def add_config_drive(self, image: Path, config_drive: Path) -> None:
        """Add a config drive to a whole disk that has its image already.

        :raises ClientError: see :meth:`write`
        """
        size = self._disk.get_size(_LOGIN_S)
        with image.open('rb') as file:
            head = file.read(_HEAD)
        with tempfile.TemporaryDirectory(dir=self._folder,
                                         prefix='writing-') as folder:
            table = Path(folder, 'table')
            part = partitions.add_config_drive(table, head, size)
            self._step('write the config drive')
            self._put_table(table, size)
            self._put_file(config_drive, part)

    def _whole_disk(self, wanted: Wanted, size: int,
                    folder: Path) -> Written:
        image_size = wanted.image.stat().st_size
        if image_size > size:
            raise errors.OutOfSpace(
                f'the image has {-(-image_size // _MIB)} MiB and the disk '
                f'{size // _MIB}')
        with wanted.image.open('rb') as file:
            head = file.read(_HEAD)
        # All that can be wrong with it is found before it is written.
        table, part = folder / 'table', None
        if wanted.config_drive is not None:
            part = partitions.add_config_drive(table, head, size)
        self._step('write the image')
        self._put(iscsi.Piece(wanted.image), 0, image_size)
        if part is not None and wanted.config_drive is not None:
            self._step('write the config drive')
            # The table is another one now, and so may its copy be.
            rest = (min(image_size, part.offset) - _HEAD) // _MIB * _MIB
            self._done = [(iscsi.Piece(wanted.image, offset=_HEAD, size=rest),
                           _HEAD, rest)]
            self._put_table(table, size)
            self._put_file(wanted.config_drive, part)
        return written_whole(head)

    def _partitions(self, wanted: Wanted, size: int,
                    folder: Path) -> Written:
        parts = partitions.plan(size, partitions.Sizes(
            wanted.root_mb, wanted.boot_mb if wanted.kernel else 0,
            wanted.ephemeral_mb, wanted.swap_mb,
            partitions.CONFIG_DRIVE_MB if wanted.config_drive else 0))
        by_name = {part.name: part for part in parts}
        root_uuid = partitions.file_system_uuid(wanted.image)
        if wanted.preserve_ephemeral:
            self._check_ephemeral(by_name, size, folder)
        files = self._make_files(wanted, by_name, root_uuid, folder)
        table = folder / 'table'
        partitions.make_table(
            table, size, parts, partitions.boot_code(wanted.boot_mode)
            if wanted.kernel else None)
        self._step('write the partition table')
        self._put_table(table, size)
        for name, path in files.items():
            self._step(f'write the partition {name}')
            if name == partitions.SWAP:
                part = by_name[name]
                self._put(iscsi.Piece(path, size=_SWAP_HEAD), part.offset,
                          _SWAP_HEAD)
            else:
                self._put_file(path, by_name[name])
        boot = files.get(partitions.BOOT)
        return Written(root_uuid, boot_uuid=partitions.file_system_uuid(boot)
                       if boot else '')

    def _make_files(self, wanted: Wanted, parts: dict[str, partitions.Part],
                    root_uuid: str, folder: Path) -> dict[str, Path]:
        """Return the files that go to partitions, by the names of these."""
        files = {}
        if wanted.kernel is not None:
            append = f'root=UUID={root_uuid} {wanted.kernel.append}'
            files[partitions.BOOT] = folder / 'boot'
            partitions.make_boot(
                files[partitions.BOOT], parts[partitions.BOOT].size,
                wanted.boot_mode, wanted.kernel.kernel,
                wanted.kernel.ramdisk, append.strip(), wanted.loaders)
        if wanted.ephemeral_mb and not wanted.preserve_ephemeral:
            files[partitions.EPHEMERAL] = folder / 'ephemeral'
            partitions.make_file_system(
                files[partitions.EPHEMERAL], parts[partitions.EPHEMERAL].size,
                wanted.ephemeral_format, partitions.EPHEMERAL)
        if wanted.swap_mb:
            files[partitions.SWAP] = folder / 'swap'
            partitions.make_swap(files[partitions.SWAP],
                                 parts[partitions.SWAP].size)
        if wanted.config_drive is not None:
            files[partitions.CONFIG_DRIVE] = wanted.config_drive
        files[partitions.ROOT] = wanted.image
        return files

    def _check_ephemeral(self, parts: dict[str, partitions.Part], size: int,
                         folder: Path) -> None:
        """:raises InvalidState: it is not where it would be now"""
        path = folder / 'before'
        self._disk.read(path, 0, _HEAD)
        with path.open('r+b') as file:
            file.truncate(size)
        wanted = parts.get(partitions.EPHEMERAL)
        if wanted is None or wanted not in partitions.read_table(path):
            raise errors.InvalidState(
                'the ephemeral partition cannot be preserved: there is none '
                'on the disk at the place and of the size that it would have '
                'now')
        path.unlink()

    def _put_table(self, table: Path, size: int) -> None:
        """Write both ends of the disk: the table, and its copy."""
        for offset in (0, (size - _HEAD) // iscsi.SECTOR * iscsi.SECTOR):
            self._put(iscsi.Piece(table, offset=offset, size=_HEAD), offset,
                      _HEAD)

    def _put_file(self, path: Path, part: partitions.Part) -> None:
        size = path.stat().st_size
        if size > part.size:
            raise errors.OutOfSpace(
                f'{path.name} has {-(-size // _MIB)} MiB and its partition '
                f'{part.name} {part.size // _MIB}')
        self._put(iscsi.Piece(path), part.offset, size)

    def _put(self, piece: iscsi.Piece, offset: int, size: int) -> None:
        # QEMU takes a file for one of whole sectors, too.
        place = -(-size // iscsi.SECTOR) * iscsi.SECTOR
        self._disk.write(piece, offset, place)
        self._done.append((piece, offset, place))
