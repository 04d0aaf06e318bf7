# SPDX-License-Identifier: Apache-2.0
"""Disks of storages by VBoxManage.

VirtualBox's own initiator logs in to them: the host needs no other, and knows
nothing of them.

A disk that turns out not to open while it is attached to a running machine
spoils the machine: VirtualBox 7.2.22 neither uses nor detaches it, and knows
it until its daemon ends.  So it is tried on a machine that is off before.
"""

from __future__ import annotations

import abc
import contextlib
import re
import tempfile
import uuid as uuid_module
from collections.abc import Iterator
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import codes
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import settings
from nova_hypervisors.clients.vbox import version

_CREATED = re.compile(r'iSCSI disk created\. UUID: (?P<uuid>[0-9a-f-]{36})')
_INACCESSIBLE = re.compile(r'^State: +inaccessible', re.MULTILINE)
_REASON = re.compile(r'^Access Error: +(?P<text>.*?)^Type:',
                     re.MULTILINE | re.DOTALL)

_AT_REST = (api.MachineState.OFF, api.MachineState.ABORTED,
            api.MachineState.SAVED)

# The name of a machine on which a disk is tried.
_PROBE = 'nova-hypervisors-probe'


class ManagedLuns(abc.ABC):
    """:class:`.interface.LunApi`.

    :ivar _home: a folder that VirtualBox may write to
    """

    _run: program.Program
    _registry: settings.Registry
    _home: Path
    _copy_timeout_s: float

    @abc.abstractmethod
    def get_version(self) -> version.Version: ...

    @abc.abstractmethod
    def machine_state(self, uuid: str) -> api.MachineState: ...

    @abc.abstractmethod
    def unregister_machine(self, uuid: str) -> None: ...

    @abc.abstractmethod
    def _settings_file(self, uuid: str) -> Path: ...

    @abc.abstractmethod
    def _set_flushing(self, uuid: str, bus: api.DiskBus, port: int,
                      unsafe: bool | None) -> None: ...

    def _provide_port(self, uuid: str, place: controllers.Place) -> None:
        """See to it that a controller has a port.

        Before something is attached: what cannot be attached would be known
        to VirtualBox all the same.

        :raises NoSuchPort: a machine that runs gets no more
        """
        count = settings.port_count(self._settings_file(uuid),
                                    place.controller)
        if place.port < count:
            return
        if self.machine_state(uuid) not in _AT_REST:
            raise errors.NoSuchPort(
                f'{place.controller} of machine {uuid} has {count} ports',
                operation='attach_disk')
        self._run(commands.set_ports(uuid, place.controller,
                                     controllers.more_ports(place)))

    def attach_lun(self, uuid: str, port: int, lun: api.Lun) -> None:
        have = self._registry.read(self._settings_file(uuid)).settings
        # VBoxManage would put it in the place of what is there.
        if any(disk.port == port for disk in have.disks):
            raise errors.InUse(f'port {port} of machine {uuid} is taken',
                               operation='attach_lun')
        self._forget_left_over(lun.address)
        if self.machine_state(uuid) in _AT_REST:
            self._attach_and_check(have, port, lun)
        else:
            with self._probe() as probe:
                self._attach_and_check(probe, port, lun)
            self._attach(have, port, lun)
        self._set_flushing(uuid, controllers.lun_bus(have.disk_bus, port),
                           port, unsafe=None)

    def _forget_left_over(self, address: api.LunAddress) -> None:
        """Close what something interrupted has left.

        :raises InUse: a machine has it
        """
        for medium, (found, machine) in self._registry.luns().items():
            if found != address:
                continue
            if machine is None:
                self._run(commands.close_by_uuid(medium))
            elif self._name(machine) == _PROBE:
                self.unregister_machine(machine)
            else:
                raise errors.InUse(f'{address} is attached to the machine '
                                   f'{machine}', operation='attach_lun')

    def _name(self, uuid: str) -> str:
        return self._registry.read(self._settings_file(uuid)).settings.name

    @contextlib.contextmanager
    def _probe(self) -> Iterator[api.MachineSettings]:
        """Yield a machine that nobody uses."""
        with tempfile.TemporaryDirectory(dir=self._home) as folder:
            probe = api.MachineSpec(
                uuid=str(uuid_module.uuid4()), name=_PROBE,
                folder=Path(folder), vcpus=1, memory_mb=4)
            quirks = version.Quirks.of(self.get_version())
            self._run(commands.create(probe, quirks.platform_architecture))
            try:
                self._run(commands.add_disk_controller(
                    probe.uuid, probe.disk_bus, cached=False,
                    ports=controllers.ports(probe.disk_bus, probe)))
                yield api.MachineSettings(
                    probe.uuid, probe.name, probe.folder, probe.vcpus,
                    probe.memory_mb)
            finally:
                self.unregister_machine(probe.uuid)

    def _attach_and_check(self, machine: api.MachineSettings, port: int,
                          lun: api.Lun) -> str:
        """Attach a disk to a machine that is off, if it will open.

        :returns: the UUID of the new medium
        :raises VolumeUnavailable: it will not
        """
        try:
            medium = self._attach(machine, port, lun, pluggable=port != 0)
            text = self._run(commands.show_by_uuid(medium))
            if _INACCESSIBLE.search(text):
                reason = _REASON.search(text)
                raise codes.lun_error(errors.ClientError(
                    reason['text'].strip() if reason else 'inaccessible',
                    operation='attach_lun'), lun.address)
        except errors.ClientError:
            with contextlib.suppress(errors.ClientError):
                self.detach_lun(machine.uuid, port)
            raise
        return medium

    def _attach(self, machine: api.MachineSettings, port: int,
                lun: api.Lun, pluggable: bool = False) -> str:
        """Return the UUID of the new medium.

        :param pluggable: see commands; what comes while a machine runs is
            so by itself, and may not be told
        """
        place = controllers.place(
            controllers.lun_bus(machine.disk_bus, port), api.DiskKind.DISK,
            port)
        self._provide_port(machine.uuid, place)
        try:
            text = self._run(
                commands.attach_lun(
                    machine.uuid, place, lun,
                    limited=bool(machine.limits.disk_kib_s),
                    pluggable=pluggable),
                secrets=(lun.secret,) if lun.secret else ())
        except errors.ClientError as error:
            raise codes.lun_error(error, lun.address) from error
        found = _CREATED.search(text)
        return found['uuid'] if found else ''

    def copy_lun(self, source: api.Lun, target: api.Lun) -> None:
        with contextlib.ExitStack() as undo:
            probe = undo.enter_context(self._probe())
            media = []
            for port, lun in enumerate((source, target), 1):
                self._forget_left_over(lun.address)
                media.append(self._attach_and_check(probe, port, lun))
                undo.callback(self.detach_lun, probe.uuid, port)
            self._run(commands.copy_medium(*media),
                      timeout_s=self._copy_timeout_s)

    def detach_lun(self, uuid: str, port: int) -> None:
        medium, place = self._registry.medium_at(
            self._settings_file(uuid), port) or (None, None)
        if place is None or medium not in self._registry.luns():
            raise errors.MediumNotFound(
                f'machine {uuid} has no LUN at port {port}',
                operation='detach_lun')
        self._run(commands.detach_disk(uuid, place))
        with contextlib.suppress(errors.InUse):
            # A snapshot may have it, as long as a resize is not confirmed.
            self._run(commands.close_by_uuid(medium))
