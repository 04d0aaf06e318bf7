# SPDX-License-Identifier: Apache-2.0
"""The bridge to web sockets; what is behind them is websockify's.

That QEMU's are bridged, too, is seen in functional/vmwareapi.
"""

import contextlib
import logging
import ssl
import threading

import pytest

from nova_hypervisors.consoles import rfb
from nova_hypervisors.consoles import webmks
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webmkshost

TIMEOUT_S = 10
OPENING = (rfb.VERSION, b'\x01\x01', bytes(4))


class Machine:
    """The end of a host: opens RFB, and then does what a test says.

    :ivar heard: all that came after the log-on
    """

    def __init__(self, opening=OPENING):
        self.heard = bytearray()
        self.closed = threading.Event()
        self.sent = threading.Event()
        self._opening = opening
        self.then = lambda socket: None

    def serve(self, link, headers, head):
        socket = webmkshost.WebSocket()
        socket.accept(link, headers)
        for message in self._opening:
            socket.sendmsg(message)
        log_on = len(rfb.VERSION) + 1
        with contextlib.suppress(OSError):
            for message in socket.messages():
                self.heard += message[log_on:]
                log_on = max(log_on - len(message), 0)
                if not log_on and not self.sent.is_set():
                    self.then(socket)
                    self.sent.set()
        self.closed.set()


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def host(authority, machine):
    made = webmkshost.TicketHost(authority, machine.serve)
    yield made
    made.close()


@pytest.fixture
def connect(host, authority):
    opened = []

    def connect(ticket=None, tls=None, **options):
        opened.append(webmks.connect(
            '127.0.0.1', host.port, ticket or host.new_ticket(),
            tls or authority.client(), timeout_s=TIMEOUT_S,
            **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


class TestConnecting:
    def test_what_the_host_wants_to_be_told(self, connect, host):
        connect()
        headers, = host.requests
        assert headers['Sec-WebSocket-Protocol'] == 'binary'
        assert headers['Origin'] == f'https://127.0.0.1:{host.port}'
        assert headers['Host'] == f'127.0.0.1:{host.port}'

    def test_a_ticket_is_good_once(self, connect, host, caplog):
        caplog.set_level(logging.DEBUG)
        ticket = host.new_ticket()
        connect(ticket)
        with pytest.raises(rfb.HandshakeError, match='status 404') as error:
            connect(ticket)
        assert host.refused == 1
        assert ticket not in f'{error.value}{error.value.__cause__}'
        assert ticket not in caplog.text

    @pytest.mark.parametrize('kind', ['thumbprint', 'thumbprint_256'])
    def test_a_certificate_that_was_told_needs_no_authority(
            self, connect, host, stranger, kind):
        connect(tls=stranger.client(), thumbprint=getattr(host, kind))
        assert len(host.requests) == 1

    @pytest.mark.parametrize('thumbprint', ['', 'AA:' * 19 + 'AA', 'x' * 64,
                                            'AA:BB'])
    def test_any_other_certificate_gets_no_ticket(self, connect, host,
                                                  stranger, thumbprint):
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(tls=stranger.client(), thumbprint=thumbprint)
        assert host.requests == []
        assert host.refused == 0

    def test_a_host_that_is_not_there(self, connect, host):
        host.close()
        with pytest.raises(ConnectionRefusedError):
            connect()


@pytest.mark.parametrize(('machine', 'words'), [
    (Machine((rfb.VERSION, b'\x01\x02')), 'no way in without a password'),
    (Machine((rfb.VERSION, b'\x01\x01', b'\0\0\0\x01\0\0\0\x02no')),
     'refused: no'),
    (Machine((b'RFB 003.003\n',)), 'RFB 3.8'),
])
def test_what_is_no_open_rfb_is_refused(connect, machine, words):
    with pytest.raises(rfb.HandshakeError, match=words):
        connect()
    assert machine.closed.wait(TIMEOUT_S)


@pytest.mark.parametrize('machine', [Machine(())])
def test_a_host_that_says_nothing_is_not_waited_for(host, authority, machine):
    with pytest.raises(rfb.HandshakeError, match='says nothing'):
        webmks.connect('127.0.0.1', host.port, host.new_ticket(),
                       authority.client(), timeout_s=0.5)
    assert machine.closed.wait(TIMEOUT_S)


class TestCarrying:
    def test_all_that_is_said_gets_through(self, connect, machine, receive):
        whole = bytes(range(256)) * 8192    # 2 MiB
        machine.then = lambda socket: socket.sendmsg(whole)
        behind = connect()
        assert receive(behind, len(whole)) == whole

    def test_so_does_what_is_typed(self, connect, machine):
        behind = connect()
        whole = bytes(range(256)) * 1024
        behind.sendall(whole)
        peers.wait_until(lambda: machine.heard == whole, TIMEOUT_S)

    def test_pieces_of_a_message_are_passed_on(self, connect, machine,
                                               receive):
        def send(socket):
            # RFC 6455, 5.4: a message in two frames, with a ping between.
            socket._send(b'\x02\x03one' + b'\x89\x00' + b'\x80\x03two')
        machine.then = send
        assert receive(connect(), 6) == b'onetwo'

    def test_a_ping_stops_nobody(self, connect, machine):
        machine.then = lambda socket: socket.ping(b'are you there')
        behind = connect()
        assert machine.sent.wait(TIMEOUT_S)
        behind.sendall(b'typed')
        peers.wait_until(lambda: machine.heard == b'typed', TIMEOUT_S)

    def test_if_the_host_ends_it_it_is_ended(self, connect, machine, receive):
        machine.then = lambda socket: socket.shutdown(None)
        assert receive(connect(), 1) == b''

    def test_if_we_do_the_host_is_told(self, connect, machine):
        connect().close()
        assert machine.closed.wait(TIMEOUT_S)
