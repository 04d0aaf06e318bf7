# SPDX-License-Identifier: Apache-2.0
"""The fake host: its objects, its lock, and what a test may do to it."""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import authorization
from nova_hypervisors.tests.fakes.esx import controls
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import inventory
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import schema
from nova_hypervisors.tests.fakes.esx import sessions

#: Calls that change nothing: nobody who waits has to look again.
_READING = ('Retrieve', 'ContinueRetrieve', 'CancelRetrieve', 'WaitFor',
            'Check', 'Find', 'Fetch', 'HasPrivilege', 'CurrentTime')

#: What the licence without a price allows: privileges that only read.
_FREE = ('System.', 'Sessions.', 'Datastore.Browse')


class EsxHost(controls.Controls):
    """A standalone host; what a test may do to it is in its base.

    :ivar address: with ``port``, ``user``, ``password`` and ``ca_file`` what a
        client needs
    :ivar objects: by the name of their type and their own
    """

    def __init__(self, folder: Path, user: str, password: str,
                 beside: EsxHost | None = None) -> None:
        self.folder = folder
        self.user = user
        self.password = password
        self.address = '127.0.0.1'
        self.port = 0
        self.ca_file = ''
        self.thumbprint = ''
        controls.Controls.__init__(self)
        self.objects: dict[tuple[str, str], managed.Managed] = {}
        self.lock = threading.Condition()
        self._local = threading.local()
        self._revision = 0
        self._closing = threading.Event()
        self._machine_number = 0
        self._local.session = sessions.Session()
        inventory.build(self, beside.locks if beside else None)

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

    def next_machine(self) -> str:
        self._machine_number += 1
        return str(self._machine_number)

    def machines(self) -> list[Any]:
        return [one for one in self.objects.values()
                if isinstance(one.ref, vim.VirtualMachine)]

    def machine(self, ref: str) -> Any:
        return self.objects['VirtualMachine', ref]

    @property
    def datastore(self) -> Any:
        """The first one, ``[datastore1]``."""
        return self.datastores[0]

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

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
            raise controls.Cut

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
        except vmodl.MethodFault as fault:
            faults.check_declared(info, fault)
            raise
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
