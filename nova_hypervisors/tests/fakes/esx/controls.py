# SPDX-License-Identifier: Apache-2.0
"""What a test may do to the host, and what it can see of it."""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_hypervisors.tests.fakes.esx import datastore
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import vmdk

#: Matches every call but a watcher's, which goes on beside the others.
ANY = '*'
_WATCHING = ('WaitForUpdatesEx', 'WaitForUpdates', 'CancelWaitForUpdates')


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """What went over the wire.

    :param name: of the method, or 'PUT /folder' and the like
    :param sent: bytes of the request's body
    :param received: bytes of the reply's
    """

    name: str
    sent: int
    received: int


@dataclasses.dataclass(slots=True)
class Trouble:
    """What happens to a call.

    :param after: how many calls of its name are left alone before
    :param fault: instead of doing it
    :param hang: no answer comes until the test lets it go, or stops
    :param action: done first
    :param cut: its connection ends without an answer
    :param done: it is done all the same
    """

    after: int = 0
    fault: Any = None
    hang: threading.Event | None = None
    action: Callable[[], Any] | None = None
    cut: bool = False
    done: bool = False


class Cut(Exception):
    """The connection ends without an answer."""


class Controls:
    """The names of calls are those of methods, or 'PUT /folder' and the like.

    :ivar calls: what was asked of it, in the order of the answers
    :ivar task_seconds: how long a task takes
    :ivar session_seconds: after how long an idle session ends
    :ivar page_size: the most objects in a reply
    :ivar faults_at_once: what a task would fail with fails the method, while
        tasks take no time
    :ivar clock_ahead: of ours
    :ivar denied: the privileges that the user has not
    :ivar guests_obey: a guest whose tools run does what it is asked for, after
        ``guest_seconds``
    :ivar lease_seconds: after how long a silent HttpNfcLease ends
    :ivar screen: width and height of what a screenshot shows
    :ivar screens: by a machine's reference, the address and port of the
        WebSocket that a webmks ticket leads to
    :ivar luns: what targets would give, :class:`.storage.Lun`
    :ivar fc_adapters: of Fibre Channel, :class:`.fibrechannel.Adapter`
    :ivar guest: what any guest answers on a serial port to what is typed
    :ivar guest_accounts: passwords by names, which all guests know
    :ivar guest_programs: what was started in guests, GuestProgramSpec
    :ivar guest_status: with which that ends
    :ivar tickets: of consoles, that were not used yet: the machine's reference
    :ivar wsdl: what is at /sdk/vimService.wsdl
    :ivar drop_connections: ends all connections
    :ivar go_away: so that nobody listens
    :ivar come_back: after that
    :ivar destroy_spares_parents: Destroy_Task deletes no disk that lies below
        a machine's own, see :mod:`.machines`
    :ivar anonymous_fault: what reads without a session gets NotAuthenticated
        as a fault, as vCenter does, and not in its missingSet
    """

    datastore: Any
    datastores: list[Any]
    folder: Path
    lock: threading.Condition
    sessions: Any

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.task_seconds = 0.0
        self.session_seconds = 1800.0
        self.page_size = 1000
        self.faults_at_once = False
        self.clock_ahead = datetime.timedelta()
        self.denied: set[str] = set()
        self.guests_obey = True
        self.guest_seconds = 0.0
        self.lease_seconds = 300.0
        self.screen = (64, 48)
        self.screens: dict[str, tuple[str, int]] = {}
        self.luns: list[Any] = []
        self.fc_adapters: list[Any] = []
        self.guest: Callable[[bytes], bytes] = bytes.upper
        self.guest_accounts: dict[str, str] = {}
        self.guest_programs: list[Any] = []
        self.guest_status = 0
        self.tickets: dict[str, str] = {}
        self.wsdl = b''
        self.drop_connections: Callable[[], None] = lambda: None
        self.go_away: Callable[[], None] = lambda: None
        self.come_back: Callable[[], None] = lambda: None
        self.destroy_spares_parents = False
        self.anonymous_fault = False
        self._trouble: dict[str, list[Trouble]] = {}
        self._upload_end: int | None = None

    def names(self) -> list[str]:
        """Return the names of all calls, in their order."""
        return [call.name for call in self.calls]

    # What happens to calls

    def fail_next(self, name: str, fault: Any, after: int = 0) -> None:
        """Let a call end in a fault.

        :param fault: of :mod:`.faults`, or the name of one
        """
        if isinstance(fault, str):
            fault = faults.named(fault)
        self._arm(name, Trouble(after, fault=fault))

    def hang_next(self, name: str, after: int = 0) -> threading.Event:
        """Return what lets the call go on when it is set."""
        event = threading.Event()
        self._arm(name, Trouble(after, hang=event))
        return event

    def cut_next(self, name: str, done: bool = False, after: int = 0) -> None:
        """:param done: only its answer is lost"""
        self._arm(name, Trouble(after, cut=True, done=done))

    def before_next(self, name: str, action: Callable[[], Any],
                    after: int = 0) -> None:
        """Let something happen between two calls, as ``expire_sessions``."""
        self._arm(name, Trouble(after, action=action))

    def forget_troubles(self) -> None:
        self._trouble.clear()

    def _arm(self, name: str, trouble: Trouble) -> None:
        self._trouble.setdefault(name, []).append(trouble)

    def trouble(self, name: str) -> Trouble:
        """Return what happens to a call; wait if it is to hang.

        :raises Cut: the connection is to end
        """
        trouble = self._take(name) or (
            None if name in _WATCHING else self._take(ANY)) or Trouble()
        if trouble.action is not None:
            trouble.action()
        if trouble.hang is not None:
            while not trouble.hang.wait(0.05):
                if self.closing:
                    raise Cut
        if trouble.cut and not trouble.done:
            raise Cut
        return trouble

    def _take(self, name: str) -> Trouble | None:
        with self.lock:
            waiting = self._trouble.get(name)
            if not waiting:
                return None
            if waiting[0].after:
                waiting[0].after -= 1
                return None
            return waiting.pop(0)

    def cut_next_upload(self, after: int) -> None:
        """End the connection of the next upload after so many bytes."""
        self._upload_end = after

    def cut_upload(self, received: int) -> bool:
        if self._upload_end is None or received < self._upload_end:
            return False
        self._upload_end = None
        return True

    # What happens on the host

    def expire_sessions(self) -> None:
        with self.lock:
            self.sessions.expire()
            self.changed()

    def fill_datastore(self, free: int = 0) -> None:
        """Let others' files take all of the first one but ``free`` bytes."""
        with self.lock:
            self.datastore.fill(free)
            self.changed()

    def add_datastore(self, name: str, folder: Path | None = None) -> Any:
        """Mount one more, of a folder that other hosts may have, too."""
        with self.lock:
            made = datastore.Datastore(
                self, f'5f000000-{len(self.datastores):08x}-0000-000000000000',
                name, self.datastore_folder, folder or self.folder / name)
            self.datastores.append(made)
            self.changed()
            return made

    # What happens in guests

    def guest_powers_off(self, ref: str) -> None:
        """The guest of a machine shuts down by itself."""
        with self.lock:
            self.machine(ref).stop()
            self.changed()

    def ask_next(self, ref: str) -> None:
        """Let the next start of a machine wait for an answer, AnswerVM.

        As a host does of one whose files were moved: msg.uuid.altered.
        """
        with self.lock:
            self.machine(ref).has_to_ask = True

    def run_tools(self, ref: str, running: bool = True) -> None:
        """Let VMware Tools run in the guest of a machine."""
        with self.lock:
            self.machine(ref).tools_running = running
            self.changed()

    def guest_writes(self, ref: str, offset: int, data: bytes) -> None:
        """Write into the first disk of a machine, whether it runs or not."""
        with self.lock:
            machine = self.machine(ref)
            vmdk.write(machine.chains()[0][0], offset, data)
            self.changed()

    def guest_reads(self, ref: str, offset: int, length: int) -> bytes:
        with self.lock, tempfile.TemporaryDirectory() as folder:
            whole = Path(folder) / 'disk'
            vmdk.flatten(self.machine(ref).chains()[0], whole)
            with whole.open('rb') as file:
                file.seek(offset)
                return file.read(length)

    def guest_prints(self, ref: str, data: bytes) -> None:
        """Write to the serial port of a machine that runs."""
        with self.lock:
            machine = self.machine(ref)
            for port in machine.serial_ports() if machine.is_on else ():
                with port.local.open('ab') as file:
                    file.write(data)
