# SPDX-License-Identifier: Apache-2.0
"""A small server by HTTPS, in threads of its own.

Or by HTTP, for what never leaves this host.
"""

from __future__ import annotations

import http.server
import logging
import socket
import ssl
import sys
import threading
from typing import Any

LOG = logging.getLogger(__name__)

_IDLE_S = 60.0
# How often it is seen that the server has been stopped.
_LOOK_S = 0.1


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection.

    ``self.server.content`` is what the server was given.
    """

    server: _Server
    server_version = 'nova-hypervisors'
    sys_version = ''

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)


class Server:
    """:param address: on which it listens

    :param port: 0 for one that the system chooses
    :param name: of its thread
    :param content: what its handlers answer from
    """

    def __init__(self, address: str, port: int, name: str,
                 handler: type[Handler], content: Any) -> None:
        self._address = address
        self._port = port
        self._name = name
        self._handler = handler
        self._content = content
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also if it was left to the system."""
        if self._server is not None:
            return int(self._server.server_address[1])
        return self._port

    def start(self, tls: ssl.SSLContext | None) -> None:
        """:param tls: None: it speaks HTTP

        :raises OSError: the address or the port cannot be had
        """
        server = _Server(self._address, self._port, tls, self._handler,
                         self._content)
        threading.Thread(target=server.serve_forever, args=(_LOOK_S,),
                         name=self._name, daemon=True).start()
        self._server = server

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: str, port: int, tls: ssl.SSLContext | None,
                 handler: type[Handler], content: Any) -> None:
        self.address_family = (socket.AF_INET6 if ':' in address
                               else socket.AF_INET)
        self.content = content
        self._tls = tls
        self._handler = handler
        super().__init__((address, port), handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, in the thread of the connection."""
        request.settimeout(_IDLE_S)
        if self._tls is None:
            self._handler(request, client_address, self)
            return
        with self._tls.wrap_socket(request, server_side=True) as secured:
            self._handler(secured, client_address, self)

    def handle_error(self, request: Any,  # noqa: ARG002
                     client_address: Any) -> None:
        LOG.debug('A connection from %s ended early: %s', client_address,
                  sys.exception())
