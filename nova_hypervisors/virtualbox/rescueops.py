# SPDX-License-Identifier: Apache-2.0
"""Rescue: a server boots another disk or a DVD, with its own disks beside it.

The devices are stable if it boots a DVD: none of its own disks moves.  Images
ask for that by ``hw_rescue_device=cdrom`` ("Rescue an instance", in Nova's
user guide), and servers that boot from a volume can be rescued in no other
way.
"""

from __future__ import annotations

from pathlib import PurePath

from nova import context as nova_context
from nova import exception
from nova import objects

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import spec

_DVD = api.DiskKind.DVD
_FROM_DVD = (api.BootDevice.DVD, api.BootDevice.DISK)


def device(instance: objects.Instance,
           image_meta: objects.ImageMeta) -> api.DiskKind:
    """Return as what a server gets the image that it is rescued with.

    VirtualBox's BIOS boots no other disk than the first.

    :raises InstanceNotRescuable: the image asks for what VirtualBox cannot do
    """
    stable = request.stable_rescue(instance, image_meta, 'cdrom', 'sata')
    return api.DiskKind.DVD if stable else api.DiskKind.DISK


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
               instance: objects.Instance, image_ref: str,
               kind: api.DiskKind = api.DiskKind.DISK) -> None:
        """Boot a server from an image.

        If that fails, the server has its own disks again, and is off.

        :param kind: as what it gets the image; as a disk, it is the first and
            the server's own the second
        :raises ImageUnacceptable: it may not be used
        :raises InstanceNotRescuable: the image is not of this kind
        """
        image = self._disks.fetch_image(context, instance, image_ref)
        _check_kind(instance, image_ref, imagecache.is_iso(image), kind)
        uuid = self._machines.machine_uuid(instance.uuid)
        with self._locks.hold(instance.uuid), undoing.Undo() as undo:
            self._power.end(uuid)
            if kind is api.DiskKind.DVD:
                self._insert(instance, uuid, image, undo)
            else:
                self._boot_disk(instance, uuid, image, undo)
            self._power.start(instance.uuid)
            undo.pop_all()

    def _boot_disk(self, instance: objects.Instance, uuid: str,
                   image: PurePath, undo: undoing.Undo) -> None:
        undo.add(self._restore, instance, uuid)
        root = diskops.root_disk(self._client.machine_settings(uuid))
        self._disks.create_from_image(
            self._rescue_disk(instance), image, instance.flavor.root_gb,
            undo)
        self._client.detach_disk(uuid, spec.ROOT_PORT)
        self._client.attach_disk(uuid, spec.RESCUED_PORT, root)
        self._client.attach_disk(uuid, spec.ROOT_PORT,
                                 self._rescue_disk(instance))

    def _insert(self, instance: objects.Instance, uuid: str,
                image: PurePath, undo: undoing.Undo) -> None:
        own = self._attached(uuid).get(spec.ISO_PORT)
        undo.add(self._eject, instance, uuid, own)
        if own is not None:
            self._client.detach_disk(uuid, spec.ISO_PORT)
            self._client.attach_disk(uuid, spec.RESCUED_PORT,
                                     api.host_path(own.path), _DVD)
        self._client.attach_disk(uuid, spec.ISO_PORT, image, _DVD)
        self._client.set_boot_order(uuid, _FROM_DVD)

    def _eject(self, instance: objects.Instance, uuid: str,
               own: api.AttachedDisk | None = None) -> None:
        """Give a server that is off its own DVD back, and its boot order.

        Also from halfway, after something has failed.

        :param own: where none has been put aside
        """
        self._power.end(uuid)
        attached = self._attached(uuid)
        for port in (spec.ISO_PORT, spec.RESCUED_PORT):
            if port in attached:
                self._client.detach_disk(uuid, port)
        own = attached.get(spec.RESCUED_PORT, own)
        if own is not None:
            self._client.attach_disk(uuid, spec.ISO_PORT,
                                     api.host_path(own.path), _DVD)
        if spec.ISO_PORT in attached:
            self._disks.forget(
                api.host_path(attached[spec.ISO_PORT].path), _DVD)
        self._client.set_boot_order(uuid, spec.boot_plan(instance).order)

    def unrescue(self, instance: objects.Instance) -> None:
        """Boot a server from its own disk again, if it does not."""
        uuid = self._machines.machine_uuid(instance.uuid)
        with self._locks.hold(instance.uuid):
            if self._boots_dvd(instance, uuid):
                self._eject(instance, uuid)
            elif self._is_rescued(instance, uuid):
                self._restore(instance, uuid)
            if self._client.machine_state(uuid) is not (
                    api.MachineState.RUNNING):
                self._power.start(instance.uuid)

    def _boots_dvd(self, instance: objects.Instance, uuid: str) -> bool:
        """Say whether a server has a DVD that it was not made with."""
        attached = self._attached(uuid)
        if spec.RESCUED_PORT in attached:
            return attached[spec.RESCUED_PORT].kind is _DVD
        return (spec.ISO_PORT in attached and instance.system_metadata.get(
            'image_disk_format') != 'iso')

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


def _check_kind(instance: objects.Instance, image_ref: str, iso: bool,
                kind: api.DiskKind) -> None:
    if iso is (kind is _DVD):
        return
    raise exception.InstanceNotRescuable(
        instance_id=instance.uuid, reason=f'{image_ref} is ' + (
            'an ISO image; use the image of a disk, or give this one the '
            "properties hw_rescue_device='cdrom' and hw_rescue_bus='sata'"
            if iso else
            'the image of a disk, with hw_rescue_device=\'cdrom\'; use an ISO '
            'image'))
