# SPDX-License-Identifier: Apache-2.0
"""Handing files out, by HTTPS.

``GET /NAME`` with a token gives a file and, behind it, the 32 bytes of its
SHA-256.  Whoever has no good token learns nothing, not even what there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import logging
import os
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from typing import BinaryIO

from nova_hypervisors.transfer import offers as offering

LOG = logging.getLogger(__name__)

_CHUNK = 1 << 20
_IDLE_S = 60.0
# How often it is seen that the server has been stopped.
_LOOK_S = 0.1
_SCHEME = 'Bearer '


class FileServer:
    """:param address: on which it listens

    :param port: 0 for one that the system chooses
    """

    def __init__(self, address: str, port: int,
                 offers: offering.Offers) -> None:
        self._address = address
        self._port = port
        self._offers = offers
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also if it was left to the system."""
        if self._server is not None:
            return int(self._server.server_address[1])
        return self._port

    def start(self, tls: ssl.SSLContext) -> None:
        """:raises OSError: the address or the port cannot be had"""
        server = _Server(self._address, self._port, tls, self._offers)
        threading.Thread(target=server.serve_forever, args=(_LOOK_S,),
                         name='file-server', daemon=True).start()
        self._server = server

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, port: int, tls: ssl.SSLContext,
                 offers: offering.Offers) -> None:
        self.address_family = (socket.AF_INET6 if ':' in address
                               else socket.AF_INET)
        self.offers = offers
        self._tls = tls
        super().__init__((address, port), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, in the thread of the connection."""
        request.settimeout(_IDLE_S)
        with self._tls.wrap_socket(request, server_side=True) as secured:
            _Handler(secured, client_address, self)

    def handle_error(self, request: Any,  # noqa: ARG002
                     client_address: Any) -> None:
        LOG.debug('A connection from %s ended early: %s', client_address,
                  sys.exception())


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    server_version = 'nova-hypervisors'
    sys_version = ''

    def do_GET(self) -> None:
        token = self.headers.get('Authorization', '').removeprefix(_SCHEME)
        name = self.path.removeprefix('/')
        offer = self.server.offers.find(token)
        path = offer.files.get(name) if offer is not None else None
        with contextlib.ExitStack() as stack:
            try:
                if path is None:
                    raise FileNotFoundError
                file = stack.enter_context(Path(path).open('rb'))
            except FileNotFoundError:
                self.send_error(404)
                return
            self._send(file)
        # With what was handed out nobody else can do anything.
        self.server.offers.taken(token, name)

    def _send(self, file: BinaryIO) -> None:
        left = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256()
        self.send_response(200)
        self.send_header('Content-Length',
                         str(left + digest.digest_size))
        self.end_headers()
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                raise OSError('the file became shorter')
            digest.update(chunk)
            self.wfile.write(chunk)
            left -= len(chunk)
        self.wfile.write(digest.digest())

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)
