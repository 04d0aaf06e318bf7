# SPDX-License-Identifier: Apache-2.0
"""Consoles as users get them: a URL from Nova's API, and Nova's own proxy."""

import contextlib
import socket
import threading
from urllib import parse

import pytest
from nova.console import websocketproxy
from nova.tests.functional.api import client
from websockify import websocket

from nova_hypervisors.tests import guests
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base


class SerialProxy:
    """nova-serialproxy, with threads in place of its processes."""

    def __init__(self):
        self._server = websocketproxy.NovaWebSocketProxy(
            listen_port=0, file_only=True,
            RequestHandlerClass=websocketproxy.NovaProxyRequestHandler)
        self._listener = socket.create_server(('127.0.0.1', 0))
        port = self._listener.getsockname()[1]
        self.url = f'ws://127.0.0.1:{port}/'
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, address),
                             daemon=True).start()

    def _serve(self, connection, address):
        with connection:
            self._server.top_new_client(connection, address)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class WebSocket(websocket.WebSocket):
    """One that does not forget what a URL asks for."""

    def connect(self, url, **options):
        self._query = parse.urlsplit(url).query
        super().connect(url, **options)

    def send_request(self, kind, path):
        super().send_request(kind, f'{path}?{self._query}')


class Terminal:
    """What a user has at the other end."""

    def __init__(self, url):
        self._socket = WebSocket()
        self._socket.connect(url, protocols=['binary'])
        self._said = b''

    def type(self, text):
        self._socket.send(text)

    def hears(self, text):
        """Wait until the guest has said something, its beats apart."""
        def heard():
            assert self._socket.socket is not None, self._socket.close_reason
            self._socket.socket.settimeout(1)
            with contextlib.suppress(TimeoutError,
                                     websocket.WebSocketWantReadError):
                self._said += self._socket.recv() or b''
            return text in guests.without_beats(self._said)
        peers.wait_until(heard, timeout_s=60)

    def close(self):
        self._socket.close()


class SerialConsoleTest(base.Base):
    def setUp(self):
        self.proxy = SerialProxy()
        self.flags(group='serial_console', enabled=True,
                   base_url=self.proxy.url)
        super().setUp()
        self.addCleanup(self.proxy.close)

    def _url(self, server, protocol='serial', kind='serial'):
        return self.api.api_post(
            f'/servers/{server["id"]}/remote-consoles', {'remote_console': {
                'protocol': protocol, 'type': kind}},
        ).body['remote_console']['url']

    def _open(self, server):
        terminal = Terminal(self._url(server))
        self.addCleanup(terminal.close)
        return terminal

    def _log(self, server):
        text = self.api.post_server_action(
            server['id'], {'os-getConsoleOutput': {}})['output']
        return guests.without_beats(text.encode())

    @pytest.mark.feature('console.serial.interactive')
    def test_what_is_typed_is_answered_and_written_down(self):
        server = self._create_server(networks='none')
        self._boots(server)
        terminal = self._open(server)
        terminal.type(b'xyzzy')
        terminal.hears(b'xyzzy')
        peers.wait_until(lambda: b'xyzzy' in self._log(server))
        # Another one, at the same time.
        second = self._open(server)
        second.type(b'plugh')
        for one in (terminal, second):
            one.hears(b'plugh')

    def test_it_stays_open_while_the_server_is_rebooted(self):
        server = self._create_server(networks='none')
        self._boots(server)
        terminal = self._open(server)
        self.api.post_server_action(server['id'],
                                    {'reboot': {'type': 'HARD'}})
        terminal.hears(b'guest up')
        terminal.type(b'xyzzy')
        terminal.hears(b'xyzzy')

    @pytest.mark.long
    def test_a_server_that_is_off_has_none_now(self):
        server = self._create_server(networks='none')
        self.api.post_server_action(server['id'], {'os-stop': None})
        self._wait_for_state_change(server, 'SHUTOFF')
        for protocol, kind in (('serial', 'serial'), ('vnc', 'novnc')):
            error = self.assertRaises(client.OpenStackApiException,
                                      self._url, server, protocol, kind)
            self.assertEqual(409, error.response.status_code)

    @pytest.mark.long
    def test_a_token_is_for_one_server(self):
        first, second = (self._create_server(networks='none')
                         for _ in range(2))
        keys = set()
        for server in (first, second):
            url = parse.urlsplit(self._url(server))
            keys |= set(parse.parse_qs(url.query)['token'])
        self.assertEqual(2, len(keys))


class SerialConsoleByWebServiceTest(SerialConsoleTest):
    backend = 'webservice'
