# SPDX-License-Identifier: Apache-2.0
"""A VirtualBox whose host has no file in common with us."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import tempfile
from pathlib import Path
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.fakes import vbox

_SECTOR = 512


class FakeRemoteVBox(vbox.FakeVBox):
    """Implements :class:`.clients.vbox.interface.RemoteClient`.

    :ivar files: what is on the host, by path
    :ivar serial: what machines have said, by UUID
    """

    def __init__(self, **host) -> None:
        super().__init__()
        self.files: dict[PurePath, bytes] = {}
        self.folders: set[PurePath] = set()
        self.serial: dict[str, bytes] = {}
        self._host = host

    def host(self):
        return dataclasses.replace(super().host(), **self._host)

    # Its files are the host's

    def _make_machine_folder(self, folder):
        self.folders.add(folder)

    def _delete_machine_folder(self, folder):
        self.folders.discard(folder)
        self.files = {path: data for path, data in self.files.items()
                      if not path.is_relative_to(folder)}

    def _is_file(self, path):
        return str(path) in map(str, self.files)

    def _write_file(self, path, data):
        self.files[path] = data

    def _copy_file(self, source, target):
        self._write_file(target, self._read_file(source))

    def _delete_file(self, path):
        self.files = {other: data for other, data in self.files.items()
                      if str(other) != str(path)}

    def _read_file(self, path):
        for other, data in self.files.items():
            if str(other) == str(path):
                return data
        raise errors.MediumNotFound(f'no file {path}')

    # HostFilesApi

    def make_folder(self, folder):
        self.folders.add(folder)

    def list_files(self, folder):
        if folder not in self.folders:
            raise errors.NotFound(f'no folder {folder}')
        return {path.name: len(data) for path, data in self.files.items()
                if path.parent == folder}

    def delete_file(self, path):
        self._delete_file(path)

    def upload_disk(self, source, target):
        self._check_new(source, target)
        self._write_file(target, _converted(source, 'raw', 'vdi'))

    def upload_file(self, source, target):
        self._check_new(source, target)
        self._write_file(target, source.read_bytes())

    def _check_new(self, source, target):
        if source.stat().st_size % _SECTOR:
            raise errors.InvalidArgument(f'{source} has parts of sectors')
        if self._is_file(target):
            raise errors.AlreadyExists(f'there is a file {target}')
        self.folders.add(target.parent)

    def move_medium(self, path, folder, kind=api.DiskKind.DISK):
        self._copy_file(path, folder / path.name)
        self._delete_file(path)
        self.media.pop(str(path), None)

    def virtual_size(self, path):
        # VirtualBox's VDICore.h, VDIHEADER1.cbDisk.
        return struct.unpack_from('<Q', self._read_file(path), 0x170)[0]

    def download_disk(self, source, target):
        self._known(source)
        path = str(source)
        while self.media[path].parent is not None:
            path = self.media[path].parent
        with tempfile.NamedTemporaryFile() as disk:
            Path(disk.name).write_bytes(self._read_file(path))
            target.write_bytes(_converted(Path(disk.name), 'vdi', 'vmdk'))

    def disk_space(self, folder):
        return api.DiskSpace(100 << 30, 60 << 30)

    def serial_log(self, uuid, count):
        self._machine(uuid)
        return self.serial.get(uuid, b'')[-count:]


def _converted(source: Path, source_format: str, target_format: str) -> bytes:
    options = (('-o', 'subformat=streamOptimized') if target_format == 'vmdk'
               else ())
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, 'target')
        subprocess.run(
            ['qemu-img', 'convert', '-f', source_format, '-O', target_format,
             *options, str(source), str(target)], check=True)
        return target.read_bytes()
