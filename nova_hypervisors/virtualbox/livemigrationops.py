# SPDX-License-Identifier: Apache-2.0
"""Servers that go to another host without a stop.

VirtualBox moves a machine's memory and no disks: both hosts have the folder of
servers in common.  What one host has to tell the other is in the server's
folder too.  Nova writes what it carries itself into its log, and the password
of a teleport is not for that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nova import exception
from nova import objects
from oslo_log import log as logging
from oslo_serialization import jsonutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import firmware
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import vmops

LOG = logging.getLogger(__name__)

_PROBE = 'live-migration-'

# What a server gets of its processors' time that has to come there.
_HURRIED_PERCENT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness:
    """What a machine has to be like to go on as another one.

    :param disks: port, kind and path of each
    :param nics: slot, address and model of each
    """

    vcpus: int
    memory_mb: int
    chipset: str
    disks: list[list[Any]]
    nics: list[list[Any]]

    @classmethod
    def of(cls, settings: api.MachineSettings) -> Likeness:
        return cls(settings.vcpus, settings.memory_mb, settings.chipset,
                   [[disk.port, disk.kind.value, disk.path]
                    for disk in settings.disks if disk.lun is None],
                   [[nic.slot, nic.mac, nic.model] for nic in settings.nics])

    def adapt(self, planned: api.MachineSpec) -> api.MachineSpec:
        """Give what this host has planned the hardware of the other."""
        attachments = {nic.mac: nic.attachment for nic in planned.nics}
        return dataclasses.replace(
            planned, vcpus=self.vcpus, memory_mb=self.memory_mb,
            chipset=self.chipset, nics=tuple(
                api.Nic(slot, mac, model,
                        attachments.get(mac, api.UNPLUGGED))
                for slot, mac, model in self.nics))


class LiveMigrationOps:
    """:param address: on which machines wait

    :param ports: those on which they may wait
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines, host_files: files.HostFiles,
                 disks: diskops.DiskOps, power: powerops.PowerOps,
                 consoles: consoleops.ConsoleOps, vms: vmops.VMOps,
                 instance_locks: locks.InstanceLocks, *,
                 address: str, ports: Sequence[int]) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._power = power
        self._consoles = consoles
        self._vms = vms
        self._locks = instance_locks
        self._address = address
        self._ports = ports
        # Servers on their way, and those of them that are slowed down.
        self._leaving: set[str] = set()
        self._hurried: set[str] = set()

    # Whether it can be: asked of the other host, and then of this one

    def probe(self) -> str:
        """Return the name of a file that the other host has to see."""
        handle, path = tempfile.mkstemp(prefix=_PROBE,
                                        dir=self._files.instances)
        os.close(handle)
        return Path(path).name

    def delete_probe(self, name: str) -> None:
        if name.startswith(_PROBE):
            (self._files.instances / name).unlink(missing_ok=True)

    def sees(self, name: str) -> bool:
        return (self._files.instances / name).exists()

    def describe(self, instance: objects.Instance) -> None:
        """Write down what the server's machine is like.

        :raises MigrationPreCheckError: it does not run
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        state = self._client.machine_state(uuid)
        if state is not api.MachineState.RUNNING:
            raise exception.MigrationPreCheckError(
                reason=f'the machine is {state.value}; VirtualBox moves those '
                'that run')
        likeness = Likeness.of(self._client.machine_settings(uuid))
        _write(self._files.instance(instance.uuid).likeness,
               dataclasses.asdict(likeness))

    # The host that it goes to

    def prepare(self, wanted: request.SpawnRequest) -> None:
        """Have a machine wait for the server."""
        instance = wanted.instance
        instance_files = self._files.instance(instance.uuid)
        likeness = Likeness(**_read(instance_files.likeness))
        with self._locks.hold(instance.uuid), undoing.Undo() as undo:
            undo.add(self._withdraw, instance.uuid)
            uuid = self._vms.create_like(
                wanted, lambda planned: dataclasses.replace(
                    likeness.adapt(planned),
                    folder=instance_files.free_machine_folder(planned.name)))
            firmware.restore(self._client.machine_settings(uuid),
                             instance_files)
            with self._disks.knowing_bases():
                for port, kind, path in likeness.disks:
                    self._client.attach_disk(uuid, port, Path(path),
                                             api.DiskKind(kind))
            target = api.TeleportTarget(self._address, self._free_port(),
                                        secrets.token_urlsafe(16))
            self._client.await_teleport(uuid, target)
            self._consoles.follow_serial(instance.uuid)
            _write(instance_files.teleport, dataclasses.asdict(target))
            undo.pop_all()

    def _free_port(self) -> int:
        for port in self._ports:
            family = socket.AF_INET6 if ':' in self._address else (
                socket.AF_INET)
            with socket.socket(family) as probe, (
                    contextlib.suppress(OSError)):
                probe.bind((self._address, port))
                return port
        raise exception.MigrationError(
            reason=f'all {len(self._ports)} ports of [virtualbox] '
            'teleport_ports are taken')

    def withdraw(self, instance: objects.Instance) -> None:
        """Take away what waits for a server that does not come."""
        with self._locks.hold(instance.uuid):
            self._withdraw(instance.uuid)

    def _withdraw(self, instance_uuid: str) -> None:
        self._files.instance(instance_uuid).teleport.unlink(missing_ok=True)
        uuid = self._machines.machine_uuid(instance_uuid)
        if not self._machines.is_claimed(instance_uuid):
            return
        with contextlib.suppress(errors.MachineNotFound):
            self._power.end(uuid)
        self._vms.drop(instance_uuid)

    def welcome(self, instance: objects.Instance) -> None:
        """A server has come."""
        instance_files = self._files.instance(instance.uuid)
        for path in (instance_files.teleport, instance_files.likeness,
                     instance_files.spawning):
            path.unlink(missing_ok=True)

    # The host that it leaves

    def move(self, instance: objects.Instance,
             moved: Callable[[], None], stayed: Callable[[str], None]) -> None:
        """Let a server go on where a machine waits for it.

        :param moved: is called when it does
        :param stayed: is called when it goes on here, with what Nova calls
            the state of such a migration: failed or cancelled
        """
        self._leaving.add(instance.uuid)
        try:
            failure = self._go(instance)
        finally:
            self._leaving.discard(instance.uuid)
        if failure:
            self._calm(instance)
            stayed(failure)
        else:
            self._hurried.discard(instance.uuid)
            moved()

    def _go(self, instance: objects.Instance) -> str:
        """Return why the server stays, in Nova's word; empty if it has gone.
        """
        try:
            with self._locks.hold(instance.uuid):
                told = _read(self._files.instance(instance.uuid).teleport)
                self._client.teleport(
                    self._machines.machine_uuid(instance.uuid),
                    api.TeleportTarget(**told))
        except errors.Cancelled:
            LOG.info('The server stays, as it was told to', instance=instance)
            return 'cancelled'
        except (errors.ClientError, exception.MigrationError) as error:
            if self._has_gone(instance):
                LOG.warning('The server has gone, though its host says: %s',
                            error, instance=instance)
                return ''
            LOG.error('The server stays: %s', error, instance=instance)
            return 'failed'
        return ''

    def _has_gone(self, instance: objects.Instance) -> bool:
        """Ask what became of a server: an answer may just have been lost.

        To take one for failed that has gone would end it there.
        """
        try:
            return self._client.machine_state(self._machines.machine_uuid(
                instance.uuid)) is api.MachineState.DEPARTED
        except errors.ClientError:
            return False

    def abort(self, instance: objects.Instance) -> None:
        """Let a server that is on its way stay.

        :raises InvalidState: it is not, or not any more
        """
        self._client.abort_teleport(
            self._machines.machine_uuid(instance.uuid))

    def hurry(self, instance: objects.Instance) -> None:
        """Have a server that is on its way come there.

        It is slowed down, so that it changes less memory than goes over the
        network meanwhile.  A machine that is paused on its way does not come
        there: VirtualBox 7.2.22 ends its teleport with
        VERR_VM_UNEXPECTED_UNSTABLE_STATE.

        :raises MigrationError: it is not on its way
        """
        if instance.uuid not in self._leaving:
            raise exception.MigrationError(
                reason='the server is not on its way')
        self._hurried.add(instance.uuid)
        self._client.limit_execution(
            self._machines.machine_uuid(instance.uuid), _HURRIED_PERCENT)
        if instance.uuid not in self._leaving:
            self._calm(instance)

    def _calm(self, instance: objects.Instance) -> None:
        """Let a server that stays have all of its processors' time again."""
        if instance.uuid not in self._hurried:
            return
        self._hurried.discard(instance.uuid)
        try:
            self._client.limit_execution(
                self._machines.machine_uuid(instance.uuid), 100)
        except errors.ClientError as error:
            LOG.warning('The server may stay slow until it is resized: %s',
                        error, instance=instance)

    def leave(self, instance: objects.Instance) -> None:
        """Forget the machine of a server that has gone on elsewhere.

        Its files are in use there.
        """
        with self._locks.hold(instance.uuid):
            self._vms.drop(instance.uuid)


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write for our own eyes, as a whole."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f'{path.name}.')
    with os.fdopen(handle, 'w') as file:
        file.write(jsonutils.dumps(values))
    Path(part).replace(path)


def _read(path: Path) -> dict[str, Any]:
    """:raises MigrationError: the other host has not written it"""
    try:
        return dict(jsonutils.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise exception.MigrationError(
            reason=f'{path} cannot be read: {error}') from error
