# SPDX-License-Identifier: Apache-2.0
"""Machines held in memory that go on in another memory."""

from __future__ import annotations

import threading

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api

State = api.MachineState


class FakeTeleport:
    """:class:`.clients.vbox.interface.TeleportApi`.

    :cvar waiting: who waits, and with which password, by where
    :ivar holds: set for machines to stay on their way until they are aborted
    :ivar leaving: set by an abortion, for each that is on its way
    """

    waiting: dict = {}
    holds = False

    def __init__(self):
        super().__init__()
        self.leaving: dict[str, threading.Event] = {}

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
        self._travel(uuid, arriving)
        del self.waiting[where]
        arriving.state = machine.state
        arriving.started_at = machine.started_at
        machine.state = State.DEPARTED

    def _travel(self, uuid, arriving):
        stop = self.leaving[uuid] = threading.Event()
        try:
            if self.holds and stop.wait(20):
                arriving.state = State.OFF
                raise errors.Cancelled('VERR_SSM_CANCELLED')
        finally:
            del self.leaving[uuid]

    def abort_teleport(self, uuid):
        if uuid not in self.leaving:
            raise errors.InvalidState(f'machine {uuid} is not on its way')
        self.leaving[uuid].set()

    def limit_execution(self, uuid, percent):
        self._alive(uuid).execution_percent = percent
