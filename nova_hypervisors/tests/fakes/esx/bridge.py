# SPDX-License-Identifier: Apache-2.0
"""The console behind a webmks ticket: a WebSocket that leads to another one.

A ticket opens once.  What is said over it is what the test puts behind it,
mostly RFB; VMware's own messages are not spoken.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

_BLOCK = 1 << 16


def serve(handler: Any, esx: Any, ticket: str) -> int:
    """Serve a connection to its end; return a status if there is none."""
    with esx.lock:
        ref = esx.tickets.pop(ticket, None)
    if ref is None:
        # Guess: what an unknown or used ticket is answered with.
        return 404
    if ref not in esx.screens:
        return 503
    head = f'GET / HTTP/1.1\r\n{handler.headers}'.encode()
    try:
        target = socket.create_connection(esx.screens[ref], timeout=10)
    except OSError:
        return 503
    target.settimeout(None)
    with target:
        target.sendall(head.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n'))
        back = threading.Thread(
            target=_pump, args=(target, handler.connection), daemon=True)
        back.start()
        _pump(handler.connection, target)
        back.join(5)
    handler.close_connection = True
    return 0


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_BLOCK):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
