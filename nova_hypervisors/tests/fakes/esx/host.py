# SPDX-License-Identifier: Apache-2.0
"""The fake host: its objects, its lock, and what a test may do to it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import tempfile
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import authorization
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import inventory
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import schema
from nova_hypervisors.tests.fakes.esx import sessions
from nova_hypervisors.tests.fakes.esx import vmdk

#: Calls that change nothing: nobody who waits has to look again.
_READING = ('Retrieve', 'ContinueRetrieve', 'CancelRetrieve', 'WaitFor',
            'Check', 'Find', 'Fetch', 'HasPrivilege', 'CurrentTime')


#: What the licence without a price allows: privileges that only read.
_FREE = ('System.', 'Sessions.', 'Datastore.Browse')


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
    """What happens to the next call of a name.

    :param fault: instead of doing it
    :param hang: no answer comes until the test lets it go, or stops
    :param done: it is done all the same, only its answer is lost
    """

    fault: Any = None
    hang: threading.Event | None = None
    cut: bool = False
    done: bool = False


class Cut(Exception):
    """The connection ends without an answer."""


class EsxHost:
    """A standalone host.

    :ivar calls: what was asked of it
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
    :ivar luns: what iSCSI targets would give, :class:`.storage.Lun`
    :ivar tickets: of consoles, that were not used yet: the machine's reference
    :ivar drop_connections: ends all connections
    :ivar destroy_spares_parents: Destroy_Task deletes no disk that lies below
        a machine's own, see :mod:`.machines`
    :ivar anonymous_fault: what reads without a session gets NotAuthenticated
        as a fault, as vCenter does, and not in its missingSet
    """

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self.folder = folder
        self.user = user
        self.password = password
        self.address = '127.0.0.1'
        self.port = 0
        self.ca_file = ''
        self.thumbprint = ''
        self.calls: list[Call] = []
        self.task_seconds = 0.0
        self.session_seconds = 1800.0
        self.page_size = 1000
        self.faults_at_once = False
        self.anonymous_fault = False
        self.destroy_spares_parents = False
        self.clock_ahead = datetime.timedelta()
        self.denied: set[str] = set()
        self.guests_obey = True
        self.guest_seconds = 0.0
        self.lease_seconds = 300.0
        self.screen = (64, 48)
        self.luns: list[Any] = []
        self.tickets: dict[str, str] = {}
        self.drop_connections: Callable[[], None] = lambda: None
        self.objects: dict[tuple[str, str], managed.Managed] = {}
        self.lock = threading.Condition()
        self._local = threading.local()
        self._trouble: dict[str, list[Trouble]] = {}
        self._revision = 0
        self._closing = threading.Event()
        self._upload_end: int | None = None
        self._machine_number = 0
        self._local.session = sessions.Session()
        inventory.build(self)

    # What a test may do

    def fail_next(self, name: str, fault: Any) -> None:
        """Let the next call of a method end in a fault.

        :param fault: of :mod:`.faults`, or the name of one
        """
        if isinstance(fault, str):
            fault = faults.named(fault)
        self._trouble.setdefault(name, []).append(Trouble(fault=fault))

    def hang_next(self, name: str) -> threading.Event:
        """Return what lets the call go on when it is set."""
        event = threading.Event()
        self._trouble.setdefault(name, []).append(Trouble(hang=event))
        return event

    def cut_next(self, name: str, done: bool = False) -> None:
        self._trouble.setdefault(name, []).append(
            Trouble(cut=True, done=done))

    def cut_next_upload(self, after: int) -> None:
        """End the connection of the next upload after so many bytes."""
        self._upload_end = after

    def cut_upload(self, received: int) -> bool:
        if self._upload_end is None or received < self._upload_end:
            return False
        self._upload_end = None
        return True

    def next_machine(self) -> str:
        self._machine_number += 1
        return str(self._machine_number)

    def expire_sessions(self) -> None:
        with self.lock:
            self.sessions.expire()
            self.changed()

    def names(self) -> list[str]:
        """Return the names of all calls, in their order."""
        return [call.name for call in self.calls]

    def machines(self) -> list[Any]:
        return [one for one in self.objects.values()
                if isinstance(one.ref, vim.VirtualMachine)]

    def machine(self, ref: str) -> Any:
        return self.objects['VirtualMachine', ref]

    @property
    def datastore(self) -> Any:
        """The first one, ``[datastore1]``."""
        return self.datastores[0]

    def fill_datastore(self, free: int = 0) -> None:
        with self.lock:
            self.datastore.fill(free)
            self.changed()

    def guest_powers_off(self, ref: str) -> None:
        """The guest of a machine shuts down by itself."""
        with self.lock:
            self.machine(ref).stop()
            self.changed()

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

    # What the host is made of

    @property
    def session(self) -> Any:
        return self._local.session

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self.clock_ahead

    def find(self, ref: Any) -> managed.Managed | None:
        return self.objects.get(managed.key_of(ref))

    def get(self, ref: Any) -> Any:
        found = self.find(ref)
        if found is None:
            raise faults.gone(ref)
        return found

    def may_read(self, thing: managed.Managed) -> bool:
        return bool(self.session.user) or isinstance(
            thing.ref, vim.ServiceInstance)

    def changed(self) -> None:
        self._revision += 1
        self.lock.notify_all()

    def wait_for_change(self, seconds: float | None) -> None:
        """Wait a time or for a change; others go on."""
        revision = self._revision
        self.lock.wait_for(
            lambda: revision != self._revision or self._closing.is_set(),
            seconds)
        if self._closing.is_set():
            raise Cut

    @contextlib.contextmanager
    def let_others(self) -> Iterator[None]:
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def thread(self, work: Callable[[], Any]) -> None:
        session = self.session

        def run() -> None:
            self._local.session = session
            with self.lock:
                work()

        threading.Thread(target=run, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        with self.lock:
            self.changed()

    # Calls

    def trouble(self, name: str) -> Trouble:
        """Return what happens to a call; wait if it is to hang.

        :raises Cut: the connection is to end
        """
        waiting = self._trouble.get(name)
        trouble = waiting.pop(0) if waiting else Trouble()
        if trouble.hang is not None:
            while not trouble.hang.wait(0.05):
                if self._closing.is_set():
                    raise Cut
        if trouble.cut and not trouble.done:
            raise Cut
        return trouble

    @contextlib.contextmanager
    def as_session(self, session: Any) -> Iterator[None]:
        """Do what follows for a session, alone."""
        self._local.session = session
        with self.lock:
            yield

    def invoke(self, ref: Any, info: Any, values: dict[str, Any]) -> Any:
        """Do what a call asks; the lock is held.

        :raises vmodl.MethodFault: what the host answers
        """
        self._authenticate(ref, info)
        self._authorize(ref, info)
        self.session.use()
        thing = self.get(ref)
        if info.wsdlName == 'Fetch':
            if not self.may_read(thing):
                raise faults.not_authenticated(ref)
            return managed.read(thing, values['prop'])[0]
        method = getattr(thing, info.wsdlName, None)
        if method is None:
            raise self._unknown(thing, info)
        try:
            return method(**values)
        finally:
            if not info.wsdlName.startswith(_READING):
                self.changed()

    def _unknown(self, thing: managed.Managed, info: Any) -> Any:
        if info.wsdlName not in {one.wsdlName
                                 for one in thing.kind._GetMethodList()}:
            return schema.InvalidRequest(
                msg=f'{info.wsdlName} is no method of {thing.ref}')
        return vmodl.fault.NotImplemented(
            msg=f'This fake does not do {info.wsdlName}.')

    def _authenticate(self, ref: Any, info: Any) -> None:
        """Without a session there are only the methods for anybody."""
        reads = info.wsdlName.startswith('RetrieveProperties')
        anybody = info.privId == 'System.Anonymous' and not (
            reads and self.anonymous_fault)
        if not self.session.user and not anybody:
            raise faults.not_authenticated(ref, info.privId or 'System.View')

    def _authorize(self, ref: Any, info: Any) -> None:
        privilege = authorization.needed(info)
        if privilege in self.denied:
            raise vim.fault.NoPermission(
                msg='Permission to perform this operation was denied.',
                object=ref, privilegeId=privilege)
        if not privilege.startswith(_FREE):
            self.licenses.check_write()
