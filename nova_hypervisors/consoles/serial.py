# SPDX-License-Identifier: Apache-2.0
"""What guests say on their serial ports, and what is typed to them.

The hypervisor listens on a local socket for each machine, and takes one client
there.  One thread keeps the connections to all of them.  What a guest says is
appended to its log file and handed to everybody who has joined; what these
type goes to the guest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOG = logging.getLogger(__name__)

# How often a socket that is not there yet is looked for, and for how long:
# a machine makes it within its first second.
_RETRY_S = 0.05
_GIVE_UP_S = 60.0

_CHUNK = 65536

# A slow disk is no reason to hang at the end.
_STOP_S = 5.0

# What a guest has not read yet; of more than that the rest is lost, as it is
# on any serial line that nobody reads.
_MOST_TYPED = 1 << 20

#: What a path of a local socket may have, in bytes (sun_path of unix(7),
#: the smallest of the systems that we run on).
LONGEST_SOCKET_PATH = 103


@dataclasses.dataclass(slots=True)
class LogFile:
    """A log that keeps at least ``size`` bytes and at most twice as many."""

    path: Path
    size: int

    @property
    def _older(self) -> Path:
        return self.path.with_name(self.path.name + '.1')

    def append(self, data: bytes) -> None:
        with open(self.path, 'ab', opener=_private) as file:
            file.write(data)
            full = file.tell() >= self.size
        if full:
            self.path.replace(self._older)

    def tail(self, count: int) -> bytes:
        """Return the last ``count`` bytes."""
        data = b''
        for path in (self._older, self.path):
            with contextlib.suppress(FileNotFoundError):
                data += path.read_bytes()
        return data[-count:]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@dataclasses.dataclass(slots=True, eq=False)
class _Port:
    """:ivar arrivals: sessions that the thread is to take up
    :ivar sessions: sockets of those who have joined
    :ivar typed: what the guest is still to get
    """

    socket_path: Path
    log: LogFile
    give_up_at: float
    connection: socket.socket | None = None
    arrivals: list[socket.socket] = dataclasses.field(default_factory=list)
    sessions: set[socket.socket] = dataclasses.field(default_factory=set)
    typed: bytearray = dataclasses.field(default_factory=bytearray)


class SerialPorts:
    """Follows serial ports.

    :param log_size: bytes of each log that are kept at least
    """

    def __init__(self, log_size: int) -> None:
        self._log_size = log_size
        self._lock = threading.Lock()
        self._ports: dict[Path, _Port] = {}
        self._selector: selectors.BaseSelector
        self._waker: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or begin anew."""
        self.stop()
        self._selector = selectors.DefaultSelector()
        woken, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(woken,),
                                        name='serial-ports', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let go of all ports and sessions."""
        waker, self._waker = self._waker, None
        if waker is not None:
            waker.close()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None

    def log_file(self, path: Path) -> LogFile:
        return LogFile(path, self._log_size)

    def follow(self, socket_path: Path, log_path: Path) -> None:
        """Begin to log a serial port that is there or will be soon.

        To ask again for one that is being followed does no harm.
        """
        give_up_at = time.monotonic() + _GIVE_UP_S
        with self._lock:
            port = self._ports.get(socket_path)
            if port is None:
                port = _Port(socket_path, self.log_file(log_path), give_up_at)
                self._ports[socket_path] = port
            port.give_up_at = give_up_at
        self._wake()

    def join(self, socket_path: Path) -> socket.socket:
        """Return a socket on which a guest is heard, and can be typed to.

        Many may join at once.  It is closed when the machine is gone, but
        stays while the machine is started anew.

        :raises ConnectionRefusedError: the port is not followed
        """
        with self._lock:
            port = self._ports.get(socket_path)
            if port is None:
                raise ConnectionRefusedError('its serial port is not there')
            outside, inside = socket.socketpair()
            inside.setblocking(False)
            port.arrivals.append(inside)
        self._wake()
        return outside

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            with contextlib.suppress(OSError):
                waker.send(b'.')

    def _run(self, woken: socket.socket) -> None:
        # Everything below runs in this thread alone.
        running = True

        def was_woken(events: int) -> None:  # noqa: ARG001
            nonlocal running
            running = bool(_receive(woken))

        self._selector.register(woken, selectors.EVENT_READ, was_woken)
        while running:
            try:
                timeout_s = self._take_up()
                for key, events in self._selector.select(timeout_s):
                    key.data(events)
            except Exception:
                # It serves every machine: no fault of one may end it.
                LOG.exception('Serial output could not be read')
                time.sleep(_RETRY_S)
        with self._lock:
            for port in list(self._ports.values()):
                self._forget(port)
        self._selector.close()
        woken.close()

    def _take_up(self) -> float | None:
        """Connect to ports, and take up sessions.

        :returns: after how many seconds there is more of this to do
        """
        with self._lock:
            for port in list(self._ports.values()):
                if port.connection is None:
                    self._connect(port)
                while port.arrivals:
                    session = port.arrivals.pop()
                    port.sessions.add(session)
                    self._selector.register(
                        session, selectors.EVENT_READ,
                        functools.partial(self._session_types, port, session))
            waits = any(port.connection is None
                        for port in self._ports.values())
        return _RETRY_S if waits else None

    def _connect(self, port: _Port) -> None:
        port.connection = _connect(port.socket_path)
        if port.connection is not None:
            self._watch(port, self._selector.register)
        elif (time.monotonic() >= port.give_up_at
              # The server was deleted.
              or not port.log.path.parent.exists()):
            self._forget(port)

    def _watch(self, port: _Port, how: Callable[..., Any]) -> None:
        events = selectors.EVENT_READ
        if port.typed:
            events |= selectors.EVENT_WRITE
        how(port.connection, events,
            functools.partial(self._guest_is_ready, port))

    def _guest_is_ready(self, port: _Port, events: int) -> None:
        assert port.connection is not None  # noqa: S101
        if events & selectors.EVENT_WRITE:
            self._type(port)
        if events & selectors.EVENT_READ:
            data = _receive(port.connection)
            if data:
                self._guest_says(port, data)
            else:
                self._disconnect(port)
                # It may be on its way up again, as in a reboot.
                port.give_up_at = time.monotonic() + _GIVE_UP_S

    def _guest_says(self, port: _Port, data: bytes) -> None:
        for session in list(port.sessions):
            try:
                session.send(data)
            except BlockingIOError:
                # It has not read for long.  It misses this; the log does not.
                pass
            except OSError:
                self._leave(port, session)
        with contextlib.suppress(FileNotFoundError):
            # Its folder is gone: the server was just deleted.
            port.log.append(data)

    def _session_types(self, port: _Port, session: socket.socket,
                       events: int) -> None:  # noqa: ARG002
        data = _receive(session)
        if not data:
            self._leave(port, session)
        elif port.connection is not None:
            port.typed += data[:_MOST_TYPED - len(port.typed)]
            self._type(port)

    def _type(self, port: _Port) -> None:
        assert port.connection is not None  # noqa: S101
        with contextlib.suppress(OSError):
            # It is full, or broken: then reading says so.
            del port.typed[:port.connection.send(port.typed)]
        self._watch(port, self._selector.modify)

    def _leave(self, port: _Port, session: socket.socket) -> None:
        if session in port.sessions:
            port.sessions.remove(session)
            self._selector.unregister(session)
        session.close()

    def _disconnect(self, port: _Port) -> None:
        if port.connection is not None:
            self._selector.unregister(port.connection)
            port.connection.close()
            port.connection = None
        port.typed.clear()

    def _forget(self, port: _Port) -> None:
        """Close all there is of a port; the lock is held."""
        self._disconnect(port)
        for session in (*port.sessions, *port.arrivals):
            self._leave(port, session)
        self._ports.pop(port.socket_path, None)


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_RETRY_S)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    connection.setblocking(False)
    return connection


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b''
