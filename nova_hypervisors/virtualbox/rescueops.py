# SPDX-License-Identifier: Apache-2.0
"""Rescue: a server boots another disk, with its own beside it."""

from __future__ import annotations

from pathlib import PurePath

from nova import context as nova_context
from nova import exception
from nova import objects

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import locks
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import spec


class RescueOps:
    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines, host_files: files.HostFiles,
                 disks: diskops.DiskOps, power: powerops.PowerOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._power = power
        self._locks = instance_locks

    def rescue(self, context: nova_context.RequestContext,
               instance: objects.Instance, image_ref: str) -> None:
        """Boot a server from an image's disk; its own becomes the second.

        If that fails, the server has its own disk again, and is off.

        :raises ImageUnacceptable: it may not be used
        :raises InstanceNotRescuable: it is an ISO image
        """
        image = self._disks.fetch_image(context, instance, image_ref)
        if imagecache.is_iso(image):
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=f'{image_ref} is an ISO '
                'image; use the image of a disk')
        uuid = self._machines.machine_uuid(instance.uuid)
        with self._locks.hold(instance.uuid), undoing.Undo() as undo:
            self._power.end(uuid)
            undo.add(self._restore, instance, uuid)
            root = diskops.root_disk(self._client.machine_settings(uuid))
            self._disks.create_from_image(
                self._rescue_disk(instance), image, instance.flavor.root_gb,
                undo)
            self._client.detach_disk(uuid, spec.ROOT_PORT)
            self._client.attach_disk(uuid, spec.RESCUED_PORT, root)
            self._client.attach_disk(uuid, spec.ROOT_PORT,
                                     self._rescue_disk(instance))
            self._power.start(instance.uuid)
            undo.pop_all()

    def unrescue(self, instance: objects.Instance) -> None:
        """Boot a server from its own disk again, if it does not."""
        uuid = self._machines.machine_uuid(instance.uuid)
        with self._locks.hold(instance.uuid):
            if self._is_rescued(instance, uuid):
                self._restore(instance, uuid)
            if self._client.machine_state(uuid) is not (
                    api.MachineState.RUNNING):
                self._power.start(instance.uuid)

    def _is_rescued(self, instance: objects.Instance, uuid: str) -> bool:
        """Say so too where an earlier attempt to end it went half way."""
        attached = self._attached(uuid)
        return (spec.RESCUED_PORT in attached
                or spec.ROOT_PORT not in attached
                or self._disks.exists(self._rescue_disk(instance)))

    def _attached(self, uuid: str) -> dict[int, api.AttachedDisk]:
        settings = self._client.machine_settings(uuid)
        return {disk.port: disk for disk in settings.disks}

    def _restore(self, instance: objects.Instance, uuid: str) -> None:
        """Give a server that is off its own disk back.

        Also from halfway, after something has failed.
        """
        self._power.end(uuid)
        attached = self._attached(uuid)
        rescue = self._rescue_disk(instance)
        own = attached.get(spec.RESCUED_PORT)
        if spec.ROOT_PORT in attached and (
                attached[spec.ROOT_PORT].path == str(rescue)):
            self._client.detach_disk(uuid, spec.ROOT_PORT)
            del attached[spec.ROOT_PORT]
        if own is not None:
            self._client.detach_disk(uuid, spec.RESCUED_PORT)
        if spec.ROOT_PORT not in attached:
            path = (api.host_path(own.path) if own is not None else
                    self._files.instance(instance.uuid).root_disk)
            self._client.attach_disk(uuid, spec.ROOT_PORT, path)
        self._disks.delete(rescue)

    def _rescue_disk(self, instance: objects.Instance) -> PurePath:
        return self._files.instance(instance.uuid).rescue_disk
