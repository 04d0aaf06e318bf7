# SPDX-License-Identifier: Apache-2.0
"""Snapshots of servers, which are images in Glance."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePath
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
from nova.image import glance
from nova.virt import images as nova_images
from oslo_log import log as logging
from oslo_utils import uuidutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import images
from nova_hypervisors.common import locks
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import storage

LOG = logging.getLogger(__name__)

#: The names of the snapshots in VirtualBox that we take begin with it.
PREFIX = 'nova-'

_RUNNING = (api.MachineState.RUNNING, api.MachineState.PAUSED)

_OPTIONS = {
    'qcow2': ('-c',),
    'vmdk': ('-o', 'subformat=streamOptimized'),
}


class SnapshotOps:
    """:param image_format: in which snapshots go to Glance

    :param timeout_s: limit of one conversion
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles, where: storage.Storage,
                 instance_locks: locks.InstanceLocks,
                 image_api: glance.API, *,
                 image_format: str, timeout_s: float) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._storage = where
        self._locks = instance_locks
        self._image_api = image_api
        self._format = image_format
        self._timeout_s = timeout_s

    def snapshot(self, context: nova_context.RequestContext,
                 instance: objects.Instance, image_id: str,
                 update_task_state: Callable[..., None]) -> None:
        """Put what is on a server's root disk into an image.

        :raises InstanceNotRunning: there is no such machine
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        with self._scratch() as scratch:
            with (self._locks.hold(instance.uuid),
                  self._frozen_root(instance, uuid) as root):
                disk, disk_format = self._storage.read(root, scratch)
            image = self._converted(disk, disk_format)
            update_task_state(
                task_state=task_states.IMAGE_UPLOADING,
                expected_state=task_states.IMAGE_PENDING_UPLOAD)
            self._upload(context, instance, image_id, image)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Yield a path whose suffixes may be used."""
        path = self._files.snapshots / uuidutils.generate_uuid()
        try:
            yield path
        finally:
            for leftover in self._files.snapshots.glob(f'{path.name}*'):
                leftover.unlink()

    @contextlib.contextmanager
    def _frozen_root(self, instance: objects.Instance,
                     uuid: str) -> Iterator[PurePath]:
        """Yield the root disk of a machine that does not write to it."""
        try:
            # One that could not be deleted would hold the disks for ever.
            self.delete_interrupted(uuid)
            root = diskops.root_disk(self._client.machine_settings(uuid))
            running = self._client.machine_state(uuid) in _RUNNING
        except errors.MachineNotFound as error:
            raise exception.InstanceNotRunning(
                instance_id=instance.uuid) from error
        if not running:
            yield root
            return
        name = f'{PREFIX}{uuidutils.generate_uuid()}'
        self._client.take_snapshot(uuid, name)
        try:
            yield root
        finally:
            self._client.delete_snapshot(uuid, name)

    def _converted(self, disk: Path, disk_format: str) -> Path:
        if self._format == disk_format == 'vdi':
            return disk
        # It also finds out if the stream of another host was damaged.
        target = disk.with_suffix(f'.{self._format}')
        size = nova_images.qemu_img_info(str(disk),
                                         format=disk_format).virtual_size
        images.convert(disk, disk_format, target, self._format,
                       virtual_size=size, timeout_s=self._timeout_s,
                       options=_OPTIONS.get(self._format, ()))
        disk.unlink()
        return target

    def _upload(self, context: nova_context.RequestContext,
                instance: objects.Instance, image_id: str,
                path: Path) -> None:
        image = self._image_api.get(context, image_id)
        metadata = self._metadata(instance, image['name'])
        with path.open('rb') as data:
            self._image_api.update(context, image_id, metadata, data,
                                   purge_props=False)

    def _metadata(self, instance: objects.Instance,
                  name: str) -> dict[str, Any]:
        properties = {'image_location': 'snapshot',
                      'image_state': 'available',
                      'owner_id': instance.project_id}
        if instance.os_type:
            properties['os_type'] = instance.os_type
        return {'status': 'active', 'name': name, 'properties': properties,
                'disk_format': self._format, 'container_format': 'bare'}

    def delete_interrupted(self, uuid: str) -> None:
        """Delete the snapshots in VirtualBox that a crash has left."""
        for name in self._client.machine_settings(uuid).snapshots:
            if name.startswith(PREFIX):
                LOG.info('Deleting the interrupted snapshot %s of machine %s',
                         name, uuid)
                self._client.delete_snapshot(uuid, name)
