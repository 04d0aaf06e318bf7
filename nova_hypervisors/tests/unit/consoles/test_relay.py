# SPDX-License-Identifier: Apache-2.0
"""The relay on the loopback interface, asked as Nova's proxies ask."""

import contextlib
import hashlib
import socket
import ssl

import pytest

from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import rfb

UUID = '5d0e6a6e-0000-4000-8000-000000000001'
OTHER = '5d0e6a6e-0000-4000-8000-000000000002'

SCREEN, SERIAL = relay.Kind.SCREEN, relay.Kind.SERIAL

TIMEOUT_S = 10

LOTS = bytes(range(256)) * 4096


def derive(purpose):
    return hashlib.sha256(purpose.encode()).digest()


class Screens:
    """What is behind the relay: its other ends, by UUID.

    :ivar failure: raised when one is opened
    """

    def __init__(self):
        self.ends = {}
        self.failure = None
        self._opened = []

    def open(self, uuid):
        if self.failure is not None:
            raise self.failure
        ends = socket.socketpair()
        self.ends[uuid] = ends[1]
        self.ends[uuid].settimeout(TIMEOUT_S)
        # So that none closes by being forgotten.
        self._opened += ends
        return ends[0]

    def close(self):
        for end in self._opened:
            end.close()


@pytest.fixture
def screens():
    screens = Screens()
    yield screens
    screens.close()


@pytest.fixture
def start(screens):
    relays = []

    def start(tls=None, port=0, derive=derive, addresses=('127.0.0.1',),
              kinds=(SCREEN, SERIAL)):
        made = relay.Relay(port, derive, lambda: tls)
        relays.append(made)
        made.start(addresses, dict.fromkeys(kinds, screens.open))
        return made

    yield start
    for made in relays:
        made.stop()


@pytest.fixture
def running(start):
    return start()


@pytest.fixture
def connect():
    connections = []

    def connect(running, path=None, request=None, address='127.0.0.1'):
        """Ask for a screen; return the answer's first line and the socket.
        """
        connection = socket.create_connection((address, running.port),
                                              TIMEOUT_S)
        connections.append(connection)
        if path is None:
            path = running.path(SCREEN, UUID)
        connection.sendall(request or
                           f'CONNECT {path} HTTP/1.1\r\n\r\n'.encode())
        return _answer(connection), connection

    yield connect
    for connection in connections:
        connection.close()


def _answer(connection):
    answer = b''
    while not answer.endswith(b'\r\n\r\n'):
        part = connection.recv(1)
        if not part:
            break
        answer += part
    return answer.split(b'\r\n')[0]


@pytest.fixture
def welcomed(connect, receive):
    def welcomed(running):
        """Ask for a screen and go through RFB without security."""
        answer, connection = connect(running)
        assert answer == b'HTTP/1.1 200 OK'
        connection.sendall(rfb.VERSION + b'\x01')
        assert receive(connection, 18) == rfb.VERSION + b'\x01\x01' + bytes(4)
        return connection
    return welcomed


class TestPaths:
    def test_each_server_has_its_own(self, running):
        assert running.path(SCREEN, UUID) != running.path(SCREEN, OTHER)
        assert UUID in running.path(SCREEN, UUID)

    def test_it_is_the_same_after_a_restart(self, running, start):
        assert start().path(SCREEN, UUID) == running.path(SCREEN, UUID)

    def test_it_is_another_on_another_host(self, running, start):
        other = start(derive=lambda purpose: derive('other' + purpose))
        assert other.path(SCREEN, UUID) != running.path(SCREEN, UUID)

    def test_it_cannot_be_guessed(self, running):
        assert derive(f'console {UUID}').hex() in running.path(SCREEN, UUID)

    @pytest.mark.parametrize('change', [
        lambda path: path.replace(UUID, OTHER),
        lambda path: path[:-1],
        lambda path: path + '0',
        lambda path: path[:-1] + ('0' if path[-1] != '0' else '1'),
        lambda path: path.rsplit('/', 1)[0],
        lambda path: path + '/',
        lambda path: path.replace('vnc', 'rdp'),
        lambda path: path.replace('vnc', 'serial'),
        lambda path: '/',
        lambda path: '\N{SNOWMAN}',
    ])
    def test_any_other_leads_nowhere(self, running, connect, screens, change):
        answer, connection = connect(running,
                                     change(running.path(SCREEN, UUID)))
        assert answer == b'HTTP/1.1 404 Not Found'
        assert connection.recv(1) == b''
        assert screens.ends == {}


class TestRequests:
    @pytest.mark.parametrize('request_text', [
        'GET {} HTTP/1.1\r\n\r\n', 'CONNECT {}\r\n\r\n',
        'CONNECT {} HTTP/1.1 x\r\n\r\n', '\r\n\r\n',
        'CONNECT {} HTTP/1.1\r\n' + 'x: y\r\n' * 200 + '\r\n'])
    def test_what_is_none_gets_no_answer(self, running, connect, screens,
                                         request_text):
        request = request_text.format(running.path(SCREEN, UUID)).encode()
        try:
            answer, _ = connect(running, request=request)
        except ConnectionError:
            answer = b''
        assert answer == b''
        assert screens.ends == {}

    def test_headers_do_not_matter(self, running, connect, screens):
        answer, _ = connect(running, request=(
            f'CONNECT {running.path(SCREEN, UUID)} HTTP/1.1\r\nHost: x\r\n\r\n'
        ).encode())
        assert answer == b'HTTP/1.1 200 OK'
        assert list(screens.ends) == [UUID]

    def test_it_may_come_in_pieces(self, running, screens):
        with socket.create_connection(('127.0.0.1', running.port),
                                      TIMEOUT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            path = running.path(SCREEN, UUID)
            for byte in f'CONNECT {path} HTTP/1.1\r\n\r\n':
                connection.sendall(byte.encode())
            assert _answer(connection) == b'HTTP/1.1 200 OK'


class TestScreens:
    def test_bytes_go_both_ways(self, running, welcomed, screens, receive):
        connection = welcomed(running)
        screen = screens.ends[UUID]
        screen.sendall(b'pixels')
        assert receive(connection, 6) == b'pixels'
        connection.sendall(b'keys')
        assert receive(screen, 4) == b'keys'

    def test_however_many(self, running, welcomed, screens, receive, begin):
        connection = welcomed(running)
        screen = screens.ends[UUID]
        for source, target in ((screen, connection), (connection, screen)):
            end = begin(source.sendall, LOTS)
            assert receive(target, len(LOTS)) == LOTS
            end()

    def test_each_client_has_its_own(self, running, connect, welcomed,
                                     screens, receive):
        first = welcomed(running)
        screen = screens.ends[UUID]
        answer, _ = connect(running, running.path(SCREEN, OTHER))
        assert answer == b'HTTP/1.1 200 OK'
        screen.sendall(b'first')
        assert receive(first, 5) == b'first'

    def test_when_the_screen_ends_so_does_the_client(self, running, welcomed,
                                                     screens):
        connection = welcomed(running)
        screens.ends[UUID].close()
        assert connection.recv(1) == b''

    def test_when_the_client_ends_so_does_the_screen(self, running, welcomed,
                                                     screens):
        welcomed(running).close()
        assert screens.ends[UUID].recv(1) == b''

    def test_a_client_that_does_not_speak_rfb_is_let_go(self, running,
                                                        connect, screens):
        _, connection = connect(running)
        connection.sendall(b'RFB 003.003\n')
        assert screens.ends[UUID].recv(1) == b''

    @pytest.mark.parametrize('failure', [
        ConnectionRefusedError('nobody listens'), KeyError('a bug'),
        rfb.HandshakeError('password refused')])
    def test_one_that_cannot_be_reached_is_a_bad_gateway(
            self, running, connect, screens, failure):
        screens.failure = failure
        answer, connection = connect(running)
        assert answer == b'HTTP/1.1 502 Bad Gateway'
        assert connection.recv(1) == b''
        # The next one may be.
        screens.failure = None
        assert connect(running)[0] == b'HTTP/1.1 200 OK'


class TestSerialPorts:
    @pytest.fixture
    def typist(self, running, connect):
        answer, connection = connect(running, running.path(SERIAL, UUID))
        assert answer == b'HTTP/1.1 200 OK'
        return connection

    def test_bytes_go_both_ways_and_nothing_else(self, typist, screens,
                                                 receive, begin):
        line = screens.ends[UUID]
        for source, target in ((line, typist), (typist, line)):
            end = begin(source.sendall, LOTS)
            assert receive(target, len(LOTS)) == LOTS
            end()

    def test_when_one_ends_so_does_the_other(self, typist, screens):
        typist.close()
        assert screens.ends[UUID].recv(1) == b''

    def test_screens_need_not_be_handed_out(self, start, connect):
        running = start(kinds=[SERIAL])
        answers = [connect(running, running.path(kind, UUID))[0]
                   for kind in (SCREEN, SERIAL)]
        assert answers == [b'HTTP/1.1 404 Not Found', b'HTTP/1.1 200 OK']

    def test_tls_is_for_screens(self, start, connect, authority, screens,
                                receive):
        running = start(authority.server())
        _, connection = connect(running, running.path(SERIAL, UUID))
        screens.ends[UUID].sendall(b'login:')
        assert receive(connection, 6) == b'login:'


class TestListening:
    def test_it_may_have_several_addresses(self, start, connect):
        addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.1']
        running = start(addresses=addresses)
        for address in addresses:
            answer, _ = connect(running, address=address)
            assert answer == b'HTTP/1.1 200 OK'

    def test_it_has_all_of_them_or_none(self, start):
        with socket.create_server(('127.0.0.2', 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(OSError, match='in use'):
                start(port=port, addresses=['127.0.0.1', '127.0.0.2'])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), TIMEOUT_S)

    def test_a_port_that_is_taken_is_an_error(self, running, start):
        with pytest.raises(OSError, match='in use'):
            start(port=running.port)

    def test_a_certificate_that_is_not_there_is_one(self):
        def load():
            raise FileNotFoundError('no such certificate')

        made = relay.Relay(0, derive, load)
        with pytest.raises(FileNotFoundError):
            made.start(['127.0.0.1'], {})

    def test_before_the_start_the_port_is_the_one_that_was_set(self):
        assert relay.Relay(6084, derive, dict).port == 6084

    def test_once_stopped_nobody_gets_in(self, running):
        port = running.port
        running.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), TIMEOUT_S)

    def test_who_is_in_stays(self, running, welcomed, screens, receive):
        connection = welcomed(running)
        running.stop()
        screens.ends[UUID].sendall(b'pixels')
        assert receive(connection, 6) == b'pixels'

    def test_stopping_twice_is_no_error(self, running):
        running.stop()
        running.stop()

    def test_its_port_is_free_then(self, running, start, connect):
        port = running.port
        running.stop()
        assert connect(start(port=port))[0] == b'HTTP/1.1 200 OK'


class TestTls:
    @pytest.fixture
    def running(self, start, authority, stranger):
        """A relay whose clients have to be the stranger's."""
        return start(authority.server(clients=stranger))

    def test_a_client_with_a_certificate_sees_the_screen(
            self, running, connect, encrypt, receive, screens, authority,
            stranger, begin):
        _, connection = connect(running)
        context = authority.client(stranger.make('proxy'))
        with encrypt(connection, context) as peer:
            assert receive(peer, 4) == bytes(4)
            screen = screens.ends[UUID]
            for source, target in ((peer, screen), (screen, peer)):
                end = begin(source.sendall, LOTS)
                assert receive(target, len(LOTS)) == LOTS
                end()

    def test_one_without_does_not(self, running, connect, encrypt, screens,
                                  authority):
        _, connection = connect(running)
        with (encrypt(connection, authority.client()) as peer,
              contextlib.suppress(ssl.SSLError, ConnectionError)):
            assert peer.recv(1) == b''
        assert screens.ends[UUID].recv(1) == b''

    def test_one_that_does_not_encrypt_is_let_go(self, running, connect,
                                                 screens):
        _, connection = connect(running)
        connection.sendall(rfb.VERSION + b'\x01')
        assert screens.ends[UUID].recv(1) == b''
