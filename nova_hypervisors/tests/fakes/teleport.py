# SPDX-License-Identifier: Apache-2.0
"""Machines held in memory that go on in another memory."""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api

State = api.MachineState


class FakeTeleport:
    """:class:`.clients.vbox.interface.TeleportApi`.

    :cvar waiting: who waits, and with which password, by where
    """

    waiting: dict = {}

    def await_teleport(self, uuid, target):
        self._off(uuid).state = State.ARRIVING
        self.waiting[target.address, target.port] = (self, uuid,
                                                     target.password)

    def end_waiting(self, uuid):
        machine = self._machine(uuid)
        if machine.state is State.ARRIVING:
            machine.state = State.ABORTED
        for where, (_, waiting, _) in list(self.waiting.items()):
            if waiting == uuid:
                del self.waiting[where]

    def teleport(self, uuid, target):
        machine = self._alive(uuid)
        where = target.address, target.port
        if where not in self.waiting:
            raise errors.NotListening(f'nobody waits at {where}')
        other, other_uuid, password = self.waiting[where]
        arriving = other.machines[other_uuid]
        if password != target.password:
            raise errors.ClientError('Invalid password')
        if arriving.spec.memory_mb != machine.spec.memory_mb:
            arriving.state = State.OFF
            raise errors.ClientError('VERR_SSM_LOAD_CONFIG_MISMATCH')
        del self.waiting[where]
        arriving.state = machine.state
        arriving.started_at = machine.started_at
        machine.state = State.DEPARTED
