# SPDX-License-Identifier: Apache-2.0
"""Another size for a server that stays on its host.

What its root disk was is kept in a file beside it, until the new size is
confirmed or taken back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from nova import exception
from nova import objects
from nova.compute import task_states
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import snapshotops
from nova_hypervisors.vmwareapi import spec


def check_size(instance: objects.Instance, flavor: objects.Flavor) -> None:
    """:raises InstanceFaultRollback: disks do not shrink"""
    if flavor.root_gb < instance.flavor.root_gb or (
            flavor.ephemeral_gb < instance.flavor.ephemeral_gb):
        raise exception.InstanceFaultRollback(exception.ResizeError(
            reason='the new flavor has smaller disks, and disks do not '
            'shrink'))


class ResizeOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, power: powerops.PowerOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._power = power
        self._locks = instance_locks

    def keep(self, instance: objects.Instance, flavor: objects.Flavor,
             timeout_s: int) -> None:
        """Stop a server and keep what is on its root disk.

        :raises InstanceFaultRollback: disks do not shrink
        """
        check_size(instance, flavor)
        with self._locks.hold(instance.uuid):
            files = self._machines.files(instance.uuid)
            self._power.stop(instance.uuid, timeout_s)
            self._delete(files.former_root_disk)
            disk = self._root(instance.uuid)
            if disk is None:
                return
            with undoing.Undo() as undo:
                undo.add(self._delete, files.former_root_disk)
                assert disk.path is not None  # noqa: S101 _root has looked
                self._client.copy_disk(disk.path, files.former_root_disk)
                undo.pop_all()

    def resize(self, wanted: request.SpawnRequest,
               prepare: Callable[[], None]) -> None:
        """Give a server that was kept its new size, and start it.

        :param prepare: is called before it is started
        """
        instance = wanted.instance
        with self._locks.hold(instance.uuid):
            with undoing.Undo() as undo:
                undo.add(self._go_back, instance, instance.old_flavor,
                         wanted.image_meta)
                self._set_size(instance, instance.flavor, wanted.image_meta)
                self._grow_root(instance)
                self._set_blank_disks(wanted)
                undo.pop_all()
            if wanted.power_on:
                self._power.boot(instance, prepare)

    def _set_size(self, instance: objects.Instance, flavor: objects.Flavor,
                  image_meta: objects.ImageMeta) -> None:
        sized = instance.obj_clone()
        sized.flavor = flavor
        plan = hardware.plan(sized, image_meta)
        ref = self._machines.ref(instance.uuid)
        self._client.change_machine(ref, api.MachineChange(
            vcpus=flavor.vcpus, memory_mb=flavor.memory_mb,
            cores_per_socket=plan.cores_per_socket,
            cpu=plan.cpu, memory=plan.memory,
            limit_disks=tuple(
                dataclasses.replace(disk, io=plan.disk_io)
                for disk in self._client.machine_details(ref).disks
                if not disk.device and disk.io != plan.disk_io)))

    def _grow_root(self, instance: objects.Instance) -> None:
        size = instance.flavor.root_gb * units.Gi
        disk = self._root(instance.uuid)
        if disk is None or disk.size >= size:
            return
        files = self._machines.files(instance.uuid)
        if disk.parents:
            # A child is as large as what it is made of.
            self._replace_root(instance.uuid, disk, functools.partial(
                self._client.copy_disk, files.former_root_disk,
                files.root_disk))
        # A machine knows the size that a disk had when it was added.
        with self._root_taken_out(instance.uuid, size):
            self._client.extend_disk(files.root_disk, size)

    def _set_blank_disks(self, wanted: request.SpawnRequest) -> None:
        """Make blank disks that are not there, and swap of another size."""
        instance = wanted.instance
        ref = self._machines.ref(instance.uuid)
        files = self._machines.files(instance.uuid)
        blank = {disk.path: disk for disk in spec.blank_disks(
            wanted.block_device_info, files,
            hardware.plan(instance, wanted.image_meta))}
        have = {disk.path: disk for disk
                in self._client.machine_details(ref).disks}
        swap = have.get(files.swap_disk)
        new_swap = blank.get(files.swap_disk)
        if swap is not None and swap.key is not None and (
                new_swap is None or new_swap.size != swap.size):
            self._client.change_machine(ref, api.MachineChange(
                remove_disks=(swap.key,)))
            self._delete(files.swap_disk)
            del have[files.swap_disk]
        missing = tuple(disk for path, disk in blank.items()
                        if path not in have)
        if missing:
            self._client.change_machine(ref, api.MachineChange(
                add_disks=missing))

    def fit(self, wanted: request.SpawnRequest) -> None:
        """Give the disks of a machine that was just made their sizes.

        The instance's lock is held.
        """
        self._grow_root(wanted.instance)
        self._set_blank_disks(wanted)

    def forget_former(self, files: layout.InstanceFiles) -> None:
        self._delete(files.former_root_disk)

    def confirm(self, instance: objects.Instance) -> None:
        """Forget what a server was; it may run."""
        with self._locks.hold(instance.uuid):
            self._delete(self._machines.files(instance.uuid)
                         .former_root_disk)

    def is_going_back(self, instance: objects.Instance) -> bool:
        """Stop a machine that goes on as what it was; say if it is one.

        Nova takes a server away where it was resized to, before it goes on
        where it was resized from; here that is the same machine.
        """
        if instance.task_state != task_states.RESIZE_REVERTING:
            return False
        with self._locks.hold(instance.uuid):
            try:
                files = self._machines.files(instance.uuid)
            except errors.MachineNotFound:
                return False
            if not self._is_kept(files):
                return False
            self._power.stop(instance.uuid, 0)
            return True

    def revert(self, wanted: request.SpawnRequest,
               prepare: Callable[[], None]) -> None:
        """Make a server what it was."""
        instance = wanted.instance
        with self._locks.hold(instance.uuid):
            self._go_back(instance, instance.flavor, wanted.image_meta)
            self._set_blank_disks(wanted)
            if wanted.power_on:
                self._power.boot(instance, prepare)

    def _go_back(self, instance: objects.Instance, flavor: objects.Flavor,
                 image_meta: objects.ImageMeta) -> None:
        """Give a server the size and the disk that it had; it is off then."""
        files = self._machines.files(instance.uuid)
        self._power.stop(instance.uuid, 0)
        self._set_size(instance, flavor, image_meta)
        if not self._is_kept(files):
            return
        disk = self._root(instance.uuid)
        if disk is not None:
            self._replace_root(instance.uuid, disk, functools.partial(
                self._client.move_disk, files.former_root_disk,
                files.root_disk))

    def _replace_root(self, instance_uuid: str, disk: api.Disk,
                      fill: Callable[[], Any]) -> None:
        """:param fill: makes the file of the new root disk"""
        with self._root_taken_out(instance_uuid, disk.size):
            self._delete(self._machines.files(instance_uuid).root_disk)
            fill()

    @contextlib.contextmanager
    def _root_taken_out(self, instance_uuid: str,
                        size: int) -> Iterator[None]:
        """Take a server's root disk out, for a while.

        :param size: that it has at the end
        """
        ref = self._machines.ref(instance_uuid)
        disk = self._root(instance_uuid)
        assert disk is not None  # noqa: S101 its caller has looked
        assert disk.key is not None  # noqa: S101 it is a machine's
        self._client.change_machine(ref, api.MachineChange(
            remove_disks=(disk.key,)))
        try:
            yield
        finally:
            path = self._machines.files(instance_uuid).root_disk
            self._client.change_machine(ref, api.MachineChange(add_disks=(
                api.Disk(path, size, disk.bus, disk.unit, io=disk.io),)))

    def _is_kept(self, files: layout.InstanceFiles) -> bool:
        return files.former_root_disk.name in {
            file.path for file in self._client.list_folder(files.folder)}

    def _root(self, instance_uuid: str) -> api.Disk | None:
        """Return a server's root disk; None if it is a volume."""
        details = self._client.machine_details(
            self._machines.ref(instance_uuid))
        with contextlib.suppress(exception.DiskNotFound):
            return snapshotops.root_disk(details)
        return None

    def _delete(self, path: api.DatastorePath) -> None:
        with contextlib.suppress(errors.NotFound):
            self._client.delete_disk(path)
