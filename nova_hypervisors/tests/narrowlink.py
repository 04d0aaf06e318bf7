# SPDX-License-Identifier: Apache-2.0
"""A network that lets nothing more through for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

# So little that the sender is not done when all buffers are full.
_PASSES = 20_000
_BUFFER = 4096


class NarrowLink:
    """Passes a connection on, and holds it after its first bytes.

    :ivar port: where it begins, on the loopback interface
    :ivar held: set as soon as nothing more goes through
    """

    def __init__(self, address: str, port: int) -> None:
        self._to = address, port
        self.held = threading.Event()
        self._open = threading.Event()
        self._listener = socket.socket()
        # Those that it accepts have it, too: before they say how much.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                  _BUFFER)
        self._listener.bind(('127.0.0.1', 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._thread(self._accept)

    def let_go(self) -> None:
        """Let everything through from now on."""
        self._open.set()

    def close(self) -> None:
        self.let_go()
        self._listener.close()

    def _thread(self, target, *args) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                come, _ = self._listener.accept()
                gone = self._connect()
                self._thread(self._pass, come, gone, _PASSES)
                self._thread(self._pass, gone, come, None)

    def _connect(self) -> socket.socket:
        # VirtualBox says that it waits a little before it listens.
        end = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(self._to)
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _pass(self, source: socket.socket, target: socket.socket,
              most: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_BUFFER):
                passed += len(data)
                if most is not None and passed > most:
                    self.held.set()
                    self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
