# SPDX-License-Identifier: Apache-2.0
"""Serial ports, as a hypervisor listens for each machine.

Whatever the logger has read before it connects again is in the log, so that
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
def logger():
    logger = serial.SerialLogger(1024)
    logger.start()
    yield logger
    logger.stop()


class TestSerialLogger:
    def test_what_a_guest_says_is_written_down(self, logger, guest):
        logger.follow(guest.path, guest.log)
        guest.say(b'hello\n', b'\xff\0world\n')
        assert guest.log.read_bytes() == b'hello\n\xff\0world\n'
        assert logger.log_file(guest.log).tail(7) == b'\0world\n'

    def test_it_may_not_be_there_yet(self, logger, guest):
        guest.off()
        logger.follow(guest.path, guest.log)
        guest.boot()
        guest.say(b'hello')
        assert guest.log.read_bytes() == b'hello'

    def test_it_may_be_rebooted(self, logger, guest):
        logger.follow(guest.path, guest.log)
        guest.say(b'before ')
        guest.off()
        guest.boot()
        guest.say(b'after')
        assert guest.log.read_bytes() == b'before after'

    def test_each_has_its_own_log(self, logger, make_guest):
        guests = {name: make_guest(name) for name in ('a', 'b', 'c')}
        for guest in guests.values():
            logger.follow(guest.path, guest.log)
        for name, guest in guests.items():
            guest.say(f'I am {name}'.encode())
        for name, guest in guests.items():
            assert guest.log.read_text() == f'I am {name}'

    def test_one_that_is_followed_is_not_followed_again(self, logger, guest,
                                                        make_guest):
        logger.follow(guest.path, guest.log)
        with guest.connected() as connection:
            for _ in range(3):
                logger.follow(guest.path, guest.log)
            self._another_round(logger, make_guest)
            guest._listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                guest.connected()
            guest._listener.settimeout(TIMEOUT_S)
            connection.sendall(b'once')
        guest.say()
        assert guest.log.read_bytes() == b'once'

    def _another_round(self, logger, make_guest):
        """Wait until the logger has done all that there was to do."""
        for _ in range(2):
            other = make_guest(uuid.uuid4().hex)
            logger.follow(other.path, other.log)
            other.say()

    def test_a_long_log_is_kept_short(self, logger, guest, folder):
        logger.follow(guest.path, guest.log)
        guest.say(*[b'x' * 512] * 8)
        kept = sum(path.stat().st_size for path in
                   guest.log.parent.glob('console.log*'))
        assert 1024 <= kept <= 2048

    def test_a_server_that_is_deleted_is_no_fault(self, logger, guest,
                                                  make_guest):
        logger.follow(guest.path, guest.log)
        with guest.connected() as connection:
            shutil.rmtree(guest.log.parent)
            connection.sendall(b'last words')
            self._another_round(logger, make_guest)
        assert not guest.log.exists()

    def test_one_that_cannot_be_written_does_not_stop_the_others(
            self, logger, make_guest):
        broken, fine = make_guest('broken'), make_guest('fine')
        broken.log.mkdir()
        for guest in (broken, fine):
            logger.follow(guest.path, guest.log)
        with broken.connected() as connection:
            connection.sendall(b'lost')
            fine.say(b'kept')
        assert fine.log.read_bytes() == b'kept'

    def test_what_never_comes_is_given_up(self, logger, guest, make_guest,
                                          monkeypatch):
        monkeypatch.setattr(serial, '_GIVE_UP_S', -1)
        guest.off()
        logger.follow(guest.path, guest.log)
        self._another_round(logger, make_guest)
        guest.boot()
        self._another_round(logger, make_guest)
        guest._listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            guest.connected()
        # Until it is asked for again.
        guest._listener.settimeout(TIMEOUT_S)
        logger.follow(guest.path, guest.log)
        guest.connected().close()

    def test_stopped_it_lets_go(self, logger, guest):
        logger.follow(guest.path, guest.log)
        with guest.connected() as connection:
            logger.stop()
            assert connection.recv(1) == b''

    def test_what_was_asked_for_before_the_start_is_followed_then(
            self, guest):
        logger = serial.SerialLogger(1024)
        logger.follow(guest.path, guest.log)
        logger.start()
        guest.say(b'hello')
        logger.stop()
        assert guest.log.read_bytes() == b'hello'
