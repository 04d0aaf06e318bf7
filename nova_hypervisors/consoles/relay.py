# SPDX-License-Identifier: Apache-2.0
"""The port on which Nova's console proxies get screens and serial ports.

One port serves all machines.  Nova's proxies can name what they want before
they start: with an ``internal_access_path`` they send ``CONNECT path
HTTP/1.1`` and wait for a 200.  The path holds a key that belongs to one
server, so that there is no port that a later server could inherit together
with the console links of an earlier one.
"""

from __future__ import annotations

import contextlib
import enum
import hmac
import logging
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping

from nova_hypervisors.consoles import rfb

LOG = logging.getLogger(__name__)

_HANDSHAKE_TIMEOUT_S = 10.0
_LONGEST_REQUEST = 1024
_CHUNK = 65536

_OK = b'HTTP/1.1 200 OK\r\n\r\n'
_NOT_FOUND = b'HTTP/1.1 404 Not Found\r\n\r\n'
_BAD_GATEWAY = b'HTTP/1.1 502 Bad Gateway\r\n\r\n'

#: Connects to what a server has, by its UUID, with all handshakes done.
Opener = Callable[[str], socket.socket]


class Kind(enum.Enum):
    """What can be asked for; the value begins the path."""

    SCREEN = 'vnc'
    SERIAL = 'serial'


# What the keys are made for.
_PURPOSES = {Kind.SCREEN: 'console', Kind.SERIAL: 'serial'}


class Relay:
    """Listens, and connects whoever has a valid path to what is behind it.

    :param derive: makes the key for a purpose; the same one after a restart,
        so that open links go on working
    :param load_tls: reads the certificate to show, if there is to be one;
        for screens alone, because Nova's serial proxy knows no TLS
    """

    def __init__(self, port: int, derive: Callable[[str], bytes],
                 load_tls: Callable[[], ssl.SSLContext | None],
                 ) -> None:
        self._port = port
        self._derive = derive
        self._load_tls = load_tls
        self._tls: ssl.SSLContext | None = None
        self._openers: Mapping[Kind, Opener] = {}
        self._listeners: list[socket.socket] = []

    @property
    def port(self) -> int:
        """The port it listens on, also if it was left to the system (0)."""
        for listener in self._listeners:
            return int(listener.getsockname()[1])
        return self._port

    def path(self, kind: Kind, uuid: str) -> str:
        """Return the path that leads to a server's screen or serial port."""
        key = self._derive(f'{_PURPOSES[kind]} {uuid}')
        return f'/{kind.value}/{uuid}/{key.hex()}'

    def start(self, addresses: Collection[str],
              openers: Mapping[Kind, Opener]) -> None:
        """Listen on each of the addresses, for what there are openers.

        Once more, it begins anew.

        :raises OSError: the port is taken, the certificate not there
        """
        self.stop()
        self._tls = self._load_tls()
        self._openers = openers
        for address in dict.fromkeys(addresses):
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            try:
                listener = socket.create_server((address, self.port),
                                                family=family)
            except OSError:
                self.stop()
                raise
            self._listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener,),
                             name='console-relay', daemon=True).start()

    def stop(self) -> None:
        """Take no more connections; open ones go on to their end."""
        while self._listeners:
            listener = self._listeners.pop()
            with contextlib.suppress(OSError):
                # A close alone does not wake a thread that is in accept().
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                if listener not in self._listeners:
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
        kind, uuid = self._authorised(_request_path(client))
        if kind is None:
            client.sendall(_NOT_FOUND)
            return
        try:
            behind = self._openers[kind](uuid)
        except Exception as error:
            # Whatever it was, the other end is waiting for an answer.
            LOG.warning('The %s console of %s cannot be reached: %s',
                        kind.value, uuid, error)
            client.sendall(_BAD_GATEWAY)
            return
        with contextlib.closing(behind):
            client.sendall(_OK)
            if kind is Kind.SERIAL:
                pump(client, behind)
                return
            with contextlib.closing(rfb.welcome(client, self._tls)) as peer:
                pump(peer, behind)

    def _authorised(self, path: str) -> tuple[Kind | None, str]:
        """Return what a path leads to; None if it leads nowhere."""
        uuid = path.split('/')[2] if path.count('/') == 3 else ''
        for kind in self._openers:
            if hmac.compare_digest(self.path(kind, uuid).encode(),
                                   path.encode()):
                return kind, uuid
        return None, uuid


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
