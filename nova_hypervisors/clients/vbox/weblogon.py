# SPDX-License-Identifier: Apache-2.0
"""Logging on to VirtualBox's web service, and doing it again when it is over.

References are not counted: whoever lets one go takes it from everybody with
the same log-on.  So each method of a client has a log-on to itself while it
runs, taken from a pool.  What only reads is begun anew if its log-on is over;
for what changes something the log-on is tried first.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Concatenate
from typing import ParamSpec
from typing import Protocol
from typing import TypeVar
from xml.etree import ElementTree

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.clients.vbox import websession
from nova_hypervisors.clients.vbox.websession import WebSession

# A log-on that has made so many calls is not kept: the service may hold some
# thousand objects for it.
_MOST_CALLS = 5000

# One that answered so many seconds ago is not asked whether it still does:
# a server is made by a row of changes.
_JUST_S = 1.0

#: The operation that is called before all others.
LOG_ON = 'IWebsessionManager_logon'

T = TypeVar('T')
P = ParamSpec('P')


class WebSessions:
    """Logs on, and keeps log-ons for the next who wants one.

    :param password: is asked at each log-on
    :param policy: for what is worth another try
    :param observe: is told of each call
    """

    def __init__(self, service: soap.Service, user: str,
                 password: Callable[[], str], policy: retry.Policy,
                 observe: telemetry.Observer | None = None) -> None:
        self._service = service
        self._user = user
        self._password = password
        self._policy = policy
        self._observe = observe
        self._lock = threading.Lock()
        self._idle: list[WebSession] = []
        self._open = 0
        self._version: version.Version | None = None

    @property
    def open_count(self) -> int:
        """How many log-ons there are, as far as is known."""
        return self._open

    def read(self, function: Callable[[WebSession], T]) -> T:
        """Call what may be called again, as a whole."""
        def call() -> T:
            try:
                with self._using(self._take()) as web:
                    return function(web)
            except errors.ConnectionLost as error:
                raise errors.Unreachable(
                    error.detail, operation=error.operation) from error

        def once_more() -> T:
            try:
                return call()
            except websession.SessionExpired:
                self._forget()
                return call()

        return self._policy.call(once_more)

    def change(self, function: Callable[[WebSession], T]) -> T:
        """Call what is called once, with a log-on that answers."""
        with self._using(self._policy.call(self._answering)) as web:
            before = web.calls
            try:
                return function(web)
            except errors.Unreachable as error:
                # Something may have been done before.
                raise errors.ConnectionLost(
                    error.detail, operation=error.operation) from error
            except websession.SessionExpired:
                if web.calls > before + 1:
                    raise
        # It ended since it last answered, and nothing was done.
        self._forget()
        with self._using(self._log_on()) as web:
            return function(web)

    @contextlib.contextmanager
    def _using(self, web: WebSession) -> Iterator[WebSession]:
        try:
            yield web
        except (websession.SessionExpired, errors.ConnectionLost,
                errors.TimedOut):
            # Nobody knows what it still is good for.
            self._end(web)
            raise
        except BaseException:
            self._keep(web)
            raise
        self._keep(web)

    def _answering(self) -> WebSession:
        web = self._take()
        if time.monotonic() - web.answered_at < _JUST_S:
            return web
        try:
            web.text('IVirtualBox_getAPIVersion', web.root)
        except (websession.SessionExpired, errors.ConnectionLost):
            self._forget(web)
            return self._log_on()
        return web

    def _take(self) -> WebSession:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._log_on()

    def _keep(self, web: WebSession) -> None:
        if web.calls > _MOST_CALLS:
            self._end(web)
            return
        with self._lock:
            self._idle.append(web)

    def _end(self, web: WebSession) -> None:
        with self._lock:
            self._open -= 1
        web.log_off()

    def _log_on(self) -> WebSession:
        root = telemetry.observed(self._observe, LOG_ON, self._root)
        web = WebSession(self._service, root, self._policy, self._observe)
        web.quirks = version.Quirks.of(self._find_version(web))
        with self._lock:
            self._open += 1
        return web

    def _root(self) -> str:
        """Return the reference to IVirtualBox for a new log-on."""
        password = self._password()
        recording.hide([password])
        arguments = {'username': self._user, 'password': password}
        with websession.noted(self._service, LOG_ON, arguments) as heard:
            def call() -> ElementTree.Element:
                return self._service.call(LOG_ON, arguments, heard=heard)
            return root_of(call, self._service.where, self._user)

    def _find_version(self, web: WebSession) -> version.Version:
        """Return VirtualBox's version, which is asked for once.

        After an upgrade nova-compute has to be started anew.
        """
        if self._version is None:
            text = web.text('IVirtualBox_getVersion', web.root)
            try:
                self._version = version.parse(text)
            except ValueError as error:
                raise errors.ClientError(str(error)) from error
        return self._version

    def version(self) -> version.Version:
        return self.read(self._find_version)

    def _forget(self, *others: WebSession) -> None:
        """Let go what has ended; there is nobody to log off from."""
        with self._lock:
            self._open -= len(self._idle) + len(others)
            self._idle.clear()

    def close(self) -> None:
        """Log off and close the connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for web in idle:
            self._end(web)
        self._service.close()


def root_of(call: Callable[[], ElementTree.Element], where: str,
            user: str) -> str:
    """Return the reference that a call to log on answers with.

    :raises AuthenticationFailed: it is refused
    """
    try:
        answer = call()
    except soap.Fault as fault:
        # It gives no reason.
        raise errors.AuthenticationFailed(
            f'{where} does not let the user {user!r} log on, or has lost its '
            'VBoxSVC', operation=LOG_ON) from fault
    root = answer.findtext(websession.RETURNED, '')
    if not root:
        # It says so to nobody, and takes half a minute to notice.
        raise errors.Unreachable(f'{where} has lost its VBoxSVC',
                                 operation=LOG_ON)
    return root


class HasSessions(Protocol):
    _sessions: WebSessions


S = TypeVar('S', bound=HasSessions)


def reads(method: Callable[Concatenate[S, WebSession, P], T],
          ) -> Callable[Concatenate[S, P], T]:
    """Give a method of a client a log-on; it may be called again."""
    def wrapper(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._sessions.read(
            lambda web: method(self, web, *args, **kwargs))
    return _named_as(method, wrapper)


def changes(method: Callable[Concatenate[S, WebSession, P], T],
            ) -> Callable[Concatenate[S, P], T]:
    """Give a method of a client a log-on; it is called once."""
    def wrapper(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._sessions.change(
            lambda web: method(self, web, *args, **kwargs))
    return _named_as(method, wrapper)


def _named_as(method: Callable[..., object],
              wrapper: Callable[P, T]) -> Callable[P, T]:
    functools.update_wrapper(wrapper, method)
    return wrapper
