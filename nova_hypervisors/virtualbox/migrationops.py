# SPDX-License-Identifier: Apache-2.0
"""Servers that get another size or another host, while they are off."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from nova import exception
from nova import objects

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import moves
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import firmware
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import resizeops
from nova_hypervisors.virtualbox import transfers
from nova_hypervisors.virtualbox import vmops

# What a host tells itself.
_STAYS = ''


class MigrationOps:
    """A server that leaves stays as it is where it was, but off.

    Until the user has decided nothing of it is changed there: what it differs
    from is copied together with it, for the other host.
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines, host_files: files.HostFiles,
                 disks: diskops.DiskOps, power: powerops.PowerOps,
                 vms: vmops.VMOps, resizes: resizeops.ResizeOps,
                 moves: transfers.Transfers,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._power = power
        self._vms = vms
        self._resizes = resizes
        self._transfers = moves
        self._locks = instance_locks

    def depart(self, instance: objects.Instance, flavor: objects.Flavor,
               same_host: bool, timeout_s: int,
               retry_interval_s: int) -> str:
        """Stop a server and have all ready for where it goes on.

        If that fails, it goes on here.

        :param flavor: the one that it is to have
        :param timeout_s: see PowerOps.power_off
        :return: what :meth:`arrive` needs to know
        :raises InstanceFaultRollback: nothing was changed
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        with (moves.rolled_back(), self._locks.hold(instance.uuid),
              undoing.Undo() as undo):
            _check_size(instance, flavor)
            if self._client.machine_state(uuid) in powerops.ALIVE:
                undo.add(self._power.boot, instance)
            self._power.stop(uuid, timeout_s, retry_interval_s)
            if same_host:
                undo.add(self._resizes.go_back, instance)
                self._resizes.confirm(instance)
                self._resizes.keep(instance)
                told = _STAYS
            else:
                self._check_files()
                undo.add(self._take_back, instance.uuid)
                self._resizes.name_disks(instance)
                told = self._transfers.offer(
                    instance.uuid, self._leaving(instance.uuid)).to_text()
            undo.pop_all()
        return told

    def _check_files(self) -> None:
        """:raises ResizeError: we do not see them"""
        if self._files.host is not None:
            raise exception.ResizeError(
                reason='VirtualBox runs on a host that has no files in common '
                'with nova-compute, and its servers stay on it')

    def _leaving(self, instance_uuid: str) -> dict[str, Path]:
        """Return the files that go with a server, by their names there."""
        instance_files = self._files.instance(instance_uuid)
        uuid = self._machines.machine_uuid(instance_uuid)
        settings = self._client.machine_settings(uuid)
        leaving = {}
        if firmware.copy(settings, instance_files.leaving_nvram):
            leaving[instance_files.arrived_nvram.name] = (
                instance_files.leaving_nvram)
        for disk in settings.disks:
            path = Path(disk.path)
            if disk.lun is not None or not instance_files.owns(path):
                continue
            leaving[path.name] = path
            if disk.kind is api.DiskKind.DISK and self._disks.flatten(
                    path, instance_files.leaving_disk):
                leaving[path.name] = instance_files.leaving_disk
        return leaving

    def _take_back(self, instance_uuid: str) -> None:
        """Offer nothing of a server any more."""
        self._transfers.withdraw(instance_uuid)
        for instance_files in (self._files.instance(instance_uuid),
                               self._files.left(instance_uuid)):
            instance_files.leaving_disk.unlink(missing_ok=True)
            instance_files.leaving_nvram.unlink(missing_ok=True)

    def arrive(self, wanted: request.SpawnRequest, same_host: bool,
               told: str, prepare: Callable[[], None] | None = None) -> None:
        """Make a server go on, with what Nova wants it to be now.

        :param told: what :meth:`depart` has returned, where it was
        :param prepare: see PowerOps.power_on
        """
        with self._locks.hold(wanted.instance.uuid):
            if not same_host:
                self._receive(wanted, transfers.Departure.from_text(told))
                return
            with undoing.Undo() as undo:
                # Nova gives it its old flavor if this fails.
                undo.add(self._resizes.go_back, wanted.instance)
                self._resizes.resize(wanted)
                if wanted.power_on:
                    self._power.boot(wanted.instance, prepare)
                undo.pop_all()

    def _receive(self, wanted: request.SpawnRequest,
                 departure: transfers.Departure) -> None:
        """Make a server of what the host that it leaves hands out."""
        self._check_files()
        instance = wanted.instance
        if self._vms.exists(instance):
            raise exception.InstanceExists(name=instance.name)
        instance_files = self._files.instance(instance.uuid)
        source = self._transfers.seen(departure, instance.uuid)
        if instance_files.folder.exists():
            raise exception.DestinationDiskExists(path=instance_files.folder)
        with undoing.Undo() as undo:
            undo.add(instance_files.delete)
            instance_files.make()
            self._transfers.fetch(departure, source, instance_files)
            self._vms.make(wanted, functools.partial(self._disks.adopt,
                                                     wanted))
            undo.pop_all()

    def confirm(self, instance: objects.Instance, same_host: bool) -> None:
        """Forget what was kept to go back to."""
        with self._locks.hold(instance.uuid):
            if same_host:
                self._resizes.confirm(instance)
                return
            self._take_back(instance.uuid)
            left = self._files.left(instance.uuid)
            if left.folder.exists():
                # The folder with its name belongs to the other host.
                self._vms.forget(instance.uuid)
                left.delete()
            else:
                self._vms.take_away(instance.uuid, destroy_disks=True)

    def revert(self, instance: objects.Instance, power_on: bool,
               prepare: Callable[[], None] | None = None) -> None:
        """Let a server go on here as it was.

        :param prepare: see PowerOps.power_on
        """
        with self._locks.hold(instance.uuid):
            self._take_back(instance.uuid)
            left = self._files.left(instance.uuid)
            if left.folder.exists():
                instance_files = self._files.instance(instance.uuid)
                instance_files.delete()
                left.folder.rename(instance_files.folder)
                # VirtualBox reads again what it could not find.
                self._client.list_machines()
            self._resizes.go_back(instance)
            if power_on:
                self._power.boot(instance, prepare)


def _check_size(instance: objects.Instance, flavor: objects.Flavor) -> None:
    """:raises ResizeError: a disk would have to shrink"""
    for name, title in (('root_gb', 'root'), ('ephemeral_gb', 'ephemeral')):
        have, wanted = instance.flavor[name], flavor[name]
        if wanted < have and (name != 'root_gb' or instance.image_ref):
            raise exception.ResizeError(
                reason=f'the {title} disk has {have} GB and cannot shrink to '
                f'the {wanted} GB of the flavor {flavor.name}')
