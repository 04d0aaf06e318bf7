# SPDX-License-Identifier: Apache-2.0
"""Virtual disks without a machine, and other files of datastores."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import folder
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import specs
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values

_EXTENT = '-flat.vmdk'


class Disks(tasks.HostTasks):
    """DiskApi and FileApi of :mod:`.interface`, but for import_disk.

    A host takes the destination's datacenter, and the specification of a
    search, as optional; vcsim does not.
    """

    def create_disk(self, path: api.DatastorePath, size: int,
                    provisioning: api.Provisioning,
                    bus: api.DiskBus) -> None:
        self._run('CreateVirtualDisk_Task',
                  self._service('virtualDiskManager'), **self._at(path),
                  spec=specs.disk(self._make, provisioning, bus, size))

    def copy_disk(self, source: api.DatastorePath, target: api.DatastorePath,
                  provisioning: api.Provisioning | None = None,
                  bus: api.DiskBus | None = None) -> None:
        wanted = (None if provisioning is None and bus is None
                  else specs.disk(self._make, provisioning, bus))
        self._run('CopyVirtualDisk_Task',
                  self._service('virtualDiskManager'),
                  **self._at(source, 'source'), **self._at(target, 'dest'),
                  destSpec=wanted, force=False)

    def move_disk(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None:
        self._run('MoveVirtualDisk_Task',
                  self._service('virtualDiskManager'),
                  **self._at(source, 'source'), **self._at(target, 'dest'),
                  force=False)

    def delete_disk(self, path: api.DatastorePath) -> None:
        self._run('DeleteVirtualDisk_Task',
                  self._service('virtualDiskManager'), **self._at(path))

    def extend_disk(self, path: api.DatastorePath, size: int) -> None:
        self._run('ExtendVirtualDisk_Task',
                  self._service('virtualDiskManager'), **self._at(path),
                  newCapacityKb=specs.in_kb(size), eagerZero=False)

    def make_folder(self, path: api.DatastorePath) -> None:
        with contextlib.suppress(errors.AlreadyExists):
            self._call('MakeDirectory', self._service('fileManager'),
                       **self._at(path), createParentDirectories=True)

    def list_folder(self, path: api.DatastorePath) -> list[api.File]:
        found = self._run(
            'SearchDatastore_Task', self._browser(path.datastore),
            datastorePath=str(path), searchSpec=self._make(
                'HostDatastoreBrowserSearchSpec',
                query=[self._make('FolderFileQuery'), self._make('FileQuery')],
                matchPattern=['*'], details=self._make(
                    'FileQueryFlags', fileType=True, fileSize=True,
                    modification=True, fileOwner=False)))
        return [_file(item) for item in values.items(found, 'file')]

    def move_file(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None:
        self._move_file(source, target, force=False)

    def _move_file(self, source: api.DatastorePath,
                   target: api.DatastorePath, force: bool) -> None:
        self._run('MoveDatastoreFile_Task', self._service('fileManager'),
                  **self._at(source, 'source'),
                  **self._at(target, 'destination'), force=force)

    def copy_file(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None:
        self._run('CopyDatastoreFile_Task', self._service('fileManager'),
                  **self._at(source, 'source'),
                  **self._at(target, 'destination'), force=False)

    def delete_file(self, path: api.DatastorePath) -> None:
        self._run('DeleteDatastoreFile_Task', self._service('fileManager'),
                  **self._at(path))

    def upload(self, path: api.DatastorePath, data: api.Readable,
               size: int) -> None:
        # An extent belongs to a descriptor, and stays where it is.
        in_place = path.name.endswith(_EXTENT)
        part = path if in_place else path.parent / (
            f'{path.name}.{uuid.uuid4().hex[:8]}.part')
        try:
            self._files.upload(self._place.datacenter_name, part, data, size)
            if not in_place:
                self._move_file(part, path, force=True)
        except BaseException:
            # A host keeps what has arrived.
            with contextlib.suppress(errors.ClientError):
                self.delete_file(part)
            raise

    def download(self, path: api.DatastorePath, target: BinaryIO) -> int:
        return self._files.download(self._place.datacenter_name, path, target)

    @contextlib.contextmanager
    def reading(self, path: api.DatastorePath,
                ) -> Iterator[tuple[int, Iterator[bytes]]]:
        with self._files.reading(self._place.datacenter_name,
                                 path) as (size, blocks):
            if size is None:
                raise errors.ClientError(
                    f'the host does not tell the size of {path}',
                    operation='download')
            yield size, blocks

    def console_log(self, path: api.DatastorePath, limit: int) -> bytes:
        return self._files.end(self._place.datacenter_name, path, limit)

    @property
    def _files(self) -> folder.Folder:
        return folder.Folder(self._link, self._session.log_in_again)

    def _browser(self, datastore: str) -> values.Ref:
        """Return who lists the files of a datastore: it does not change."""
        if datastore not in self._browsers:
            self._browsers.update(self._read_browsers())
        try:
            return self._browsers[datastore]
        except KeyError:
            raise errors.NotFound(
                f'the host has no datastore {datastore}') from None

    def _read_browsers(self) -> dict[str, values.Ref]:
        found = properties.read(self._session, properties.Wanted(
            self._place.host, {'HostSystem': ('name',),
                               'Datastore': ('summary.name', 'browser')},
            (properties.Step('HostSystem', 'datastore'),)))
        return {values.text(its.get('summary.name')): browser
                for its in found.values()
                if (browser := values.ref(its.get('browser'))) is not None}


def _file(item: values.Element) -> api.File:
    return api.File(
        path=values.text(item, 'path'),
        size=values.integer(item, 'fileSize'),
        modified=values.time(item, 'modification'),
        folder=values.kind(item) == 'FolderFileInfo')
