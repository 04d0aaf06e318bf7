# SPDX-License-Identifier: Apache-2.0
"""FileManager and VirtualDiskManager: files and disks of locations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import locations
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import tasks
from nova_hypervisors.tests.fakes.esx import vmdk


def _files(path: Path) -> list[Path]:
    return [path, *path.rglob('*')] if path.is_dir() else [path]


class FileManager(managed.Managed):
    """It knows files and not disks: those are VirtualDiskManager's."""

    kind = vim.FileManager

    def MakeDirectory(self, name: str, datacenter: Any = None,
                      createParentDirectories: bool = False) -> None:
        """:raises vim.fault.FileAlreadyExists: it is there already"""
        at = locations.locate(self.esx, name)
        if at.local.exists():
            raise faults.exists(name)
        if not at.folder.local.is_dir() and not createParentDirectories:
            raise faults.not_found(at.folder)
        at.local.mkdir(parents=True)

    @tasks.task
    def DeleteDatastoreFile_Task(self, name: str,
                                 datacenter: Any = None) -> None:
        """Delete a file, or a folder with all that is in it."""
        at = locations.locate(self.esx, name)
        if not at.local.exists() or not at.file:
            raise faults.not_found(name)
        for file in _files(at.local):
            self.esx.locks.check_write(file, name)
        if at.local.is_dir():
            shutil.rmtree(at.local)
        else:
            at.local.unlink()

    @tasks.task
    def MoveDatastoreFile_Task(self, sourceName: str, destinationName: str,
                               sourceDatacenter: Any = None,
                               destinationDatacenter: Any = None,
                               force: bool = False) -> None:
        source, target = self._two(sourceName, destinationName, force)
        for file in _files(source.local):
            self.esx.locks.check_write(file, sourceName)
        _clear(target.local)
        shutil.move(source.local, target.local)

    @tasks.task
    def CopyDatastoreFile_Task(self, sourceName: str, destinationName: str,
                               sourceDatacenter: Any = None,
                               destinationDatacenter: Any = None,
                               force: bool = False) -> None:
        source, target = self._two(sourceName, destinationName, force)
        files = _files(source.local)
        for file in files:
            self.esx.locks.check_read(file, sourceName)
        target.datastore.reserve(
            sum(file.stat().st_size for file in files if file.is_file()),
            target)
        _clear(target.local)
        if source.local.is_dir():
            shutil.copytree(source.local, target.local)
        else:
            shutil.copyfile(source.local, target.local)

    def _two(self, source: str, target: str, force: bool) -> Any:
        """Look that the source is there, and the target is not."""
        first = locations.locate(self.esx, source)
        second = locations.locate(self.esx, target)
        if not first.local.exists():
            raise faults.not_found(source)
        if second.local.exists() and not force:
            raise faults.exists(target)
        if not second.folder.local.is_dir():
            raise faults.not_found(second.folder)
        return first, second


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class VirtualDiskManager(managed.Managed):
    kind = vim.VirtualDiskManager

    @tasks.task
    def CreateVirtualDisk_Task(self, name: str, spec: Any,
                               datacenter: Any = None) -> str:
        at = self._new(name, False)
        thin, adapter = self._spec(spec)
        if not isinstance(spec, vim.VirtualDiskManager.
                          FileBackedVirtualDiskSpec) or spec.capacityKb < 1:
            raise faults.invalid_argument('spec')
        size = spec.capacityKb * 1024
        at.datastore.reserve(0 if thin else size, name)
        vmdk.create(at, size, thin, adapter)
        return name

    @tasks.task
    def CopyVirtualDisk_Task(self, sourceName: str, destName: str,
                             sourceDatacenter: Any = None,
                             destDatacenter: Any = None,
                             destSpec: Any = None,
                             force: bool = False) -> str:
        """Without a spec the copy is thick, of a thin disk too: govmomi#3748.

        What a copy sees is the whole chain.
        """
        source = self._at(sourceName)
        try:
            disks = vmdk.chain(source)
        except vim.fault.GenericVmConfigFault as error:
            raise vim.fault.InvalidDiskFormat(msg=error.msg) from error
        for file in disks[0].files:
            self.esx.locks.check_read(file, sourceName)
        at = self._new(destName, force)
        thin, adapter = self._spec(destSpec) if destSpec else (
            False, disks[0].adapter)
        at.datastore.reserve(0 if thin else disks[0].size, destName)
        if at.local.exists():
            vmdk.delete(vmdk.load(at))
        vmdk.copy(disks, at, thin, adapter)
        return destName

    @tasks.task
    def MoveVirtualDisk_Task(self, sourceName: str, destName: str,
                             sourceDatacenter: Any = None,
                             destDatacenter: Any = None,
                             force: bool = False, profile: Any = ()) -> str:
        disk = self._writable(sourceName)
        at = self._new(destName, bool(force))
        if at.local.exists():
            vmdk.delete(vmdk.load(at))
        vmdk.move(disk, at)
        return destName

    @tasks.task
    def DeleteVirtualDisk_Task(self, name: str,
                               datacenter: Any = None) -> None:
        """A disk that a machine uses is refused only while it is on.

        A host does not know who was made on top of a disk.
        """
        vmdk.delete(self._writable(name))

    @tasks.task
    def ExtendVirtualDisk_Task(self, name: str, newCapacityKb: int,
                               datacenter: Any = None,
                               eagerZero: bool = False) -> None:
        disk = self._writable(name)
        size = newCapacityKb * 1024
        if size < disk.size or disk.parent is not None:
            raise faults.invalid_argument('newCapacityKb')
        disk.at.datastore.reserve(0 if disk.thin else size - disk.size, name)
        vmdk.extend(disk, size)

    @tasks.task
    def InflateVirtualDisk_Task(self, name: str,
                                datacenter: Any = None) -> None:
        disk = self._writable(name)
        disk.at.datastore.reserve(disk.size, name)
        disk.thin = False
        disk.save()

    def QueryVirtualDiskUuid(self, name: str, datacenter: Any = None) -> str:
        return vmdk.load(self._at(name)).uuid

    def SetVirtualDiskUuid(self, name: str, uuid: str,
                           datacenter: Any = None) -> None:
        disk = self._writable(name)
        disk.uuid = uuid
        disk.save()

    def _at(self, name: str) -> Any:
        return locations.locate(self.esx, name)

    def _writable(self, name: str) -> vmdk.Disk:
        try:
            disk = vmdk.load(self._at(name))
        except vim.fault.GenericVmConfigFault as error:
            # Guess: which of the file faults.
            raise vim.fault.CannotAccessFile(
                msg=error.msg, file=name) from error
        for file in disk.files:
            self.esx.locks.check_write(file, name)
        return disk

    def _new(self, name: str, force: bool) -> Any:
        at = self._at(name)
        if at.local.exists() and not force:
            raise faults.exists(name)
        if not at.folder.local.is_dir():
            raise faults.not_found(at.folder)
        if not name.endswith('.vmdk'):
            raise faults.invalid_argument('name')
        return at

    def _spec(self, spec: Any) -> tuple[bool, str]:
        """Return whether it is thin, and its adapter."""
        # Guess: which of the many types a VMFS takes.
        if spec.diskType not in ('preallocated', 'thin', 'thick',
                                 'eagerZeroedThick'):
            raise faults.invalid_argument('spec.diskType')
        if spec.adapterType not in vim.VirtualDiskManager.\
                VirtualDiskAdapterType.values:
            raise faults.invalid_argument('spec.adapterType')
        return spec.diskType == 'thin', spec.adapterType
