# SPDX-License-Identifier: Apache-2.0
"""A server gets another size on the host that it is on.

What it was is a snapshot in VirtualBox until the user has decided: nothing is
copied, and going back brings its disks and its settings back together.  Only a
disk that grows is copied: a larger one that differs from a smaller one could
not be copied any more (seen with VirtualBox 7.2.22).
"""

from __future__ import annotations

from pathlib import PurePath

from nova import objects

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import request
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import spec
from nova_hypervisors.virtualbox import vmops

_MB_OF_GB = 1024

# Where VirtualBox keeps them in a machine's own folder.
_SNAPSHOTS = 'Snapshots'


class ResizeOps:
    """The lock of the instance is held by whoever calls."""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines, host_files: files.HostFiles,
                 disks: diskops.DiskOps, power: powerops.PowerOps,
                 vms: vmops.VMOps) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._power = power
        self._vms = vms

    def keep(self, instance: objects.Instance) -> None:
        """Keep what a server is, which is off, as long as it may go back."""
        self.name_disks(instance)
        self._client.take_snapshot(self._uuid(instance.uuid),
                                   spec.RESIZE_SNAPSHOT, live=False)

    def name_disks(self, instance: objects.Instance) -> None:
        """Give disks their names, whatever has them instead.

        A snapshot that is deleted leaves a disk in the one file or in the
        other, as VirtualBox likes.
        """
        uuid = self._uuid(instance.uuid)
        instance_files = self._files.instance(instance.uuid)
        names = {spec.ROOT_PORT: instance_files.root_disk}
        attached = self._attached(uuid)
        for port, disk in attached.items():
            if disk.path == str(files.aside(instance_files.swap_disk)):
                names[port] = instance_files.swap_disk
        for port, path in names.items():
            if port in attached and attached[port].path != str(path):
                self._disks.delete(path)
                self._client.move_disk(
                    api.host_path(attached[port].path), path)

    def resize(self, wanted: request.SpawnRequest) -> None:
        """Give a server that was kept its new size.

        If that fails, :meth:`go_back` makes it what it was.
        """
        self._vms.reconfigure(wanted)
        self._grow_root(wanted.instance)
        self._replace_blank_disks(wanted)

    def _grow_root(self, instance: objects.Instance) -> None:
        root = self._files.instance(instance.uuid).root_disk
        size_mb = instance.flavor.root_gb * _MB_OF_GB
        uuid = self._uuid(instance.uuid)
        current = self._attached(uuid).get(spec.ROOT_PORT)
        media = {medium.path: medium for medium in self._client.list_media()}
        if current is None or media[current.path].parent != str(root) or (
                media[current.path].capacity_mb >= size_mb):
            return
        grown = files.grown(root)
        self._client.clone_disk(api.host_path(current.path), grown)
        self._client.resize_disk(grown, size_mb)
        self._set_aside(uuid, spec.ROOT_PORT, root)
        self._client.move_disk(grown, root)
        self._client.attach_disk(uuid, spec.ROOT_PORT, root)

    def _replace_blank_disks(self, wanted: request.SpawnRequest) -> None:
        """Make swap disks of another size anew; nobody misses the old."""
        instance_files = self._files.instance(wanted.instance.uuid)
        uuid = self._uuid(wanted.instance.uuid)
        blank = {disk.port: disk for disk in spec.blank_disks(
            wanted.block_device_info, instance_files)}
        attached = self._attached(uuid)
        capacities = {medium.path: medium.capacity_mb
                      for medium in self._client.list_media()}
        swap = instance_files.swap_disk
        for port, current in attached.items():
            if self._parent(current) != str(swap):
                continue
            if port in blank and (
                    blank[port].size_mb == capacities[current.path]):
                del blank[port]
            else:
                self._set_aside(uuid, port, swap)
        for port, disk in blank.items():
            if port not in attached or disk.path == swap:
                self._client.create_disk(disk.path, disk.size_mb)
                self._client.attach_disk(uuid, port, disk.path)

    def _set_aside(self, uuid: str, port: int, path: PurePath) -> None:
        """Take a disk out and give its name away; the snapshot has it."""
        current = self._attached(uuid)[port]
        self._client.detach_disk(uuid, port)
        self._disks.delete(api.host_path(current.path))
        self._client.move_disk(path, files.aside(path))

    def confirm(self, instance: objects.Instance) -> None:
        """Forget what a server was; it may run."""
        uuid = self._uuid(instance.uuid)
        old = self._set_aside_disks(instance)
        with self._disks.forgetting_parents(old):
            if self._is_kept(uuid):
                self._client.delete_snapshot(uuid, spec.RESIZE_SNAPSHOT)
            for path in old:
                self._disks.delete(path)

    def go_back(self, instance: objects.Instance) -> None:
        """Make a server what it was, if it was kept; it is off then.

        Also if that was interrupted.
        """
        uuid = self._uuid(instance.uuid)
        if self._is_kept(uuid):
            self._power.end(uuid)
            self._client.restore_snapshot(uuid, spec.RESIZE_SNAPSHOT)
            self._delete_orphans(instance)
            self._client.delete_snapshot(uuid, spec.RESIZE_SNAPSHOT)
        self.name_disks(instance)
        self._disks.delete(files.grown(
            self._files.instance(instance.uuid).root_disk))

    def _delete_orphans(self, instance: objects.Instance) -> None:
        """Delete what was taken out and not deleted any more.

        VirtualBox merges no disk that two others differ from.
        """
        uuid = self._uuid(instance.uuid)
        folder = (self._files.instance(instance.uuid).snapshot_folder
                  or self._client.machine_settings(uuid).folder / _SNAPSHOTS)
        attached = {disk.path for disk in self._attached(uuid).values()}
        media = self._client.list_media()
        parents = {medium.parent for medium in media}
        for medium in media:
            path = api.host_path(medium.path)
            if path.parent == folder and path.name.startswith('{') and (
                    medium.path not in attached | parents):
                self._disks.delete(path)

    def _is_kept(self, uuid: str) -> bool:
        return spec.RESIZE_SNAPSHOT in self._client.machine_settings(
            uuid).snapshots

    def _set_aside_disks(self, instance: objects.Instance) -> list[PurePath]:
        instance_files = self._files.instance(instance.uuid)
        return [files.aside(disk) for disk in (instance_files.root_disk,
                                               instance_files.swap_disk)
                if self._disks.exists(files.aside(disk))]

    def _attached(self, uuid: str) -> dict[int, api.AttachedDisk]:
        settings = self._client.machine_settings(uuid)
        return {disk.port: disk for disk in settings.disks
                if disk.kind is api.DiskKind.DISK and disk.lun is None}

    def _parent(self, disk: api.AttachedDisk) -> str | None:
        return next((medium.parent for medium in self._client.list_media()
                     if medium.path == disk.path), None)

    def _uuid(self, instance_uuid: str) -> str:
        return self._machines.machine_uuid(instance_uuid)
