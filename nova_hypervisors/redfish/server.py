# SPDX-License-Identifier: Apache-2.0
"""A web server for the service.

Python's own, with a thread for each connection: a client of Redfish makes few,
and those of cheroot and werkzeug shake hands for TLS where they accept, so one
client that is silent keeps all others out.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from typing import Any
from wsgiref import simple_server

# Of a client that says nothing.
_SILENCE_S = 30.0


class _Handler(simple_server.WSGIRequestHandler):
    timeout = _SILENCE_S
    server_version = 'nova-hypervisors'
    sys_version = ''

    def log_message(self, *_: Any) -> None:
        """Nothing: the application tells what is worth it."""


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """:param tls: None for plain HTTP

    :param connections: that are served at the same time; others wait
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, port: int, application: Any,
                 tls: ssl.SSLContext | None, connections: int = 64) -> None:
        if ':' in address:
            self.address_family = socket.AF_INET6
        self._free = threading.BoundedSemaphore(connections)
        super().__init__((address, port), _Handler)
        self.set_app(application)
        if tls is not None:
            # The thread of the connection shakes hands.
            self.socket = tls.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any,
                               client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the client broke the connection, or speaks no TLS."""
