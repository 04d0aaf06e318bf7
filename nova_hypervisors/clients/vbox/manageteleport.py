# SPDX-License-Identifier: Apache-2.0
"""Machines that go on elsewhere without a stop, by VBoxManage."""

from __future__ import annotations

import abc
import contextlib
import threading
import time
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import settings

# How long a machine may take until it waits, and VirtualBox lets it wait.
_BEGIN_S = 30.0
_WAITS_S = 330.0

# How long a machine that has gone on elsewhere takes to end.
_END_S = 20.0
_LOOK_S = 0.1

# How long one that is aborted may take, and how often VBoxManage is asked.
_ABORT_S = 120.0
_ASK_S = 0.5

_WAITING = 'TeleportingIn'
_GONE = 'Teleported'
_LEAVING = ('Teleporting', 'TeleportingPausedVM')


class ManageTeleport(abc.ABC):
    """:class:`.interface.TeleportApi`.

    :ivar _teleports: by which those that are on their way can be asked to stay
    """

    _run: program.Program
    _copy_timeout_s: float
    _teleports: dict[str, execute.Interrupt]

    @abc.abstractmethod
    def _settings_file(self, uuid: str) -> Path: ...

    @abc.abstractmethod
    def machine_state(self, uuid: str) -> api.MachineState: ...

    def await_teleport(self, uuid: str, target: api.TeleportTarget) -> None:
        self._run(commands.set_teleporter(uuid, target),
                  secrets=(target.password,))
        folder = self._settings_file(uuid).parent
        began = time.time()
        failed: list[errors.ClientError] = []
        # VBoxManage comes back when the other machine has come.
        thread = threading.Thread(
            target=self._start_waiting, args=(uuid, failed),
            name='teleport', daemon=True)
        thread.start()
        end = time.monotonic() + _BEGIN_S
        while not _logged(folder, _WAITING, began):
            if failed:
                raise failed[0]
            if time.monotonic() > end:
                self.end_waiting(uuid)
                raise errors.TimedOut(
                    f'machine {uuid} does not wait for another',
                    operation='await_teleport')
            time.sleep(_LOOK_S)

    def _start_waiting(self, uuid: str,
                       failed: list[errors.ClientError]) -> None:
        try:
            self._run(commands.start(uuid), timeout_s=_WAITS_S)
        except errors.ClientError as error:
            failed.append(error)

    def end_waiting(self, uuid: str) -> None:
        if self.machine_state(uuid) is api.MachineState.ARRIVING:
            self._run(commands.kill(uuid))

    def teleport(self, uuid: str, target: api.TeleportTarget) -> None:
        interrupt = self._teleports[uuid] = execute.Interrupt()
        try:
            self._teleport(uuid, target, interrupt)
        finally:
            del self._teleports[uuid]
        end = time.monotonic() + _END_S
        while self.machine_state(uuid) is not api.MachineState.DEPARTED:
            if time.monotonic() > end:
                raise errors.TimedOut(
                    f'machine {uuid} has gone on elsewhere and does not end',
                    operation='teleport')
            time.sleep(_LOOK_S)

    def _teleport(self, uuid: str, target: api.TeleportTarget,
                  interrupt: execute.Interrupt) -> None:
        folder = self._settings_file(uuid).parent
        try:
            self._run(commands.teleport(uuid, target),
                      timeout_s=self._copy_timeout_s,
                      secrets=(target.password,), interrupt=interrupt)
        except errors.ClientError as error:
            # VBoxManage may end before the machine does what it tells, and
            # the machine before it has told VBoxManage.
            if _settled(folder) == _GONE:
                return
            if interrupt.asked:
                raise errors.Cancelled(
                    error.detail, operation='teleport') from error
            raise

    def abort_teleport(self, uuid: str) -> None:
        interrupt = self._teleports.get(uuid)
        if interrupt is None:
            raise errors.InvalidState(f'machine {uuid} is not on its way',
                                      operation='abort_teleport')
        end = time.monotonic() + _ABORT_S
        while self._teleports.get(uuid) is interrupt:
            if time.monotonic() > end:
                raise errors.TimedOut(f'machine {uuid} is still on its way',
                                      operation='abort_teleport')
            interrupt()
            time.sleep(_ASK_S)

    def limit_execution(self, uuid: str, percent: int) -> None:
        self._run(commands.limit_execution(uuid, percent))

    def _forget_teleporter(self, uuid: str) -> None:
        """Let a machine that came by teleport start as all others do."""
        with contextlib.suppress(errors.MachineNotFound):
            if settings.has_teleporter(self._settings_file(uuid)):
                self._run(commands.set_teleporter(uuid, None))


def _settled(folder: Path) -> str | None:
    """Return a machine's last state, when it is not on its way any more."""
    end = time.monotonic() + _END_S
    state = settings.last_logged_state(folder)
    while state in _LEAVING and time.monotonic() < end:
        time.sleep(_LOOK_S)
        state = settings.last_logged_state(folder)
    return state


def _logged(folder: Path, state: str, since: float = 0.0) -> bool:
    """Return whether a machine's last state is this one.

    :param since: a log that is older is of an earlier start
    """
    with contextlib.suppress(OSError):
        written = (folder / 'Logs' / 'VBox.log').stat().st_mtime
        return written >= since and (
            settings.last_logged_state(folder) == state)
    return False
