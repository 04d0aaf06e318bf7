# SPDX-License-Identifier: Apache-2.0
"""A datastore: a folder of ours, named by ``[datastore] folder/file``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import browser
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import sessions

GIB = 1 << 30


class Datastore(managed.Entity):
    """:ivar folder: of ours, which may be another host's datastore as well
    :ivar capacity_bytes: what is in the files counts against it
    """

    kind = vim.Datastore

    def __init__(self, esx: Any, moid: str, name: str, parent: Any,
                 folder: Path) -> None:
        super().__init__(esx, moid, name, parent)
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.capacity_bytes = 100 * GIB
        self.type = 'VMFS'
        self.accessible = True
        self.maintenance = 'normal'
        self._ballast = 0
        self._browser = browser.Browser(esx, f'{moid}-browser', self)

    def used(self) -> int:
        """Thick files take their length, thin disks what is written."""
        total = 0
        for file in self.folder.rglob('*'):
            # Uploads come and go meanwhile.
            with contextlib.suppress(FileNotFoundError):
                status = file.stat()
                total += status.st_blocks * 512 if self._is_thin(
                    file) else status.st_size * file.is_file()
        return total

    def _is_thin(self, file: Path) -> bool:
        name = file.name
        if not name.endswith('-flat.vmdk'):
            return False
        descriptor = file.with_name(f'{name[:-len("-flat.vmdk")]}.vmdk')
        return descriptor.is_file() and (
            b'thinProvisioned = "1"' in descriptor.read_bytes()[:4096])

    @property
    def free(self) -> int:
        return max(0, self.capacity_bytes - self.used() - self._ballast)

    def fill(self, free: int) -> None:
        """Let somebody else's files take all but ``free`` bytes."""
        self._ballast = 0
        self._ballast = self.free - free

    def reserve(self, size: int, path: Any) -> None:
        """:raises vim.fault.NoDiskSpace: so much is not free"""
        if size > self.free:
            raise faults.no_space(path, self.name)

    def children(self) -> list[Any]:
        return []

    @property
    def url(self) -> str:
        return f'/vmfs/volumes/{self.ref._moId}'

    @property
    def browser(self) -> Any:
        return self._browser.ref

    @property
    def vm(self) -> list[Any]:
        return [one.ref for one in self.esx.machines()
                if one.config.files.vmPathName.startswith(f'[{self.name}]')]

    @property
    def host(self) -> list[Any]:
        return [vim.Datastore.HostMount(
            key=self.esx.host_system.ref, mountInfo=vim.host.MountInfo(
                path=self.url, accessMode='readWrite', mounted=True,
                accessible=self.accessible))]

    @property
    def summary(self) -> Any:
        return vim.Datastore.Summary(
            datastore=self.ref, name=self.name, url=self.url,
            capacity=self.capacity_bytes, freeSpace=self.free,
            accessible=self.accessible, multipleHostAccess=False,
            type=self.type, maintenanceMode=self.maintenance)

    @property
    def info(self) -> Any:
        return vim.host.VmfsDatastoreInfo(
            name=self.name, url=self.url, freeSpace=self.free,
            maxFileSize=64 << 40, maxMemoryFileSize=64 << 40,
            timestamp=sessions.now())

    def RefreshDatastore(self) -> None:
        pass

    def RefreshDatastoreStorageInfo(self) -> None:
        pass
