# SPDX-License-Identifier: Apache-2.0
"""The port on which Nova's console proxies get a machine's screen.

One port serves all machines.  Nova's proxies can name what they want before
they start: with an ``internal_access_path`` they send ``CONNECT path
HTTP/1.1`` and wait for a 200.  The path holds a key that belongs to one
server, so that there is no port that a later server could inherit together
with the console links of an earlier one.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from collections.abc import Iterator

from nova_hypervisors.consoles import rfb

LOG = logging.getLogger(__name__)

_HANDSHAKE_TIMEOUT_S = 10.0
_LONGEST_REQUEST = 1024
_CHUNK = 65536

_OK = b'HTTP/1.1 200 OK\r\n\r\n'
_NOT_FOUND = b'HTTP/1.1 404 Not Found\r\n\r\n'
_BAD_GATEWAY = b'HTTP/1.1 502 Bad Gateway\r\n\r\n'

#: Connects to a server's screen, by its UUID, with all handshakes done.
Opener = Callable[[str], socket.socket]


def _nothing(uuid: str) -> socket.socket:
    raise ConnectionRefusedError(f'nothing leads to {uuid} yet')


class Relay:
    """Listens, and connects whoever has a valid path to what is behind it.

    :param derive: makes the key for a purpose; the same one after a restart,
        so that open links go on working
    :param load_tls: reads the certificate to show, if there is to be one
    """

    def __init__(self, address: str, port: int,
                 derive: Callable[[str], bytes],
                 load_tls: Callable[[], ssl.SSLContext | None],
                 ) -> None:
        self._address = address
        self._port = port
        self._derive = derive
        self._load_tls = load_tls
        self._tls: ssl.SSLContext | None = None
        self._open: Opener = _nothing
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also if it was left to the system (0)."""
        if self._listener is None:
            return self._port
        return int(self._listener.getsockname()[1])

    def path(self, uuid: str) -> str:
        """Return the path that leads to a server's screen."""
        return f'/vnc/{uuid}/{self._derive(f"console {uuid}").hex()}'

    def start(self, opener: Opener) -> None:
        """:raises OSError: the port is taken, the certificate not there"""
        self._tls = self._load_tls()
        self._open = opener
        family = socket.AF_INET6 if ':' in self._address else socket.AF_INET
        self._listener = socket.create_server((self._address, self._port),
                                              family=family)
        threading.Thread(target=self._accept, args=(self._listener,),
                         name='console-relay', daemon=True).start()

    def stop(self) -> None:
        """Take no more connections; open ones go on to their end."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                # A close alone does not wake a thread that is in accept().
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                if self._listener is not listener:
                    return
                LOG.exception('A console connection could not be taken')
                continue
            threading.Thread(target=self._serve, args=(client,),
                             name='console', daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with contextlib.closing(client):
                client.settimeout(_HANDSHAKE_TIMEOUT_S)
                self._connect(client)
        except (OSError, rfb.HandshakeError) as error:
            LOG.info('A console connection ended: %s', error)

    def _connect(self, client: socket.socket) -> None:
        uuid = self._authorised(_request_path(client))
        if uuid is None:
            client.sendall(_NOT_FOUND)
            return
        try:
            screen = self._open(uuid)
        except Exception as error:
            # Whatever it was, the other end is waiting for an answer.
            LOG.warning('The console of %s cannot be reached: %s', uuid, error)
            client.sendall(_BAD_GATEWAY)
            return
        with contextlib.closing(screen):
            client.sendall(_OK)
            with contextlib.closing(rfb.welcome(client, self._tls)) as peer:
                pump(peer, screen)

    def _authorised(self, path: str) -> str | None:
        parts = path.split('/')
        if len(parts) == 4 and hmac.compare_digest(
                self.path(parts[2]).encode(), path.encode()):
            return parts[2]
        return None


def _request_path(client: socket.socket) -> str:
    """Read ``CONNECT path HTTP/1.1`` and the headers after it."""
    request = bytearray()
    while not request.endswith(b'\r\n\r\n'):
        part = client.recv(_LONGEST_REQUEST)
        request += part
        if not part or len(request) > _LONGEST_REQUEST:
            raise rfb.HandshakeError('no CONNECT request')
    words = request.split(b'\r\n', 1)[0].split()
    if len(words) != 3 or words[0] != b'CONNECT':
        raise rfb.HandshakeError('no CONNECT request')
    return words[1].decode(errors='replace')


def pump(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either end sends until one of them closes."""
    peers = {one: other, other: one}
    for peer in peers:
        peer.settimeout(None)
    with selectors.DefaultSelector() as selector:
        for peer in peers:
            selector.register(peer, selectors.EVENT_READ)
        while True:
            for peer in list(_ready(selector)):
                data = peer.recv(_CHUNK)
                if not data:
                    return
                peers[peer].sendall(data)
                # TLS may have decrypted more than was asked for, and the
                # selector sees only what has not been read from the network.
                while isinstance(peer, ssl.SSLSocket) and peer.pending():
                    peers[peer].sendall(peer.recv(_CHUNK))


def _ready(selector: selectors.BaseSelector) -> Iterator[socket.socket]:
    for key, _ in selector.select():
        assert isinstance(key.fileobj, socket.socket)  # noqa: S101
        yield key.fileobj
