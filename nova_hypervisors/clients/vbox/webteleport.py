# SPDX-License-Identifier: Apache-2.0
"""Machines that go on elsewhere without a stop, by the web service."""

from __future__ import annotations

import threading
import time

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_BEGIN_S = 30.0
_END_S = 20.0
_LOOK_S = 0.1

# How long one that is aborted may take.
_ABORT_S = 120.0

_GONE = 'Teleported'
# A machine that has gone on elsewhere is unlocked a little later.
_LEAVING = ('Teleporting', 'TeleportingPausedVM')

# How long the guest may stand still, at the most.
_DOWNTIME_MS = 500


class WebTeleport:
    """:class:`.interface.TeleportApi`.

    :ivar _teleports: by which those that are on their way can be asked to stay
    """

    _sessions: weblogon.WebSessions
    _copy_timeout_s: float
    _teleports: dict[str, threading.Event]

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
        stop = self._teleports[uuid] = threading.Event()
        try:
            self._teleport(uuid, target, stop)
        except errors.ClientError as error:
            # The process may end before it has told the service.
            if self._settled(uuid) != _GONE:
                if stop.is_set():
                    raise errors.Cancelled(
                        error.detail, operation='teleport') from error
                raise
        finally:
            del self._teleports[uuid]
        if self._settled(uuid) != _GONE:
            raise errors.TimedOut(
                f'machine {uuid} has gone on elsewhere and does not end',
                operation='teleport')

    @weblogon.reads
    def _settled(self, web: WebSession, uuid: str) -> str:
        """Return a machine's state, when it is not on its way any more."""
        machine = web.machine(uuid)
        end = time.monotonic() + _END_S
        while True:
            state = web.text('IMachine_getState', machine)
            if state not in _LEAVING or time.monotonic() > end:
                return state
            time.sleep(_LOOK_S)

    @weblogon.changes
    def _teleport(self, web: WebSession, uuid: str,
                  target: api.TeleportTarget, stop: threading.Event) -> None:
        def once() -> None:
            progress = web.text(
                'IConsole_teleport', lock.console, hostname=target.address,
                tcpport=target.port, password=target.password,
                maxDowntime=_DOWNTIME_MS)
            web.wait(progress, 'teleport', self._copy_timeout_s, stop)

        with web.locked(uuid) as lock:
            web.when_free(once)

    def abort_teleport(self, uuid: str) -> None:
        stop = self._teleports.get(uuid)
        if stop is None:
            raise errors.InvalidState(f'machine {uuid} is not on its way',
                                      operation='abort_teleport')
        stop.set()
        end = time.monotonic() + _ABORT_S
        while self._teleports.get(uuid) is stop:
            if time.monotonic() > end:
                raise errors.TimedOut(f'machine {uuid} is still on its way',
                                      operation='abort_teleport')
            time.sleep(_LOOK_S)

    @weblogon.changes
    def limit_execution(self, web: WebSession, uuid: str,
                        percent: int) -> None:
        with web.locked(uuid) as lock:
            web.call('IMachine_setCPUExecutionCap', lock.machine,
                     CPUExecutionCap=percent)

    def _forget_teleporter(self, web: WebSession, uuid: str,
                           machine: str) -> None:
        """Let a machine that came by teleport start as all others do."""
        if web.text('IMachine_getTeleporterEnabled', machine) == 'true':
            with web.locked(uuid, 'Write') as lock:
                web.call('IMachine_setTeleporterEnabled', lock.machine,
                         teleporterEnabled=False)
                lock.save()
