# SPDX-License-Identifier: Apache-2.0
"""Servers of a host that is lost, on a datastore that this one has, too."""

from __future__ import annotations

import dataclasses
import io
import uuid

from nova import exception
from nova import objects
from nova.compute import task_states

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import hostops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines

# A descriptor of a disk is a text of less; see "Virtual Disk Format 5.0".
_CHILD = b'parentFileNameHint'

_PROBE = b'Whoever sees this file has the same datastore.\n'


@dataclasses.dataclass(frozen=True, slots=True)
class LostServer:
    """What there is of a server that another host had.

    :param names: of the files in its folder
    """

    files: layout.InstanceFiles
    names: frozenset[str]


class EvacuateOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, where: layout.Layout,
                 host: hostops.HostOps) -> None:
        self._client = client
        self._machines = machine_map
        self._layout = where
        self._host = host

    def is_on_disk(self, instance: objects.Instance) -> bool:
        return self.find(instance.uuid) is not None

    def arriving(self, instance: objects.Instance) -> LostServer | None:
        """Return what a server that is spawned has here from another host.

        Nova spawns anew in two cases: here, where all was deleted before, and
        after a host was lost.
        """
        if instance.task_state != task_states.REBUILD_SPAWNING:
            return None
        return self.find(instance.uuid)

    def find(self, instance_uuid: str) -> LostServer | None:
        for datastore in self._host.usable():
            files = self._layout.instance(datastore.name, instance_uuid)
            try:
                names = frozenset(file.path for file
                                  in self._client.list_folder(files.folder))
            except errors.NotFound:
                continue
            if {files.machine.name, files.root_disk.name} & names:
                return LostServer(files, names)
        return None

    def take_over(self, lost: LostServer) -> None:
        """Let a server's disks be used by a machine of this host.

        :raises InUse: its machine runs, and its host is not lost

        :raises MigrationError: it has more than its disks
        """
        root = lost.files.root_disk
        stem = root.name.removesuffix('.vmdk')
        newer = sorted(name for name in lost.names
                       if name.startswith(f'{stem}-0'))
        if newer:
            raise exception.MigrationError(
                reason=f'{lost.files.folder} has {newer[0]}, which is newer '
                f'than {root.name}: the host was lost while a snapshot was '
                'made. Register its machine on a host, and delete the '
                'snapshot there')
        if lost.files.machine.name in lost.names:
            # Who has it running has it locked.
            self._client.delete_file(lost.files.machine)
        if root.name in lost.names and self._is_child(root):
            self._make_whole(lost.files)

    def _is_child(self, disk: api.DatastorePath) -> bool:
        found = io.BytesIO()
        self._client.download(disk, found)
        return _CHILD in found.getvalue()

    def _make_whole(self, files: layout.InstanceFiles) -> None:
        """Copy a child: its parent is another host's, which may delete it."""
        whole = files.folder / 'whole.vmdk'
        with undoing.Undo() as undo:
            undo.add(self._client.delete_disk, whole)
            self._client.copy_disk(files.root_disk, whole)
            undo.pop_all()
        self._client.delete_disk(files.root_disk)
        self._client.move_disk(whole, files.root_disk)

    # Whether two hosts have the same datastore

    def probe(self, instance: objects.Instance) -> str:
        """Leave a file where a server's files are; return its name."""
        try:
            folder = self._machines.files(instance.uuid).folder.parent
        except errors.MachineNotFound:
            folder = self._layout.instance(
                self._host.usable()[0].name, instance.uuid).folder.parent
        name = f'probe-{uuid.uuid4()}'
        self._client.make_folder(folder)
        self._client.upload(folder / name, io.BytesIO(_PROBE), len(_PROBE))
        return name

    def sees(self, name: str) -> bool:
        return bool(self._places(name))

    def delete_probe(self, name: str) -> None:
        for path in self._places(name):
            self._client.delete_file(path)

    def _places(self, name: str) -> list[api.DatastorePath]:
        found = []
        for datastore in self._host.usable():
            folder = self._layout.instance(datastore.name, 'x').folder.parent
            try:
                files = self._client.list_folder(folder)
            except errors.NotFound:
                continue
            if name in {file.path for file in files}:
                found.append(folder / name)
        return found
