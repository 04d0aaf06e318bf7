# SPDX-License-Identifier: Apache-2.0
"""A place between a client and a host, that counts calls and breaks them."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import re
import socket
import ssl
import threading
from pathlib import Path

from nova_hypervisors.tests import certificates

_OPERATION = re.compile(rb'Body[^>]*>\s*<(?:\w+:)?(\w+)')

#: What can be done to a call: it never arrives, or its answer does not, or
#: nothing is said at all.
LOSE, CUT, HANG = 'lose', 'cut', 'hang'

_HOP = {'connection', 'keep-alive', 'transfer-encoding', 'content-length'}


@dataclasses.dataclass(frozen=True)
class Call:
    """:param operation: of SOAP, or the method of HTTP"""

    operation: str
    sent: int
    received: int


class Proxy:
    """Listens with a certificate of its own; leads to another host.

    :ivar calls: those that were answered
    """

    def __init__(self, folder: Path, host: str, port: int,
                 ca_file: str) -> None:
        self.upstream = (host, port, ssl.create_default_context(
            cafile=ca_file))
        authority = certificates.Authority(folder)
        self.ca_file = str(authority.path)
        self.calls: list[Call] = []
        self.released = threading.Event()
        self._fates: list[tuple[str, str]] = []
        self._countdown: tuple[int, str] | None = None
        self._dead_cookies: set[str] = set()
        self._cookie = ''
        self._lock = threading.Lock()
        self._server = _Server(('127.0.0.1', 0), _Handler)
        self._server.proxy = self
        self._server.tls = authority.server()
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self.cut_all()

    def cut_all(self) -> None:
        """Break every connection."""
        for one in list(self._server.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def break_next(self, operation: str, fate: str) -> None:
        """Do something to the next call of an operation."""
        self._fates.append((operation, fate))

    def unmet(self) -> list[str]:
        """Return the operations whose calls are still to be broken."""
        return [operation for operation, _ in self._fates]

    def break_after(self, calls: int, fate: str) -> None:
        """Do something to the call after so many, the watch's left out."""
        self._countdown = (calls, fate)

    def end_session(self) -> None:
        """Let the host know no more who is logged in."""
        self._dead_cookies.add(self._cookie)

    def of(self, *without: str) -> list[str]:
        """Return the operations that were called, the watch's left out."""
        return [call.operation for call in list(self.calls)
                if call.operation not in ('WaitForUpdatesEx', *without)]

    # What a handler asks

    def fate(self, operation: str) -> str | None:
        with self._lock:
            for entry in self._fates:
                if entry[0] == operation:
                    self._fates.remove(entry)
                    return entry[1]
            if self._countdown is None or operation == 'WaitForUpdatesEx':
                return None
            left, fate = self._countdown
            self._countdown = None if left == 0 else (left - 1, fate)
            return fate if left == 0 else None

    @property
    def is_armed(self) -> bool:
        return self._countdown is not None

    def is_dead(self, cookie: str) -> bool:
        return cookie in self._dead_cookies

    def seen(self, cookie: str) -> None:
        self._cookie = cookie


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy
    tls: ssl.SSLContext

    def __init__(self, *words):
        super().__init__(*words)
        self.open: set[socket.socket] = set()

    def finish_request(self, request, client_address):
        try:
            secured = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.add(secured)
        try:
            with contextlib.suppress(OSError):
                super().finish_request(secured, client_address)
        finally:
            self.open.discard(secured)
            secured.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    _connection: http.client.HTTPSConnection | None = None

    def log_message(self, *words):
        pass

    def do_POST(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        found = _OPERATION.search(body[:2000])
        operation = (found.group(1).decode()
                     if found and self.path.startswith('/sdk')
                     else self.command)
        fate = proxy.fate(operation)
        if fate == HANG:
            proxy.released.wait(60)
        if fate in (LOSE, HANG):
            self._hang_up()
            return
        response, answer = self._ask(body)
        if fate == CUT:
            self._hang_up()
            return
        proxy.calls.append(Call(operation, len(body), len(answer)))
        self._pass_on(response, answer)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

    def _ask(self, body):
        proxy = self.server.proxy
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in (*_HOP, 'host')}
        cookie = headers.get('Cookie', '')
        if proxy.is_dead(cookie):
            del headers['Cookie']
        elif cookie:
            proxy.seen(cookie)
        if self._connection is None:
            host, port, tls = proxy.upstream
            self._connection = http.client.HTTPSConnection(
                host, port, context=tls, timeout=60)
        self._connection.request(self.command, self.path, body or None,
                                 headers)
        response = self._connection.getresponse()
        return response, response.read()

    def _pass_on(self, response, answer):
        self.send_response(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        size = (response.headers.get('Content-Length', '0')
                if self.command == 'HEAD' else str(len(answer)))
        self.send_header('Content-Length', size)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer)
        self.wfile.flush()

    def _hang_up(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
