# SPDX-License-Identifier: Apache-2.0
"""Hosts with web sockets for tickets, and what is behind these.

The tickets are as ESX has them: each is good once.  QEMU's web socket, which
is behind them, is a real one that carries a real machine's RFB.
"""

from __future__ import annotations

import contextlib
import email.message
import hashlib
import http.client
import io
import json
import signal
import socket
import ssl
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from websockify import websocket

from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import peers

_TIMEOUT_S = 20

#: A connection whose request was read; its headers, and all of its text.
Serve = Callable[[ssl.SSLSocket, email.message.Message, bytes], None]


class TicketHost:
    """Opens a web socket for a ticket.

    :param serve: what it does then
    :ivar refused: how many tickets it did not take
    :ivar requests: the headers of those that it did
    """

    def __init__(self, authority: certificates.Authority,
                 serve: Serve) -> None:
        certificate, key = authority.make('host')
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._serve = serve
        self._tickets: set[str] = set()
        der = ssl.PEM_cert_to_DER_cert(Path(certificate).read_text())
        self.thumbprint = hashlib.sha1(der).digest().hex(':').upper()
        self.thumbprint_256 = hashlib.sha256(der).hexdigest()
        self.refused = 0
        self.requests: list[email.message.Message] = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def new_ticket(self) -> str:
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return ticket

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(client,),
                                 daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(_TIMEOUT_S)
            with self._tls.wrap_socket(client, server_side=True) as link:
                self._let_in(link)

    def _let_in(self, link: ssl.SSLSocket) -> None:
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            part = link.recv(1)
            if not part:
                return
            head += part
        first, _, rest = head.partition(b'\r\n')
        ticket = first.split()[1].decode().removeprefix('/ticket/')
        if ticket not in self._tickets:
            self.refused += 1
            link.sendall(b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n'
                         b'Set-Cookie: ' + ticket.encode() + b'\r\n\r\n')
            return
        self._tickets.remove(ticket)
        headers = http.client.parse_headers(io.BytesIO(rest))
        self.requests.append(headers)
        self._serve(link, headers, head)


class WebSocket(websocket.WebSocket):
    """The end of a host, in plain Python."""

    def select_subprotocol(self, protocols):
        return 'binary' if 'binary' in protocols else ''

    def messages(self):
        """Yield what comes until the other end closes."""
        while True:
            try:
                message = self.recvmsg()
            except websocket.WebSocketWantReadError:
                continue  # it has a part of one, or one that is not for us
            if message is None:
                return
            yield message


class Qemu:
    """A machine that shows and says what is typed.

    :ivar said: the file with what it says on its serial port
    :ivar address: of its web socket
    """

    # Read a key, say it on the serial port and on the screen, again.
    _PROGRAM = bytes.fromhex('b400cd16baf803eeb40ecd10ebf2')

    def __init__(self, folder: Path) -> None:
        self.said = folder / 'serial'
        self._folder = folder
        disk = folder / 'disk'
        disk.write_bytes(self._PROGRAM.ljust(510, b'\0') + b'\x55\xaa'
                         + bytes(1 << 20))
        with socket.create_server(('127.0.0.1', 0)) as probe:
            self.address = probe.getsockname()
        with (folder / 'qemu.log').open('wb') as log:
            self._process = subprocess.Popen(
                ['qemu-system-x86_64', '-nodefaults', '-accel', 'tcg',
                 '-m', '32', '-vga', 'std', '-serial', f'file:{self.said}',
                 '-drive', f'file={disk},format=raw,if=ide',
                 '-vnc', ','.join((f'unix:{folder}/vnc',
                                   f'websocket=127.0.0.1:{self.address[1]}')),
                 '-qmp', f'unix:{folder}/qmp,server=on,wait=off'],
                stderr=log)
        peers.wait_until(self._answers, timeout_s=_TIMEOUT_S)

    def _answers(self) -> bool:
        try:
            socket.create_connection(self.address, _TIMEOUT_S).close()
        except OSError:
            return False
        return (self._folder / 'qmp').exists()

    def picture(self) -> tuple[tuple[int, int], bytes]:
        """Return what QEMU itself says that the screen shows."""
        file = self._folder / 'screen.ppm'
        self._order('screendump', filename=str(file))
        kind, width, height, _, pixels = file.read_bytes().split(maxsplit=4)
        assert kind == b'P6'
        return (int(width), int(height)), pixels

    def _order(self, command: str, **arguments: str) -> None:
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(_TIMEOUT_S)
            qmp.connect(str(self._folder / 'qmp'))
            with qmp.makefile('rw') as lines:
                lines.readline()
                for one in ({'execute': 'qmp_capabilities'},
                            {'execute': command, 'arguments': arguments}):
                    lines.write(json.dumps(one) + '\n')
                    lines.flush()
                    answer = json.loads(lines.readline())
                    assert 'return' in answer, answer

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_TIMEOUT_S)
