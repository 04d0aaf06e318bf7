# SPDX-License-Identifier: Apache-2.0
"""Writing down what guests say on their serial ports.

The hypervisor listens on a local socket for each machine.  One thread keeps
the connections to all of them and appends what comes to a log file a machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import selectors
import socket
import threading
import time
from pathlib import Path

LOG = logging.getLogger(__name__)

# How often a socket that is not there yet is looked for, and for how long:
# a machine makes it within its first second.
_RETRY_S = 0.05
_GIVE_UP_S = 60.0

_CHUNK = 65536

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


@dataclasses.dataclass(slots=True)
class _Port:
    socket_path: Path
    log: LogFile
    give_up_at: float


class SerialLogger:
    """Follows serial ports.

    :param log_size: bytes of each log that are kept at least
    """

    def __init__(self, log_size: int) -> None:
        self._log_size = log_size
        self._lock = threading.Lock()
        self._waiting: dict[Path, _Port] = {}
        self._followed: set[Path] = set()
        self._waker: socket.socket | None = None

    def start(self) -> None:
        woken, self._waker = socket.socketpair()
        threading.Thread(target=self._run, args=(woken,),
                         name='serial-logger', daemon=True).start()

    def stop(self) -> None:
        waker, self._waker = self._waker, None
        if waker is not None:
            waker.close()

    def log_file(self, path: Path) -> LogFile:
        return LogFile(path, self._log_size)

    def follow(self, socket_path: Path, log_path: Path) -> None:
        """Begin to log a serial port that is there or will be soon.

        To ask again for one that is being followed changes nothing.
        """
        with self._lock:
            if socket_path in self._followed:
                return
            self._waiting[socket_path] = _Port(
                socket_path, self.log_file(log_path),
                time.monotonic() + _GIVE_UP_S)
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            with contextlib.suppress(OSError):
                waker.send(b'.')

    def _run(self, woken: socket.socket) -> None:
        # Everything below runs in this thread alone.
        running = True
        with selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            while running:
                try:
                    self._connect_waiting(selector)
                    running = self._read_ready(selector)
                except Exception:
                    # It serves every machine: no fault of one may end it.
                    LOG.exception('Serial output could not be read')
                    time.sleep(_RETRY_S)
            for key in list(selector.get_map().values()):
                _socket(key).close()

    def _connect_waiting(self, selector: selectors.BaseSelector) -> None:
        with self._lock:
            for path, port in list(self._waiting.items()):
                connection = _connect(path)
                if connection is not None:
                    selector.register(connection, selectors.EVENT_READ, port)
                    self._followed.add(path)
                elif time.monotonic() < port.give_up_at:
                    continue
                del self._waiting[path]

    def _read_ready(self, selector: selectors.BaseSelector) -> bool:
        """Return whether to go on."""
        timeout_s = _RETRY_S if self._waiting else None
        for key, _ in selector.select(timeout_s):
            data = _receive(_socket(key))
            if key.data is None and not data:
                return False
            if key.data is None:
                continue  # somebody woke us
            if data:
                with contextlib.suppress(FileNotFoundError):
                    # Its folder is gone: the server was just deleted.
                    key.data.log.append(data)
            else:
                selector.unregister(key.fileobj)
                _socket(key).close()
                # It may be on its way up again, as in a reboot.
                key.data.give_up_at = time.monotonic() + _GIVE_UP_S
                with self._lock:
                    self._followed.discard(key.data.socket_path)
                    self._waiting[key.data.socket_path] = key.data
        return True


def _socket(key: selectors.SelectorKey) -> socket.socket:
    assert isinstance(key.fileobj, socket.socket)  # noqa: S101
    return key.fileobj


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_RETRY_S)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK)
    except OSError:
        return b''
