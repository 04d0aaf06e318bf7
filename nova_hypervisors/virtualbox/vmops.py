# SPDX-License-Identifier: Apache-2.0
"""Machines for servers: made and taken away."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import devices
from nova_hypervisors.common import locks
from nova_hypervisors.common import plugging
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import architectures
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import hardware
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import networkops
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import spec
from nova_hypervisors.virtualbox import volumeops
from nova_hypervisors.virtualbox import watcher

LOG = logging.getLogger(__name__)

#: Gives a machine, named by its UUID, its disks; the undo gets what takes back
#: what was done.
Fill = Callable[[str, undoing.Undo, files.InstanceFiles], None]

#: Changes what was planned.
Adapt = Callable[[api.MachineSpec], api.MachineSpec]


def _beside(instance_files: files.InstanceFiles,
            planned: api.MachineSpec) -> api.MachineSpec:
    """Leave alone what another host has of its machine."""
    return dataclasses.replace(
        planned, folder=instance_files.free_machine_folder(planned.name))


def _as_it_is(planned: api.MachineSpec) -> api.MachineSpec:
    return planned


class VMOps:
    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles, disks: diskops.DiskOps,
                 networks: networkops.NetworkOps,
                 consoles: consoleops.ConsoleOps, power: powerops.PowerOps,
                 volumes: volumeops.VolumeOps,
                 instance_locks: locks.InstanceLocks,
                 watch: watcher.Watcher,
                 metadata: devices.DeviceMetadata,
                 plugs: plugging.PlugEvents, disk_ports: int) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._networks = networks
        self._consoles = consoles
        self._power = power
        self._volumes = volumes
        self._locks = instance_locks
        self._watcher = watch
        self._metadata = metadata
        self._plugs = plugs
        self._disk_ports = disk_ports

    @functools.cached_property
    def _architecture(self) -> str:
        return self._client.host().architecture

    def list_names(self) -> list[str]:
        return [machine.name for machine in self._machines.owned().values()]

    def list_uuids(self) -> list[str]:
        return list(self._machines.owned())

    def exists(self, instance: objects.Instance) -> bool:
        if not self._machines.is_claimed(instance.uuid):
            return False
        try:
            self._client.machine_settings(
                self._machines.machine_uuid(instance.uuid))
        except errors.MachineNotFound:
            return False
        return True

    def spawn(self, spawn: request.SpawnRequest) -> None:
        """Make a server's machine; leave nothing behind if that fails."""
        if hardware.plan(spawn.instance, spawn.image_meta).unsafe_cache:
            LOG.warning('The flavor gives the server an unsafe disk cache: '
                        'if this host fails, its disks may be unreadable',
                        instance=spawn.instance)
        spec.boot_plan(spawn.instance)
        architectures.check(spawn.image_meta, self._architecture)
        # The config drive has it too.
        self._metadata.set(spawn.context, spawn.instance, spawn.network_info)
        if self.is_on_disk(spawn.instance):
            # Another host has had it, which is lost.
            with self._locks.hold(spawn.instance.uuid):
                self.make(spawn, functools.partial(self._disks.adopt, spawn),
                          keep_files=True)
            return
        wanted = self._volumes.planned(spawn.block_device_info)
        image = (None if any(volume.boots for volume in wanted)
                 else self._disks.fetch(spawn))
        with self._locks.hold(spawn.instance.uuid):
            self.make(spawn, functools.partial(self._disks.create, spawn,
                                               image))

    def is_on_disk(self, instance: objects.Instance) -> bool:
        """Return whether a server's disk is here, whole."""
        instance_files = self._files.instance(instance.uuid)
        return (self._disks.find_root(instance_files) is not None
                and not instance_files.spawning.exists())

    def make(self, spawn: request.SpawnRequest, fill: Fill,
             keep_files: bool = False) -> None:
        """The same with the instance's lock held.

        :param fill: gives the machine its disks
        :param keep_files: whether its files stay if that fails
        """
        instance = spawn.instance
        boot = spec.boot_plan(instance)
        wanted = self._volumes.planned(spawn.block_device_info)
        with undoing.Undo() as undo:
            if self.exists(instance):
                raise exception.InstanceExists(name=instance.name)
            instance_files = self._files.instance(instance.uuid)
            if keep_files:
                undo.add(instance_files.spawning.unlink, missing_ok=True)
            else:
                undo.add(self._disks.delete_files, instance_files)
            instance_files.make(keep_files)
            undo.add(self._machines.release, instance.uuid)
            self._machines.claim(instance.uuid)
            power_on = spawn.power_on and boot.power_on
            with self._plugs.waited_for(instance, spawn.network_info,
                                        power_on):
                uuid = self._create_machine(
                    spawn, boot, instance_files, undo, functools.partial(
                        _beside, instance_files) if keep_files else _as_it_is)
                fill(uuid, undo, instance_files)
                self._volumes.attach_all(uuid, wanted)
            if power_on:
                undo.add(self._power.end, uuid)
                self._power.start(instance.uuid)
            elif boot.once is not None:
                instance_files.boot_once.touch()
            if spawn.power_on:
                # So Nova believes, and is told where it is not so.
                self._watcher.expect(instance.uuid, api.MachineState.RUNNING)
            instance_files.spawning.unlink()
            undo.pop_all()

    def _create_machine(self, spawn: request.SpawnRequest,
                        boot: spec.BootPlan,
                        instance_files: files.InstanceFiles,
                        undo: undoing.Undo, adapt: Adapt = _as_it_is) -> str:
        with lockutils.lock(machines.PORTS_LOCK):
            machine = adapt(self._plan(spawn, boot, instance_files))
            try:
                self._client.create_machine(machine)
            except errors.AlreadyExists:
                # Somebody else's: not to be taken back.
                raise
            except errors.ClientError:
                self._delete_machine(machine.uuid)
                raise
            undo.add(self._delete_with_images, machine.uuid)
        return machine.uuid

    def _plan(self, spawn: request.SpawnRequest, boot: spec.BootPlan,
              instance_files: files.InstanceFiles) -> api.MachineSpec:
        """Decide on a machine; the lock of ports is held."""
        instance = spawn.instance
        others = self._machines.other_settings(instance.uuid)
        machine = spec.machine_spec(
            instance, spawn.image_meta, instance_files,
            machine_uuid=self._machines.machine_uuid(instance.uuid),
            nics=self._networks.plan(instance, spawn.network_info,
                                     spawn.image_meta, boot, others),
            boot_order=boot.once or boot.order,
            remote_display=self._consoles.remote_display(
                instance.uuid, consoleops.display_ports(others)),
            disk_ports=self._disk_ports)
        return architectures.adapted(machine, spawn.image_meta,
                                     self._architecture)

    def create_like(self, wanted: request.SpawnRequest,
                    adapt: Adapt) -> str:
        """Make a machine for a server that still runs elsewhere.

        The instance's lock is held; :meth:`drop` takes it back.

        :return: the machine's UUID
        """
        instance = wanted.instance
        if self.exists(instance):
            raise exception.InstanceExists(name=instance.name)
        instance_files = self._files.instance(instance.uuid)
        instance_files.make(keep=True)
        self._machines.claim(instance.uuid)
        with undoing.Undo() as undo:
            uuid = self._create_machine(
                wanted, spec.boot_plan(instance), instance_files, undo, adapt)
            self._volumes.attach_all(
                uuid, self._volumes.planned(wanted.block_device_info))
            undo.pop_all()
        return uuid

    def drop(self, instance_uuid: str) -> None:
        """Let go of a machine whose server is elsewhere, with its files."""
        self._delete_with_images(self._machines.machine_uuid(instance_uuid))
        self._machines.release(instance_uuid)
        self._files.instance(instance_uuid).spawning.unlink(missing_ok=True)

    def reconfigure(self, spawn: request.SpawnRequest) -> None:
        """Bring a machine that is off in line with what Nova wants now.

        Its display keeps its port.  The instance's lock is held.
        """
        boot = spec.boot_plan(spawn.instance)
        with lockutils.lock(machines.PORTS_LOCK):
            machine = self._plan(spawn, boot,
                                 self._files.instance(spawn.instance.uuid))
            ports = self._client.machine_settings(machine.uuid).display_ports
            display = machine.remote_display
            if display is not None and ports:
                display = dataclasses.replace(display, ports=ports)
            self._client.configure_machine(dataclasses.replace(
                machine, remote_display=display, boot_order=boot.order))

    def destroy(self, instance: objects.Instance,
                destroy_disks: bool) -> None:
        """Take a server's machine away; one that is gone is no error."""
        with self._locks.hold(instance.uuid):
            if not self._is_set_back(instance):
                self.take_away(instance.uuid, destroy_disks)

    def _is_set_back(self, instance: objects.Instance) -> bool:
        """Stop a machine that goes on as what it was; say if it is one.

        Nova takes a server away where it was resized to, before it goes on
        where it was resized from; here that is the same machine.
        """
        if instance.task_state != task_states.RESIZE_REVERTING:
            return False
        uuid = self._machines.machine_uuid(instance.uuid)
        try:
            snapshots = self._client.machine_settings(uuid).snapshots
        except errors.MachineNotFound:
            return False
        if spec.RESIZE_SNAPSHOT not in snapshots:
            return False
        self._power.end(uuid)
        return True

    def take_away(self, instance_uuid: str, destroy_disks: bool) -> None:
        """The same with the instance's lock held."""
        uuid = self._machines.machine_uuid(instance_uuid)
        with contextlib.suppress(errors.MachineNotFound):
            self._power.end(uuid)
        if destroy_disks:
            self._delete_with_images(uuid)
        else:
            self.forget(instance_uuid)
        self._power.forget(uuid)
        self._machines.release(instance_uuid)
        if destroy_disks:
            self._disks.delete_files(self._files.instance(instance_uuid))

    def _delete_with_images(self, uuid: str) -> None:
        with self._disks.forgetting_images(uuid):
            self._delete_machine(uuid)

    def _delete_machine(self, uuid: str) -> None:
        with contextlib.suppress(errors.MachineNotFound):
            self._client.delete_machine(uuid)

    def forget(self, instance_uuid: str) -> None:
        """Let VirtualBox forget a machine; its files stay, and the lock is
        held."""
        with contextlib.suppress(errors.MachineNotFound):
            self._client.unregister_machine(
                self._machines.machine_uuid(instance_uuid))
        self._machines.release(instance_uuid)

    def delete_files(self, instance: objects.Instance) -> None:
        """Delete what a destroyed server has left here."""
        with self._locks.hold(instance.uuid):
            self._disks.delete_files(self._files.instance(instance.uuid))

    def undo_interrupted(self) -> None:
        """Throw away what was half made when the service last ended."""
        for instance_uuid in self._files.interrupted():
            if self._keeps(instance_uuid):
                continue
            LOG.warning('Making the server %s was interrupted; what there is '
                        'of it is deleted', instance_uuid)
            self.take_away(instance_uuid, destroy_disks=True)
            self._disks.forget_all(self._files.instance(instance_uuid))

    def _keeps(self, instance_uuid: str) -> bool:
        """Let a machine go whose server's files are not ours; say if so.

        One that runs already is the server.
        """
        mark = self._files.instance(instance_uuid).spawning
        if mark.read_text() != files.KEEP:
            return False
        uuid = self._machines.machine_uuid(instance_uuid)
        try:
            running = self._client.machine_state(uuid) in powerops.ALIVE
        except errors.MachineNotFound:
            running = False
        if running:
            mark.unlink()
        else:
            LOG.warning('The server %s has not arrived; its files stay',
                        instance_uuid)
            with contextlib.suppress(errors.MachineNotFound):
                self._power.end(uuid)
            self.drop(instance_uuid)
        return True

    def catch_up(self, per_machine: Callable[[str], None]) -> None:
        """Go on with the machines that were there before this service.

        :param per_machine: called with the UUID of each of them
        """
        states = self._client.machine_states()
        self._disks.mend({
            machine: self._files.instance(instance)
            for machine in states
            if (instance := self._machines.instance_uuid(machine))})
        for instance_uuid, machine in self._machines.owned().items():
            try:
                per_machine(machine.uuid)
            except errors.ClientError as error:
                # One machine that cannot be read must not stop all others.
                LOG.warning('Machine %s: %s', machine.uuid, error)
            if states.get(machine.uuid) in powerops.ALIVE:
                self._consoles.follow_serial(instance_uuid)

    def attach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance,
                         image_meta: objects.ImageMeta,
                         vif: dict[str, Any]) -> None:
        with (self._locks.hold(instance.uuid),
              lockutils.lock(machines.PORTS_LOCK)):
            self._networks.attach(context, instance, image_meta, vif,
                                  self._machines.other_settings(instance.uuid))
            self._metadata.update(context, instance, added=[vif])

    def detach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance,
                         vif: dict[str, Any]) -> None:
        with self._locks.hold(instance.uuid):
            self._networks.detach(instance, vif)
            self._metadata.update(context, instance, removed=[vif])
