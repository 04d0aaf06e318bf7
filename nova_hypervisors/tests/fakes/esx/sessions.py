# SPDX-License-Identifier: Apache-2.0
"""Who is logged in.

A host gives every connection a cookie, and Login makes it a session (vSphere
Web Services SDK Programming Guide, "Session management").
"""

from __future__ import annotations

import datetime
import time
import uuid
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed


class Session:
    """What belongs to a cookie.

    :ivar user: who has logged in, or None
    :ivar owned: objects that end with the session, as views and collectors
    """

    def __init__(self) -> None:
        self.cookie = uuid.uuid4().hex
        self.key = str(uuid.uuid4())
        self.user: str | None = None
        self.logged_in_at = self.used_at = now()
        self.idle_since = time.monotonic()
        self.calls = 0
        self.owned: list[managed.Managed] = []
        self.collectors: dict[str, Any] = {}

    def use(self) -> None:
        self.used_at = now()
        self.idle_since = time.monotonic()
        self.calls += 1

    def end(self) -> None:
        self.user = None
        for one in self.owned:
            one.forget()
        self.owned.clear()
        self.collectors.clear()

    def describe(self) -> Any:
        return vim.UserSession(
            key=self.key, userName=self.user, fullName='Administrator',
            loginTime=self.logged_in_at, lastActiveTime=self.used_at,
            locale='en', messageLocale='en', extensionSession=False,
            ipAddress='127.0.0.1', userAgent='', callCount=self.calls)


class SessionManager(managed.Managed):
    kind = vim.SessionManager

    defaultLocale = 'en'
    messageLocaleList = ['en']
    supportedLocaleList = ['en']

    def __init__(self, esx: Any, moid: str) -> None:
        super().__init__(esx, moid)
        self._by_cookie: dict[str, Session] = {}
        self._clone_tickets: set[str] = set()
        self._service_tickets: dict[str, tuple[str | None, str]] = {}

    def find(self, cookie: str | None) -> Session:
        """Return the session of a cookie, or a new one without a user."""
        session = self._by_cookie.get(cookie or '')
        if session is None:
            session = Session()
            self._by_cookie[session.cookie] = session
        idle = time.monotonic() - session.idle_since
        if session.user and idle > self.esx.session_seconds:
            # Idle sessions end after 30 minutes: pyvmomi#349, #953.
            session.end()
        return session

    def expire(self) -> None:
        for session in self._by_cookie.values():
            session.end()
        self._by_cookie.clear()

    @property
    def currentSession(self) -> Any:
        session = self.esx.session
        return session.describe() if session.user else None

    @property
    def sessionList(self) -> list[Any]:
        return [one.describe() for one in self._by_cookie.values()
                if one.user]

    def Login(self, userName: str, password: str,
              locale: str | None = None) -> Any:
        """A second Login on a live session fails, as vcsim's does."""
        good = (self.esx.user, self.esx.password)
        if (userName, password) != good or self.esx.session.user:
            raise _refused()
        return self._start(userName)

    def _start(self, user: str) -> Any:
        session = self.esx.session
        session.user = user
        session.logged_in_at = now()
        return session.describe()

    def Logout(self) -> None:
        session = self.esx.session
        session.end()
        self._by_cookie.pop(session.cookie, None)

    def SessionIsActive(self, sessionID: str, userName: str) -> bool:
        """A host does not have it: pyvmomi#749."""
        raise vmodl.fault.NotImplemented(
            msg='The operation is not supported on the object.')

    def AcquireCloneTicket(self) -> str:
        """A ticket is good for one session (SessionManager.CloneSession)."""
        ticket = f'cst-VCT-{uuid.uuid4()}'
        self._clone_tickets.add(ticket)
        return ticket

    def CloneSession(self, cloneTicket: str) -> Any:
        if cloneTicket not in self._clone_tickets or self.esx.session.user:
            raise _refused()
        self._clone_tickets.discard(cloneTicket)
        return self._start(self.esx.user)

    def AcquireGenericServiceTicket(self, spec: Any) -> Any:
        """A ticket for one HTTP request, in the cookie vmware_cgi_ticket.

        Guess: that it needs a session, as pyVmomi's tables let anybody call.
        """
        if not self.esx.session.user:
            raise faults.not_authenticated(self.ref)
        if not isinstance(spec, vim.SessionManager.HttpServiceRequestSpec):
            raise vmodl.fault.InvalidArgument(invalidProperty='spec')
        ticket = f'52{uuid.uuid4().hex}'
        self._service_tickets[ticket] = (spec.method, spec.url)
        return vim.SessionManager.GenericServiceTicket(
            id=ticket, hostName=self.esx.address,
            sslThumbprint=self.esx.thumbprint)

    def use_ticket(self, ticket: str, method: str, path: str) -> bool:
        """Tell whether a ticket lets this request in; once."""
        wanted, url = self._service_tickets.pop(ticket, (None, ''))
        allowed = (wanted or 'httpGet').removeprefix('http').upper()
        return bool(url) and allowed == method and url.endswith(path)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _refused() -> Any:
    return vim.fault.InvalidLogin(
        msg='Cannot complete login due to an incorrect user name or password.')
