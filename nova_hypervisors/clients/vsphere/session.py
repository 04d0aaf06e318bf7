# SPDX-License-Identifier: Apache-2.0
"""A session with a host, which is begun again when the host has ended it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import retry
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import transport
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import wire

LOG = logging.getLogger(__name__)

_SERVICE = values.Ref('ServiceInstance', 'ServiceInstance')

# These change nothing, or nothing that is not as well twice: after a broken
# connection they are called once more.
_HARMLESS = tuple(
    'Retrieve Continue Query Current Search CreateFilter CreateContainerView '
    'CreatePropertyCollector HasPrivilege Rescan Refresh'.split())


class Session:
    """Calls a host's operations as somebody who is logged in.

    oslo.vmware's own asks an ESX host whether its session is alive, which
    hosts do not implement, and waits ten seconds before it logs in again.

    :param password: called when it is needed
    :param policy: how often a host that is not reached is tried
    """

    def __init__(self, link: transport.Link,
                 make_wire: Callable[[], wire.Wire], user: str,
                 password: Callable[[], str],
                 policy: retry.Policy = retry.NEVER) -> None:
        self._link = link
        self._make_wire = make_wire
        self._user = user
        self._password = password
        self._policy = policy
        self._wire: wire.Wire | None = None
        self._lock = threading.Lock()
        #: counts logins: who was refused knows whether somebody has logged
        #: in since
        self.number = 0
        #: the key of the session, as the host's list of sessions has it
        self.key = ''
        self._content: values.Element | None = None

    @property
    def wire(self) -> wire.Wire:
        if self._wire is None:
            raise errors.ClientError('there is no connection yet')
        return self._wire

    def make(self, kind: str, **fields: Any) -> Any:
        """Make an argument of a type of the API."""
        return self.wire.make(kind, **fields)

    def open(self, check: Callable[[values.Element], None]) -> None:
        """Connect and log in.

        :param check: is given ServiceContent before the login; may raise
        """
        if self._wire is None:
            self._wire = self._make_wire()
        # Whoever is there may ask this.
        self._content = self._policy.call(lambda: self._plain_call(
            'RetrieveServiceContent', _SERVICE))[0]
        check(self._content)
        version = values.text(self._content, 'about/apiVersion')
        if version:
            self.wire.speak(version)
        self._log_in(self.number)

    @property
    def is_open(self) -> bool:
        return self.number > 0

    def service(self, name: str) -> values.Ref:
        """Return one of the objects in ServiceContent.

        :raises Unsupported: the host has none
        """
        found = None if self._content is None else values.ref(
            values.find(self._content, name))
        if found is None:
            raise errors.Unsupported(f'{self._link.where} has no {name}')
        return found

    def about(self, name: str) -> str:
        return values.text(self._content, f'about/{name}')

    def close(self) -> None:
        """Log out, if the host still listens."""
        if self.number:
            with contextlib.suppress(errors.ClientError, faults.Fault):
                self.wire.call('Logout', self.service('sessionManager'),
                               timeout_s=self._link.connect_timeout_s)
        self.number = 0
        self._link.forget()
        self._link.close()

    def call(self, operation: str, target: values.Ref,
             timeout_s: float | None = None,
             **arguments: Any) -> values.Element:
        """Return the element that answers.

        A session that the host has ended costs a login and a second try.

        :raises ClientError: the host refuses, or does not answer
        """
        return self.retried(operation, target, lambda: self.try_call(
            operation, target, timeout_s, **arguments))

    def retried(self, operation: str, target: values.Ref,
                function: Callable[[], values.Element]) -> values.Element:
        """Call what may meet the end of the session."""
        number = self.number
        try:
            try:
                return function()
            except faults.Fault as fault:
                if fault.name not in faults.SESSION_ENDED:
                    raise
                LOG.info('%s has ended the session; logging in again',
                         self._link.where)
            self._log_in(number)
            return function()
        except faults.Fault as fault:
            raise faults.to_error(fault, operation, target) from fault

    def log_in_again(self) -> None:
        """Begin a new session: who is asked knows nobody any more."""
        self._log_in(self.number)

    def try_call(self, operation: str, target: values.Ref,
                 timeout_s: float | None = None,
                 **arguments: Any) -> values.Element:
        """Call as who is logged in now; nobody is logged in again.

        :raises Fault: the host refuses
        """
        def call() -> values.Element:
            return self.wire.call(operation, target, timeout_s, **arguments)

        try:
            return self._policy.call(call)
        except errors.ConnectionLost:
            if not operation.startswith(_HARMLESS):
                raise
        return call()

    def _plain_call(self, operation: str, target: values.Ref,
                    **arguments: Any) -> values.Element:
        try:
            return self.wire.call(operation, target, **arguments)
        except faults.Fault as fault:
            raise faults.to_error(fault, operation, target) from fault

    def _log_in(self, number: int) -> None:
        with self._lock:
            if self.number != number:
                return
            # In a session of its own: a host refuses who is logged in.
            answer = self._plain_call(
                'Login', self.service('sessionManager'),
                userName=self._user,
                password=values.Secret(self._password()))
            self.key = values.text(answer, 'returnval/key')
            recording.hide([self.key])
            self.number += 1
