# SPDX-License-Identifier: Apache-2.0
"""Machines that go on elsewhere without a stop, by the web service."""

from __future__ import annotations

import time

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_BEGIN_S = 30.0
_END_S = 20.0
_LOOK_S = 0.1

# How long the guest may stand still, at the most.
_DOWNTIME_MS = 500


class WebTeleport:
    """:class:`.interface.TeleportApi`."""

    _sessions: weblogon.WebSessions
    _copy_timeout_s: float

    def machine_state(self, uuid: str) -> api.MachineState:
        raise NotImplementedError

    @weblogon.changes
    def await_teleport(self, web: WebSession, uuid: str,
                       target: api.TeleportTarget) -> None:
        with web.locked(uuid, 'Write') as lock:
            for name, value in (('Port', target.port),
                                ('Address', target.address),
                                ('Password', target.password),
                                ('Enabled', True)):
                web.call(f'IMachine_setTeleporter{name}', lock.machine,
                         **{f'teleporter{name}': value})
            lock.save()
        machine = web.machine(uuid)
        session = web.new_session()
        try:
            progress = web.when_free(lambda: web.text(
                'IMachine_launchVMProcess', machine, session=session,
                name='headless', environmentChanges=[]))
            self._begin(web, machine, progress)
        finally:
            web.unlock(session)

    def _begin(self, web: WebSession, machine: str, progress: str) -> None:
        """Wait until a machine waits, which ends no progress."""
        end = time.monotonic() + _BEGIN_S
        while web.text('IMachine_getState', machine) != 'TeleportingIn':
            if web.text('IProgress_getCompleted', progress) == 'true':
                web.wait(progress, 'await_teleport', 0.0)
            if time.monotonic() > end:
                raise errors.TimedOut('the machine does not wait for another',
                                      operation='await_teleport')
            time.sleep(_LOOK_S)
        web.release(progress)

    @weblogon.changes
    def end_waiting(self, web: WebSession, uuid: str) -> None:
        machine = web.machine(uuid)
        if web.text('IMachine_getState', machine) != 'TeleportingIn':
            return
        session = web.new_session()
        try:
            progress = web.text(
                'IMachine_launchVMProcess', machine, session=session,
                name='emergencystop', environmentChanges=[])
            if progress:
                # VirtualBox 7.2 gives none: it was done at once.
                web.wait(progress, 'end_waiting', _END_S)
        finally:
            web.unlock(session)
        web.wait_until_unlocked(uuid, _END_S)

    def teleport(self, uuid: str, target: api.TeleportTarget) -> None:
        try:
            self._teleport(uuid, target)
        except errors.ClientError:
            # The process may end before it has told the service.
            if not self._has_gone(uuid):
                raise
        if not self._has_gone(uuid):
            raise errors.TimedOut(
                f'machine {uuid} has gone on elsewhere and does not end',
                operation='teleport')

    def _has_gone(self, uuid: str) -> bool:
        """Return whether a machine goes on elsewhere, and has ended here."""
        end = time.monotonic() + _END_S
        while time.monotonic() < end:
            state = self.machine_state(uuid)
            if state in (api.MachineState.DEPARTED, api.MachineState.RUNNING,
                         api.MachineState.PAUSED):
                return state is api.MachineState.DEPARTED
            time.sleep(_LOOK_S)
        return False

    @weblogon.changes
    def _teleport(self, web: WebSession, uuid: str,
                  target: api.TeleportTarget) -> None:
        def once() -> None:
            progress = web.text(
                'IConsole_teleport', lock.console, hostname=target.address,
                tcpport=target.port, password=target.password,
                maxDowntime=_DOWNTIME_MS)
            web.wait(progress, 'teleport', self._copy_timeout_s)

        with web.locked(uuid) as lock:
            web.when_free(once)

    def _forget_teleporter(self, web: WebSession, uuid: str) -> None:
        """Let a machine that came by teleport start as all others do."""
        machine = web.machine(uuid)
        if web.text('IMachine_getTeleporterEnabled', machine) == 'true':
            with web.locked(uuid, 'Write') as lock:
                web.call('IMachine_setTeleporterEnabled', lock.machine,
                         teleporterEnabled=False)
                lock.save()
