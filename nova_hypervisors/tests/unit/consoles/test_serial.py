# SPDX-License-Identifier: Apache-2.0
"""Serial ports, as a hypervisor listens for each machine.

Whatever the thread has read before it connects again is in the log, so that
nothing has to be waited for but connections.
"""

import contextlib
import shutil
import socket
import tempfile
import uuid
from pathlib import Path

import pytest

from nova_hypervisors.consoles import serial

TIMEOUT_S = 10


class TestLogFile:
    @pytest.fixture
    def log(self, tmp_path):
        return serial.LogFile(tmp_path / 'console.log', 10)

    def test_what_is_said_is_kept_in_order(self, log):
        for data in (b'one', b'two'):
            log.append(data)
        assert log.tail(100) == b'onetwo'
        assert log.tail(4) == b'etwo'

    def test_nothing_was_said_yet(self, log):
        assert log.tail(100) == b''

    def test_nobody_else_can_read_it(self, log, tmp_path):
        log.append(b'what fills a file')
        log.append(b'more')
        modes = [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()]
        assert modes == [0o600, 0o600]

    def test_at_least_its_size_is_kept(self, log):
        said = b''
        for number in range(40):
            data = f'{number:03},'.encode()
            said += data
            log.append(data)
            kept = log.tail(1000)
            assert said.endswith(kept)
            assert len(kept) >= min(len(said), 10)

    def test_and_at_most_twice_as_much(self, log, tmp_path):
        for _ in range(100):
            log.append(b'x')
            used = sum(path.stat().st_size for path in tmp_path.iterdir())
            assert used <= 20

    def test_the_end_may_be_in_two_files(self, log):
        log.append(b'0123456789')
        log.append(b'abc')
        assert log.tail(5) == b'89abc'

    def test_after_a_restart_it_goes_on(self, log):
        log.append(b'one')
        again = serial.LogFile(log.path, 10)
        again.append(b'two')
        assert again.tail(100) == b'onetwo'


class Guest:
    """A machine that says something on its serial port."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.path = folder / 'serial'
        self.log = folder / 'console.log'
        self.boot()

    def boot(self):
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(TIMEOUT_S)
        self._listener.bind(str(self.path))
        self._listener.listen()

    def connected(self):
        """Wait until somebody listens to it."""
        connection, _ = self._listener.accept()
        connection.settimeout(TIMEOUT_S)
        return connection

    def say(self, *lines):
        """Say something, and wait until it was written down."""
        for line in lines:
            with self.connected() as connection:
                connection.sendall(line)
        self.connected().close()

    def off(self):
        self._listener.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def folder():
    """One with a short path, because of the sockets in it."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def make_guest(folder):
    with contextlib.ExitStack() as stack:
        def make_guest(name='guest'):
            guest = Guest(folder / name)
            stack.callback(guest.off)
            return guest
        yield make_guest


@pytest.fixture
def guest(make_guest):
    return make_guest()


@pytest.fixture
def ports(folder):
    ports = serial.SerialPorts(1024)
    ports.start()
    yield ports
    ports.stop()


class TestSerialPorts:
    def test_what_a_guest_says_is_written_down(self, ports, guest):
        ports.follow(guest.path, guest.log)
        guest.say(b'hello\n', b'\xff\0world\n')
        assert guest.log.read_bytes() == b'hello\n\xff\0world\n'
        assert ports.log_file(guest.log).tail(7) == b'\0world\n'

    def test_it_may_not_be_there_yet(self, ports, guest):
        guest.off()
        ports.follow(guest.path, guest.log)
        guest.boot()
        guest.say(b'hello')
        assert guest.log.read_bytes() == b'hello'

    def test_it_may_be_rebooted(self, ports, guest):
        ports.follow(guest.path, guest.log)
        guest.say(b'before ')
        guest.off()
        guest.boot()
        guest.say(b'after')
        assert guest.log.read_bytes() == b'before after'

    def test_each_has_its_own_log(self, ports, make_guest):
        guests = {name: make_guest(name) for name in ('a', 'b', 'c')}
        for guest in guests.values():
            ports.follow(guest.path, guest.log)
        for name, guest in guests.items():
            guest.say(f'I am {name}'.encode())
        for name, guest in guests.items():
            assert guest.log.read_text() == f'I am {name}'

    def test_one_that_is_followed_is_not_followed_again(self, ports, guest,
                                                        make_guest):
        ports.follow(guest.path, guest.log)
        with guest.connected() as connection:
            for _ in range(3):
                ports.follow(guest.path, guest.log)
            self._another_round(ports, make_guest)
            guest._listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                guest.connected()
            guest._listener.settimeout(TIMEOUT_S)
            connection.sendall(b'once')
        guest.say()
        assert guest.log.read_bytes() == b'once'

    def _another_round(self, ports, make_guest):
        """Wait until the thread has done all that there was to do."""
        for _ in range(2):
            other = make_guest(uuid.uuid4().hex)
            ports.follow(other.path, other.log)
            other.say()

    def test_a_long_log_is_kept_short(self, ports, guest, folder):
        ports.follow(guest.path, guest.log)
        guest.say(*[b'x' * 512] * 8)
        kept = sum(path.stat().st_size for path in
                   guest.log.parent.glob('console.log*'))
        assert 1024 <= kept <= 2048

    def test_a_server_that_is_deleted_is_no_fault(self, ports, guest,
                                                  make_guest):
        ports.follow(guest.path, guest.log)
        with guest.connected() as connection:
            shutil.rmtree(guest.log.parent)
            connection.sendall(b'last words')
            self._another_round(ports, make_guest)
        assert not guest.log.exists()

    def test_one_that_cannot_be_written_does_not_stop_the_others(
            self, ports, make_guest):
        broken, fine = make_guest('broken'), make_guest('fine')
        broken.log.mkdir()
        for guest in (broken, fine):
            ports.follow(guest.path, guest.log)
        with broken.connected() as connection:
            connection.sendall(b'lost')
            fine.say(b'kept')
        assert fine.log.read_bytes() == b'kept'

    def test_what_never_comes_is_given_up(self, ports, guest, make_guest,
                                          monkeypatch):
        monkeypatch.setattr(serial, '_GIVE_UP_S', -1)
        guest.off()
        ports.follow(guest.path, guest.log)
        self._another_round(ports, make_guest)
        guest.boot()
        self._another_round(ports, make_guest)
        guest._listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            guest.connected()
        # Until it is asked for again.
        guest._listener.settimeout(TIMEOUT_S)
        ports.follow(guest.path, guest.log)
        guest.connected().close()

    def test_stopped_it_lets_go(self, ports, guest):
        ports.follow(guest.path, guest.log)
        with guest.connected() as connection:
            ports.stop()
            assert connection.recv(1) == b''

    @pytest.mark.parametrize('stopped', [True, False])
    def test_it_may_be_started_again(self, ports, guest, stopped):
        if stopped:
            ports.stop()
        ports.start()
        ports.follow(guest.path, guest.log)
        guest.say(b'hello')
        assert guest.log.read_bytes() == b'hello'

    def test_what_was_asked_for_before_the_start_is_followed_then(
            self, guest):
        ports = serial.SerialPorts(1024)
        ports.follow(guest.path, guest.log)
        ports.start()
        guest.say(b'hello')
        ports.stop()
        assert guest.log.read_bytes() == b'hello'


class TestSessions:
    @pytest.fixture
    def line(self, ports, guest):
        """The guest's end of its serial port."""
        ports.follow(guest.path, guest.log)
        with guest.connected() as line:
            yield line

    @pytest.fixture
    def join(self, ports, guest):
        """Join; wait until what is typed gets through."""
        with contextlib.ExitStack() as stack:
            def join(line):
                session = stack.enter_context(ports.join(guest.path))
                session.settimeout(TIMEOUT_S)
                session.sendall(b'>')
                assert line.recv(1) == b'>'
                return session
            yield join

    def test_what_is_said_is_heard_and_written_down(self, line, join, guest,
                                                    receive):
        sessions = [join(line) for _ in range(2)]
        line.sendall(b'login:')
        assert [receive(session, 6) for session in sessions] == [
            b'login:'] * 2
        # It is written down after it was handed on.
        line.close()
        guest.connected().close()
        assert guest.log.read_bytes() == b'login:'

    def test_what_is_typed_gets_to_the_guest_however_much(
            self, line, join, receive, begin):
        session = join(line)
        lots = bytes(range(256)) * 3000
        end = begin(session.sendall, lots)
        assert receive(line, len(lots)) == lots
        end()

    def test_a_guest_that_does_not_read_stops_nobody(self, line, join, ports,
                                                     make_guest, begin):
        session = join(line)
        end = begin(session.sendall, bytes(4 * serial._MOST_TYPED))
        end()
        line.sendall(b'busy')
        assert session.recv(4, socket.MSG_WAITALL) == b'busy'
        other = make_guest('other')
        ports.follow(other.path, other.log)
        other.say(b'hello')
        assert other.log.read_bytes() == b'hello'

    def test_nor_does_a_session(self, line, join, guest):
        slow, session = join(line), join(line)
        for _ in range(2000):
            line.sendall(b'x' * 1024)
            assert session.recv(1024, socket.MSG_WAITALL) == b'x' * 1024
        # And it goes on when it reads again.
        slow.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while slow.recv(65536):
                pass
        slow.settimeout(TIMEOUT_S)
        line.sendall(b'end')
        heard = b''
        while not heard.endswith(b'end'):
            heard += slow.recv(1024)

    def test_one_may_leave(self, line, join, receive):
        first, second = join(line), join(line)
        first.close()
        for text in (b'still ', b'there'):
            line.sendall(text)
            assert receive(second, len(text)) == text

    def test_it_lasts_through_a_reboot(self, line, join, guest, receive):
        session = join(line)
        guest.off()
        line.close()
        guest.boot()
        with guest.connected() as again:
            again.sendall(b'again')
            assert receive(session, 5) == b'again'
            session.sendall(b'typed')
            assert receive(again, 5) == b'typed'

    def test_it_ends_with_the_server(self, line, join, guest):
        session = join(line)
        shutil.rmtree(guest.path.parent)
        line.close()
        assert session.recv(1) == b''

    def test_it_ends_when_the_machine_stays_away(self, line, join, guest,
                                                 monkeypatch):
        monkeypatch.setattr(serial, '_GIVE_UP_S', -1)
        session = join(line)
        guest.off()
        line.close()
        assert session.recv(1) == b''

    def test_nobody_joins_what_is_not_there(self, ports, guest):
        with pytest.raises(ConnectionRefusedError):
            ports.join(guest.path)

    def test_it_ends_with_the_service(self, line, join, ports):
        session = join(line)
        ports.stop()
        assert session.recv(1) == b''
