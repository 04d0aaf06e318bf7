# SPDX-License-Identifier: Apache-2.0
"""Disks of storages that are held in memory."""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers


class FakeLuns:
    """:class:`.clients.vbox.interface.LunApi`.

    :ivar luns: the storages' disks that are there, as one may log in to them
    :ivar contents: what is on them, if it is not nothing
    """

    def __init__(self):
        super().__init__()
        self.luns: set[api.Lun] = set()
        self.contents: dict[api.LunAddress, str] = {}

    def attach_lun(self, uuid, port, lun):
        machine = self._machine(uuid)
        self._usable(lun)
        if port in machine.disks:
            raise errors.InUse(f'port {port} is in use')
        if machine.state is api.MachineState.SAVED:
            raise errors.InvalidState(f'{uuid} is saved')
        self._has_port(machine, port)
        machine.disks[port] = api.AttachedDisk(
            port, api.DiskKind.DISK, str(lun.address), lun.address)

    def _has_port(self, machine, port):
        """A controller that lacks a port gets it, if the machine is off."""
        place = controllers.place(
            controllers.lun_bus(machine.spec.disk_bus, port),
            api.DiskKind.DISK, port)
        if place.controller != api.DISK_CONTROLLER:
            return
        if place.port >= machine.ports:
            if machine.state in (
                    api.MachineState.RUNNING, api.MachineState.PAUSED):
                raise errors.NoSuchPort(f'there is no port {place.port}')
            machine.ports = controllers.more_ports(place)

    def copy_lun(self, source, target):
        self._usable(source)
        self._usable(target)
        self.contents[target.address] = self.contents.get(source.address, '')

    def _usable(self, lun):
        if lun not in self.luns:
            raise errors.VolumeUnavailable(f'{lun.address} cannot be opened')
        if any(disk.lun == lun.address for machine in self.machines.values()
               for disk in machine.disks.values()):
            raise errors.InUse(f'{lun.address} is in use')

    def detach_lun(self, uuid, port):
        machine = self._machine(uuid)
        disk = machine.disks.get(port)
        if disk is None or disk.lun is None:
            raise errors.MediumNotFound(f'{uuid} has no LUN at {port}')
        if machine.state is api.MachineState.SAVED:
            raise errors.InvalidState(f'{uuid} is saved')
        del machine.disks[port]
