# SPDX-License-Identifier: Apache-2.0
"""A log-on to VirtualBox's web service, and what hangs on it.

The service hands out references to objects, which are good as long as the
log-on is: until it was not used for a while, or the service starts anew.  A
call then fails with an "invalid managed object reference", and nothing was
done.  :mod:`.weblogon` logs on anew.

A lock that is left behind when its log-on ends blocks the machine until the
service ends: it is given back in every path, and while it is held the service
is asked something every few seconds, so that the log-on does not end.

Source: the SDK reference, "Using the web service", and VirtualBox.xidl.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import TypeVar
from xml.etree import ElementTree

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import redaction
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vbox import codes
from nova_hypervisors.clients.vbox import version

LOG = logging.getLogger(__name__)

NAMESPACE = 'http://www.virtualbox.org/'

#: Where calls are noted: see clients/recording.py.
SEAM = 'virtualbox-soap'
#: ... and how what went on has ended.
PROGRESS_SEAM = 'virtualbox-progress'

#: See soap.Service.  vboxwebsrv has a thread for each connection, and starts
#: none if there is one left; so of two new connections at once the second is
#: kept waiting, until the first ends (SoapQ::add in vboxweb.cpp; seen with
#: 7.2.22).
GREETING = 'IManagedObjectRef_getInterfaceName'

INVALID_REFERENCE = 'InvalidObjectFault'
RETURNED = 'returnval'

# The result codes of calls to a VBoxSVC that has died: E_ABORT, and XPCOM's
# and COM's own.
_SERVER_DIED = frozenset({0x80004004, 0x800706BA, 0x800706BE, 0x80010108})

# What these answer with is a guest's: its disk, screen or log.
_CONTENT = frozenset({
    'IDataStream_read', 'IDisplay_takeScreenShotToArray', 'IMachine_readLog',
    'IMediumIO_read'})
_FAULT = b':Fault>'

# VirtualBox's own prefix of its errors' texts.
_NOISE = 'VirtualBox error: '

#: The states of a machine that has no process and is not about to have one.
AT_REST = ('PoweredOff', 'Saved', 'Teleported', 'Aborted', 'AbortedSaved')

# How long one call waits for the end of what goes on; each keeps the log-on.
_WAIT_S = 5.0
# How long at most where somebody may want it to be given up.
_LISTEN_S = 0.5

# How often a session is looked at that is about to be unlocked.
_LOOK_S = 0.05

T = TypeVar('T')


class SessionExpired(errors.ClientError):
    """The log-on is over, with all references; the call was not made."""


class WebSession:
    """One log-on, used by one thread at a time.

    :param root: the reference to IVirtualBox
    :param policy: for machines that somebody else has locked
    :param observe: is told of each call
    """

    #: what VirtualBox's version wants; set when it is known
    quirks: version.Quirks

    def __init__(self, service: soap.Service, root: str,
                 policy: retry.Policy,
                 observe: telemetry.Observer | None = None) -> None:
        self._service = service
        self._policy = policy
        self._observe = observe
        self.root = root
        self.calls = 0
        #: when it last answered, in seconds of time.monotonic()
        self.answered_at = -math.inf
        #: the UUIDs of machines, by their references
        self.machine_ids: dict[str, str] = {}

    def text(self, operation: str, this: str, **arguments: soap.Value) -> str:
        """Return the one value that an operation answers with, or ''."""
        answer = self.call(operation, this, **arguments)
        return answer.findtext(RETURNED, '')

    def texts(self, operation: str, this: str,
              **arguments: soap.Value) -> list[str]:
        answer = self.call(operation, this, **arguments)
        return [item.text or '' for item in answer.iterfind(RETURNED)]

    def structs(self, operation: str, this: str,
                **arguments: soap.Value) -> list[dict[str, str]]:
        answer = self.call(operation, this, **arguments)
        return [{field.tag: field.text or '' for field in item}
                for item in answer.iterfind(RETURNED)]

    def call(self, operation: str, this: str,
             **arguments: soap.Value) -> ElementTree.Element:
        """Call a method of an object.

        :param operation: Interface_method
        :param this: the object's reference
        :raises SessionExpired: nothing was done
        """
        return self._call(operation, {'_this': this, **arguments})

    def data(self, operation: str, this: str,
             **arguments: soap.Value) -> bytes:
        """Return the bytes that an operation answers with."""
        return self._counted(self._service.data, operation,
                             {'_this': this, **arguments})

    def _call(self, operation: str,
              arguments: dict[str, soap.Value]) -> ElementTree.Element:
        return self._counted(self._service.call, operation, arguments)

    def _counted(self, call: Callable[..., T], operation: str,
                 arguments: dict[str, soap.Value]) -> T:
        self.calls += 1
        return telemetry.observed(
            self._observe, operation,
            lambda: self._answer(call, operation, arguments))

    def _answer(self, call: Callable[..., T], operation: str,
                arguments: dict[str, soap.Value]) -> T:
        with noted(self._service, operation, arguments) as heard:
            try:
                answer = call(operation, arguments, heard=heard)
            except soap.Fault as fault:
                raise error_for(fault, operation) from fault
        self.answered_at = time.monotonic()
        return answer

    def release(self, reference: str) -> None:
        """Let the service forget a reference that is not needed any more."""
        with contextlib.suppress(errors.ClientError):
            self.call('IManagedObjectRef_release', reference)

    def log_off(self) -> None:
        """End the log-on; it is no error if the service has gone."""
        with contextlib.suppress(errors.ClientError):
            self._call('IWebsessionManager_logoff',
                       {'refIVirtualBox': self.root})

    # Machines

    def machine(self, uuid: str) -> str:
        """Return the reference to a machine.

        :raises MachineNotFound: there is none
        """
        return self.text('IVirtualBox_findMachine', self.root, nameOrId=uuid)

    def listed_machine(self, uuid: str) -> str:
        """Return the reference to a machine, also if it is inaccessible.

        :raises MachineNotFound: there is none
        """
        try:
            return self.machine(uuid)
        except errors.MachineNotFound:
            for machine in self.texts('IVirtualBox_getMachines', self.root):
                if self.text('IMachine_getId', machine) == uuid:
                    return machine
            raise

    def new_session(self) -> str:
        """Return a new ISession, with which a machine can be locked."""
        return self._call('IWebsessionManager_getSessionObject', {
            'refIVirtualBox': self.root}).findtext(RETURNED, '')

    @contextlib.contextmanager
    def locked(self, uuid: str, kind: str = 'Shared') -> Iterator[Lock]:
        """Hold a machine's lock.

        :param kind: Write, which only one may have, or Shared
        :raises Busy: somebody else has it
        """
        machine = self.machine(uuid)
        session = self.new_session()
        try:
            self.when_free(lambda: self.call(
                'IMachine_lockMachine', machine, session=session,
                lockType=kind))
            yield Lock(self, session)
        finally:
            self.unlock(session)

    def when_free(self, function: Callable[[], T]) -> T:
        """Call what does nothing while somebody else has a machine locked."""
        return self._policy.call(function)

    def unlock(self, session: str) -> None:
        """Unlock a session's machine, whatever has happened to it."""
        try:
            self.call('ISession_unlockMachine', session)
        except errors.ClientError as error:
            # It never was; or a machine that has just ended unlocks its
            # sessions itself.
            LOG.debug('A session was not unlocked: %s', error)
        self.release(session)

    def wait_until_unlocked(self, uuid: str, timeout_s: float) -> None:
        """Wait until a machine is at rest and nobody holds its lock.

        One that was switched off is not for a moment.

        :raises TimedOut: somebody does
        """
        end = time.monotonic() + timeout_s
        machine = self.machine(uuid)
        while (self.text('IMachine_getSessionState', machine) != 'Unlocked'
               or self.text('IMachine_getState', machine) not in AT_REST):
            if time.monotonic() > end:
                raise errors.TimedOut(f'machine {uuid} is still locked')
            time.sleep(_LOOK_S)

    # Progress

    def wait(self, progress: str, operation: str, timeout_s: float,
             stop: threading.Event | None = None) -> None:
        """Wait for the end of what goes on, and release the reference.

        :param stop: set by another thread that wants it to be given up
        :raises TimedOut: it goes on; it was told to stop
        """
        end = time.monotonic() + timeout_s
        most_s = _WAIT_S if stop is None else _LISTEN_S
        try:
            while True:
                left_s = max(0.0, min(most_s, end - time.monotonic()))
                self.call('IProgress_waitForCompletion', progress,
                          timeout=int(left_s * 1000))
                if self.text('IProgress_getCompleted', progress) == 'true':
                    break
                late = time.monotonic() >= end
                if late or (stop is not None and stop.is_set()):
                    with contextlib.suppress(errors.ClientError):
                        self.call('IProgress_cancel', progress)
                if late:
                    raise errors.TimedOut(
                        f'it was not done within {timeout_s:g} seconds',
                        operation=operation)
            self._check(progress, operation)
        finally:
            self.release(progress)

    def _check(self, progress: str, operation: str) -> None:
        code = int(self.text('IProgress_getResultCode', progress))
        if code == 0:
            return
        info = self.text('IProgress_getErrorInfo', progress)
        detail = (self.text('IVirtualBoxErrorInfo_getText', info) if info
                  else 'it failed')
        with recording.call(PROGRESS_SEAM, operation) as call:
            call.answer = {'code': code, 'detail': detail}
            raise codes.error_for(code, detail, operation)


@contextlib.contextmanager
def noted(service: soap.Service, operation: str,
          arguments: Mapping[str, soap.Value],
          ) -> Iterator[Callable[[bytes], None]]:
    """Note a call, and give what is to be told its answer."""
    # A property's name is an argument: what is answered has none.
    is_secret = operation in _CONTENT or any(
        isinstance(value, str) and redaction.is_secret_name(value)
        for value in arguments.values())
    with recording.call(SEAM, operation, lambda: {
            'where': service.where, 'arguments': {
                name: (f'{len(value)} bytes' if isinstance(value, bytes)
                       else value)
                for name, value in arguments.items()}}) as call:
        def heard(answer: bytes) -> None:
            if not is_secret or _FAULT in answer:
                call.answer = answer
        yield heard


def error_for(fault: soap.Fault, operation: str) -> errors.ClientError:
    code = fault.details.get('resultCode')
    if fault.kind == INVALID_REFERENCE or (
            code and int(code) & 0xFFFFFFFF in _SERVER_DIED):
        return SessionExpired(fault.message, operation=operation)
    return codes.error_for(int(code) if code else None,
                           fault.message.removeprefix(_NOISE), operation)


class Lock:
    """A machine's lock that is held.

    :param session: the ISession that holds it
    """

    def __init__(self, web: WebSession, session: str) -> None:
        self.session = session
        self._web = web

    @functools.cached_property
    def machine(self) -> str:
        """The machine as it can be changed."""
        return self._web.text('ISession_getMachine', self.session)

    @functools.cached_property
    def console(self) -> str:
        """What controls the running machine.

        :raises InvalidState: it does not run
        """
        console = self._web.text('ISession_getConsole', self.session)
        if not console:
            raise errors.InvalidState('the machine is not running')
        return console

    def save(self) -> None:
        self._web.call('IMachine_saveSettings', self.machine)
