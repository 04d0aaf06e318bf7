# SPDX-License-Identifier: Apache-2.0
"""Who may use the service: one account, by password or by session."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hmac
import secrets
import threading
import time
from collections.abc import Callable

#: Seconds after which a session ends that nobody uses.
SESSION_S = 1800

_MOST_SESSIONS = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """:param name: what it is called, which is no secret

    :param token: what a client shows
    """

    name: str
    user: str
    token: str = dataclasses.field(repr=False)


class TooManySessions(Exception):
    pass


class Accounts:
    """:param user: None: everybody is let in

    :param clock: tells seconds
    """

    def __init__(self, user: str | None, password: str = '',
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._user = user
        self._password = password
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, tuple[Session, float]] = {}

    @property
    def is_open(self) -> bool:
        return self._user is None

    def _is_right(self, user: str, password: str) -> bool:
        # Both are compared, and as long as it takes.
        known = hmac.compare_digest(user.encode(), (self._user or '').encode())
        right = hmac.compare_digest(password.encode(),
                                    self._password.encode())
        return (known and right) or self.is_open

    def may(self, authorization: str | None, token: str | None) -> bool:
        """Return whether a request with these headers is let in."""
        if self.is_open:
            return True
        if token is not None:
            return self._is_session(token)
        kind, _, value = (authorization or '').partition(' ')
        if kind.lower() != 'basic':
            return False
        try:
            user, _, password = base64.b64decode(
                value, validate=True).decode().partition(':')
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self._is_right(user, password)

    def _is_session(self, token: str) -> bool:
        with self._lock:
            self._end_old()
            for name, (session, _) in self._sessions.items():
                if hmac.compare_digest(session.token.encode(),
                                       token.encode()):
                    self._sessions[name] = session, self._clock()
                    return True
        return False

    def _end_old(self) -> None:
        now = self._clock()
        for name, (_, used) in list(self._sessions.items()):
            if now - used > SESSION_S:
                del self._sessions[name]

    def log_on(self, user: str, password: str) -> Session | None:
        """Return a new session, or None for who is not let in.

        :raises TooManySessions: there are as many as there may be
        """
        if not self._is_right(user, password):
            return None
        session = Session(secrets.token_hex(8), user,
                          secrets.token_urlsafe(32))
        with self._lock:
            self._end_old()
            if len(self._sessions) >= _MOST_SESSIONS:
                raise TooManySessions
            self._sessions[session.name] = session, self._clock()
        return session

    def sessions(self) -> list[Session]:
        with self._lock:
            self._end_old()
            return [session for session, _ in self._sessions.values()]

    def log_off(self, name: str) -> bool:
        """End a session; return whether there was one."""
        with self._lock:
            return self._sessions.pop(name, None) is not None
