# SPDX-License-Identifier: Apache-2.0
"""Disks of servers that are files."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from pathlib import PurePath

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.virt import configdrive
from oslo_log import log as logging
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import configdrive as drives
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import images
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import firmware
from nova_hypervisors.virtualbox import spec
from nova_hypervisors.virtualbox import storage

LOG = logging.getLogger(__name__)

# An ISO image comes with an empty root disk, to install to.
_SMALLEST_ROOT_GB = 1


class DiskOps:
    """:param differencing: [DEFAULT] use_cow_images"""

    def __init__(self, client: interface.VBoxClient,
                 where: storage.Storage, differencing: bool) -> None:
        self._client = client
        self._storage = where
        self._cache = where.images
        self._differencing = differencing

    def fetch(self, spawn: request.SpawnRequest) -> PurePath:
        """Return the server's image in the cache."""
        return self.fetch_image(spawn.context, spawn.instance,
                                spawn.instance.image_ref)

    def fetch_image(self, context: nova_context.RequestContext,
                    instance: objects.Instance, image_ref: str) -> PurePath:
        """Return an image in the cache, for a disk of a server."""
        path, _ = self._cache.ensure(context, image_ref,
                                     instance.trusted_certs,
                                     instance.flavor.root_gb)
        return path

    def create(self, spawn: request.SpawnRequest, image: PurePath | None,
               machine_uuid: str, undo: undoing.Undo,
               instance_files: files.InstanceFiles) -> None:
        """Make all disks of a server and attach them.

        :param image: None if a volume is its root disk
        :param undo: gets what takes back what was done
        """
        if image is not None:
            self._create_root(instance_files.root_disk, image,
                              spawn.instance.flavor.root_gb, machine_uuid,
                              undo)
        self._attach_others(spawn, machine_uuid, undo, instance_files)

    def _attach_others(self, spawn: request.SpawnRequest, machine_uuid: str,
                       undo: undoing.Undo,
                       instance_files: files.InstanceFiles) -> None:
        """Attach all but the root disk; make what is not there."""
        for disk in spec.blank_disks(spawn.block_device_info, instance_files):
            if disk.path == instance_files.swap_disk and (
                    self.exists(disk.path)
                    and images.size_mb(Path(disk.path), 'vdi')
                    != disk.size_mb):
                # Another size was asked for, and nobody misses it.
                self._storage.delete(disk.path)
            if not self.exists(disk.path):
                self._create_blank(disk.path, disk.size_mb, undo)
            self._client.attach_disk(machine_uuid, disk.port, disk.path)
        if configdrive.required_by(spawn.instance):
            configdrive.update_instance(spawn.instance)
            if not self.exists(instance_files.config_drive):
                self._storage.write(instance_files.config_drive,
                                    functools.partial(drives.write, spawn))
            self._client.attach_disk(
                machine_uuid, spec.CONFIG_DRIVE_PORT,
                instance_files.config_drive, api.DiskKind.DVD)

    def _create_root(self, root: PurePath, image: PurePath, root_gb: int,
                     machine_uuid: str, undo: undoing.Undo) -> None:
        if imagecache.is_iso(image):
            self._client.attach_disk(machine_uuid, spec.ISO_PORT, image,
                                     api.DiskKind.DVD)
            size_gb = max(root_gb, _SMALLEST_ROOT_GB)
            self._create_blank(root, size_gb * units.Ki, undo)
        else:
            self.create_from_image(root, image, root_gb, undo)
        self._client.attach_disk(machine_uuid, spec.ROOT_PORT, root)

    def adopt(self, spawn: request.SpawnRequest, machine_uuid: str,
              undo: undoing.Undo,
              instance_files: files.InstanceFiles) -> None:
        """Attach a server's disks that are there already.

        Those that are not there are made; its root disk is there, or is a
        volume.
        """
        instance = spawn.instance
        firmware.restore(self._client.machine_settings(machine_uuid),
                         instance_files)
        root = self.find_root(instance_files)
        if instance.system_metadata.get('image_disk_format') == 'iso':
            self._client.attach_disk(machine_uuid, spec.ISO_PORT,
                                     self.fetch(spawn), api.DiskKind.DVD)
        if root is not None:
            undo.add(self._close, root, delete=False)
            with self.knowing_bases():
                self._client.attach_disk(machine_uuid, spec.ROOT_PORT, root)
            if not self._differs(root):
                self._grow(root, instance.flavor.root_gb * units.Ki)
        self._attach_others(spawn, machine_uuid, undo, instance_files)

    def find_root(self, instance_files: files.InstanceFiles,
                  ) -> PurePath | None:
        """Return a server's root disk, by whatever name it is there.

        A snapshot that was deleted may have left it in its own file.
        """
        if instance_files.host is not None:
            return None
        if self.exists(instance_files.root_disk):
            return instance_files.root_disk
        found = sorted(instance_files.folder.glob('{*}.vdi'))
        return found[0] if len(found) == 1 else None

    def _differs(self, disk: PurePath) -> bool:
        return any(medium.path == str(disk) and medium.parent
                   for medium in self._client.list_media())

    def _grow(self, disk: PurePath, size_mb: int) -> None:
        if images.size_mb(Path(disk), 'vdi') < size_mb:
            self._client.resize_disk(disk, size_mb)

    def described(self, machine_uuid: str) -> list[api.Medium]:
        """Return what VirtualBox says of a machine's own disks."""
        own = {disk.path for disk
               in self._client.machine_settings(machine_uuid).disks
               if disk.lun is None and disk.kind is api.DiskKind.DISK}
        return [medium for medium in self._client.list_media()
                if medium.path in own]

    def flatten(self, disk: PurePath, target: PurePath) -> bool:
        """Copy a disk that differs from another; say whether it does."""
        differs = self._differs(disk)
        if differs:
            self._client.clone_disk(disk, target)
        return differs

    def create_from_image(self, root: PurePath, image: PurePath,
                          root_gb: int, undo: undoing.Undo) -> None:
        """Make a disk of an image that is none to be installed from."""
        base = self._cache.base(image, root_gb)
        if self._differencing:
            # VirtualBox keeps the base open for as long as it has children.
            undo.add(self.forget, base)
            undo.add(self._close, root, delete=True)
            self._client.create_child_disk(root, base)
        else:
            self._cache.copy(base, root)

    def _create_blank(self, path: PurePath, size_mb: int,
                      undo: undoing.Undo) -> None:
        undo.add(self._close, path, delete=True)
        self._client.create_disk(path, size_mb)

    def _close(self, path: PurePath, delete: bool,
               kind: api.DiskKind = api.DiskKind.DISK) -> None:
        """Make VirtualBox forget a disk, if it does not do without us."""
        with contextlib.suppress(errors.NotFound, errors.InUse):
            self._client.close_medium(path, delete, kind)

    def forget(self, path: PurePath,
                kind: api.DiskKind = api.DiskKind.DISK) -> None:
        """Let VirtualBox forget what machines share, unless one has it.

        A machine that is just starting holds it as well.
        """
        with contextlib.suppress(errors.Busy):
            self._close(path, delete=False, kind=kind)

    def exists(self, path: PurePath) -> bool:
        return self._storage.exists(path)

    def delete(self, path: PurePath) -> None:
        """Delete a disk that is attached nowhere, if it is there.

        VirtualBox also forgets what it differed from, if nothing else does.
        """
        with self.forgetting_parents([path]):
            self._close(path, delete=True)
            self._storage.delete(path)

    @contextlib.contextmanager
    def forgetting_parents(self, paths: Collection[PurePath],
                           ) -> Iterator[None]:
        """Let VirtualBox forget what disks differed from that go meanwhile.

        It does not by itself, and the cache would keep it.
        """
        names = {str(path) for path in paths}
        parents = [medium.parent for medium in self._client.list_media()
                   if medium.path in names and medium.parent]
        yield
        for parent in parents:
            self.forget(api.host_path(parent))

    def forget_all(self, instance_files: files.InstanceFiles) -> None:
        """Close the disks of a server that was never finished."""
        media = self._client.list_media()
        own = [medium for medium in media
               if instance_files.owns(api.host_path(medium.path))]
        parents = {medium.parent for medium in own if medium.parent}
        for medium in own:
            self._close(api.host_path(medium.path), delete=False)
        for parent in parents:
            self.forget(api.host_path(parent))

    def delete_files(self, instance_files: files.InstanceFiles) -> None:
        """Delete whatever a server has left."""
        self._storage.delete_all(instance_files)

    @contextlib.contextmanager
    def knowing_bases(self) -> Iterator[None]:
        """Let VirtualBox know what disks may differ from, for a while.

        It opens no disk without what the disk differs from.
        """
        bases = self._cache.bases()
        for path in bases:
            with contextlib.suppress(errors.ClientError):
                self._client.open_disk(path)
        try:
            yield
        finally:
            for path in bases:
                self.forget(path)

    def mend(self, machines: Mapping[str, files.InstanceFiles]) -> None:
        """Make machines usable again whose disks VirtualBox has lost.

        It notes a parent in the settings of one of the machines whose disks
        differ from it.  When those settings are gone, it knows the disks of
        none of them.

        :param machines: our machines' files, by the machine's UUID
        """
        lost = {machine.uuid for machine in self._client.list_machines()
                if not machine.accessible} & machines.keys()
        roots = {}
        for uuid in lost:
            with contextlib.suppress(errors.ClientError):
                # If its settings are there.
                self._client.machine_settings(uuid)
                roots[uuid] = machines[uuid].root_disk
        if not roots:
            return
        for path in (*self._cache.bases(), *roots.values()):
            with contextlib.suppress(errors.ClientError):
                self._client.open_disk(path)
        for machine in self._client.list_machines():
            if machine.uuid in roots and machine.accessible:
                LOG.warning('Machine %s had lost its disks; they are attached '
                            'again', machine.uuid)
                self._client.detach_disk(machine.uuid, spec.ROOT_PORT)
                self._client.attach_disk(machine.uuid, spec.ROOT_PORT,
                                         roots[machine.uuid])

    @contextlib.contextmanager
    def forgetting_images(self, machine_uuid: str) -> Iterator[None]:
        """Close a machine's ISO images after the machine is gone.

        VirtualBox would keep them open, and the cache would keep them.
        """
        try:
            disks = self._client.machine_settings(machine_uuid).disks
        except errors.ClientError:
            disks = ()
        yield
        for disk in disks:
            if disk.kind is api.DiskKind.DVD:
                self.forget(api.host_path(disk.path), disk.kind)

    def cache_image(self, context: nova_context.RequestContext,
                    image_ref: str) -> bool:
        """Fetch an image; return whether it had not been there."""
        _, fetched = self._cache.ensure(context, image_ref)
        return fetched

    def age_cache(self, ages: imagecache.Ages) -> None:
        known = {api.host_path(medium.path)
                 for medium in self._client.list_media()}
        for path in known.intersection(self._cache.isos()):
            # Left open by a deletion that failed half way; or in use, still.
            self.forget(path, api.DiskKind.DVD)
        self._cache.age(known, ages)


def root_disk(settings: api.MachineSettings) -> PurePath:
    """Return the file that a machine's root disk is now.

    :raises DiskNotFound: it has none, or has a volume
    """
    for disk in settings.disks:
        if disk.port == spec.ROOT_PORT and disk.lun is None:
            return api.host_path(disk.path)
    raise exception.DiskNotFound(location=f'{settings.uuid}, port '
                                 f'{spec.ROOT_PORT}')
