# SPDX-License-Identifier: Apache-2.0
"""Rescue: a server boots another disk, and has its own beside it."""

from __future__ import annotations

import contextlib

from nova import exception
from nova import objects

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import boot
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import imageops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import spec
from nova_hypervisors.vmwareapi import vmops


class RescueOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, images: imageops.ImageOps,
                 power: powerops.PowerOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._images = images
        self._power = power
        self._locks = instance_locks

    def rescue(self, wanted: request.SpawnRequest, image_ref: str) -> None:
        """Boot a server from an image's disk.

        If that fails, the server boots from its own disk, and is off.

        :raises ImageUnacceptable: it may not be used
        :raises InstanceNotRescuable: it is an ISO image
        """
        instance = wanted.instance
        plan = hardware.plan(instance, wanted.image_meta)
        files = self._machines.files(instance.uuid)
        image, _ = self._images.ensure(
            wanted.context, files.folder.datastore, vmops.image_wanted(
                instance, image_ref, wanted.image_meta, plan.provisioning))
        if image.is_iso:
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=f'{image_ref} is an ISO '
                'image; use the image of a disk')
        with self._locks.hold(instance.uuid), undoing.Undo() as undo:
            self._power.stop(instance.uuid, 0)
            undo.add(self._restore, instance, files)
            self._boot_other(instance, files, image, plan)
            undo.pop_all()

    def _boot_other(self, instance: objects.Instance,
                    files: layout.InstanceFiles, image: imageops.CachedImage,
                    plan: hardware.Hardware) -> None:
        ref = self._machines.ref(instance.uuid)
        self._client.copy_disk(image.path, files.rescue_disk,
                               plan.provisioning, plan.disk_bus)
        taken = {disk.unit for disk
                 in self._client.machine_details(ref).disks
                 if disk.bus is plan.disk_bus}
        unit = next(unit for index in range(len(taken) + 1)
                    if (unit := spec.unit(index)) not in taken)
        self._client.change_machine(ref, api.MachineChange(add_disks=(
            api.Disk(files.rescue_disk, image.size, plan.disk_bus, unit),)))
        disk = self._find(ref, files)
        assert disk is not None  # noqa: S101 it was just added
        self._client.change_machine(ref, api.MachineChange(
            boot_disk=disk.key))
        self._client.power_on(ref)

    def _find(self, ref: str, files: layout.InstanceFiles) -> api.Disk | None:
        return next((disk for disk in self._client.machine_details(ref).disks
                     if disk.path == files.rescue_disk), None)

    def unrescue(self, instance: objects.Instance) -> None:
        """Boot a server from its own disk again, if it does not."""
        with self._locks.hold(instance.uuid):
            files = self._machines.files(instance.uuid)
            self._restore(instance, files)
            self._power.boot(instance)

    def _restore(self, instance: objects.Instance,
                 files: layout.InstanceFiles) -> None:
        """Let a server boot from its own disk; it is off then.

        Also from halfway, after something has failed.
        """
        ref = self._machines.ref(instance.uuid)
        disk = self._find(ref, files)
        if disk is not None and disk.key is not None:
            self._power.stop(instance.uuid, 0)
            own = next((found.key for found
                        in self._client.machine_details(ref).disks
                        if found.unit == spec.ROOT_UNIT), None)
            self._client.change_machine(ref, api.MachineChange(
                remove_disks=(disk.key,), boot_disk=own))
            order = boot.plan(instance).order
            if order is not None:
                self._client.change_machine(ref, api.MachineChange(
                    boot_order=order))
        with contextlib.suppress(errors.NotFound):
            self._client.delete_disk(files.rescue_disk)
