# SPDX-License-Identifier: Apache-2.0
"""Disks behind a real tgtd, written by the real qemu-img."""

import hashlib
import itertools
import os
import random
import signal
import socket
import subprocess
import threading
import time

import psutil
import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import iscsi
from nova_hypervisors.clients import qemuimg
from nova_hypervisors.tests.contract.iscsi import conftest

SIZE_MB = 24
SIZE = SIZE_MB << 20
# For a disk that takes some time.
LARGE_MB = 600


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
    """A disk with data, holes and data at its end."""
    path = tmp_path_factory.mktemp('raw') / 'a,disk.raw'
    noise = random.Random(1)
    with path.open('wb') as file:
        for offset in (0, 5 << 20, 16 << 20, SIZE - 4096):
            file.seek(offset)
            file.write(noise.randbytes(min(2 << 20, SIZE - offset)))
    return path


@pytest.fixture(scope='module')
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp('large') / 'large.raw'
    with path.open('wb') as file:
        for _ in range(LARGE_MB):
            file.write(os.urandom(4096) * 256)
    return path


@pytest.fixture
def stale(targets):
    """A disk that was used before."""
    return targets.add(SIZE_MB + 8, b'stale...' * ((SIZE + (8 << 20)) // 8))


def digest(data):
    return hashlib.sha256(data).hexdigest()


class TestWriting:
    @pytest.mark.parametrize('qemu_format', ['raw', 'qcow2', 'vmdk', 'vpc'])
    def test_the_disk_is_the_image(self, stale, raw, tmp_path, qemu_format):
        path = raw
        if qemu_format != 'raw':
            path = tmp_path / 'image'
            options = (['-o', 'force_size'] if qemu_format == 'vpc' else [])
            subprocess.run(['qemu-img', 'convert', '-O', qemu_format,
                            *options, '-f', 'raw', '--', raw, path],
                           check=True)
        disk = conftest.disk_of(stale)
        disk.write(iscsi.Piece(path, qemu_format))
        after = stale.path.read_bytes()
        assert digest(after[:SIZE]) == digest(raw.read_bytes())
        # Nothing behind it was touched.
        assert after[SIZE:SIZE + 8] == b'stale...'
        disk.verify(iscsi.Piece(path, qemu_format), 0, SIZE)

    def test_holes_stay_holes_on_a_thin_disk(self, targets, raw):
        volume = targets.add(SIZE_MB, b'stale...' * (SIZE // 8))
        targets.make_thin(volume)
        conftest.disk_of(volume, thin=True).write(iscsi.Piece(raw))
        assert digest(volume.path.read_bytes()) == digest(raw.read_bytes())
        assert volume.path.stat().st_blocks * 512 < SIZE // 2

    def test_a_window(self, stale, raw):
        piece = iscsi.Piece(raw, offset=5 << 20, size=1 << 20)
        conftest.disk_of(stale).write(piece, 3 << 20, 1 << 20)
        after = stale.path.read_bytes()
        assert after[3 << 20:4 << 20] == raw.read_bytes()[5 << 20:6 << 20]
        assert after[:3 << 20] == b'stale...' * (3 << 17)
        assert after[4 << 20:] == b'stale...' * ((len(after) >> 3)
                                                 - (4 << 17))

    def test_what_does_not_fit_is_not_begun(self, targets, raw):
        volume = targets.add(8)
        with pytest.raises(errors.ClientError, match='smaller'):
            conftest.disk_of(volume).write(iscsi.Piece(raw))
        assert not any(volume.path.read_bytes())

    def test_a_part_is_read_back(self, stale, tmp_path):
        path = tmp_path / 'part'
        conftest.disk_of(stale).read(path, 1 << 20, 4096)
        assert path.read_bytes() == b'stale...' * 512

    def test_damage_is_found(self, stale, raw):
        disk = conftest.disk_of(stale)
        disk.write(iscsi.Piece(raw))
        with stale.path.open('r+b') as file:
            file.seek(16 << 20)
            file.write(b'!')
        with pytest.raises(errors.DataDamaged):
            disk.verify(iscsi.Piece(raw), 0, SIZE)

    def test_progress_is_told(self, stale, raw):
        told = []
        conftest.disk_of(stale, on_progress=told.append).write(
            iscsi.Piece(raw))
        assert told == sorted(told)
        assert told[-1] == 100


class TestAccess:
    def test_the_size(self, stale):
        assert conftest.disk_of(stale).get_size(30) == SIZE + (8 << 20)

    @pytest.mark.parametrize('changes', [
        {'secret': 'not the secret!!'}, {'user': 'somebody'},
        {'user': '', 'secret': ''}])
    def test_who_does_not_know_the_secret_stays_outside(self, stale, raw,
                                                        changes):
        disk = conftest.disk_of(stale, **changes)
        with pytest.raises(errors.AuthenticationFailed) as caught:
            disk.get_size(30)
        assert 'not the secret' not in str(caught.value)
        with pytest.raises(errors.AuthenticationFailed):
            disk.write(iscsi.Piece(raw))
        assert stale.path.read_bytes()[:8] == b'stale...'

    def test_a_target_that_there_is_not(self, stale):
        disk = conftest.disk_of(stale, iqn='iqn.2026-11.org.example:none')
        with pytest.raises(errors.NotFound):
            disk.get_size(30)

    def test_options_cannot_be_smuggled_in(self, stale):
        disk = conftest.disk_of(
            stale, iqn=f'{stale.lun.address.target},file.lun=7')
        with pytest.raises(errors.NotFound):
            disk.get_size(30)

    def test_nobody_listens(self, stale):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            disk = conftest.disk_of(stale, port=probe.getsockname()[1])
            with pytest.raises(errors.Unreachable):
                disk.get_size(30)

    def test_who_listens_says_nothing(self, stale):
        with socket.create_server(('127.0.0.1', 0)) as silent:
            disk = conftest.disk_of(stale, port=silent.getsockname()[1])
            begun = time.monotonic()
            with pytest.raises(errors.TimedOut):
                disk.get_size(1)
        assert time.monotonic() - begun < 10

    def test_secrets_are_not_shown(self, stale):
        target = conftest.target_of(stale, secret='se-cret')
        assert 'se-cret' not in repr(target)


class TestTroubles:
    @pytest.fixture
    def volume(self, own_targets):
        return own_targets.add(LARGE_MB)

    @pytest.fixture
    def breaking(self, own_targets, volume, large):
        """Do something to the target when a little has been written."""
        def breaking(action, **options):
            moved = threading.Event()

            def moving(percent):
                if percent > 3 and not moved.is_set():
                    moved.set()
                    action()

            disk = conftest.disk_of(volume, on_progress=moving, **options)
            try:
                disk.write(iscsi.Piece(large))
            finally:
                assert moved.is_set()
                assert not writers(volume)
        return breaking

    def test_a_target_that_stops_answering(self, breaking, own_targets):
        begun = time.monotonic()
        try:
            with pytest.raises(errors.TimedOut,
                               match='no progress for 2 seconds'):
                breaking(lambda: own_targets.signal(signal.SIGSTOP),
                         silence_s=2)
        finally:
            own_targets.signal(signal.SIGCONT)
        assert time.monotonic() - begun < 30

    def test_a_target_that_is_gone(self, breaking, own_targets):
        with pytest.raises(errors.ClientError):
            breaking(own_targets.close, silence_s=2)

    def test_it_is_given_up(self, breaking):
        cancelled = threading.Event()
        with pytest.raises(errors.Cancelled, match='given up at'):
            breaking(cancelled.set, cancelled=cancelled)

    def test_it_takes_too_long(self, volume, large):
        with pytest.raises(errors.TimedOut, match='was not done'):
            conftest.disk_of(volume, limit_s=0.3).write(iscsi.Piece(large))
        assert not writers(volume)

    def test_the_secret_is_in_no_command_line(self, breaking):
        seen = []

        def look():
            seen.extend(' '.join(process.cmdline())
                        for process in psutil.Process().children(True)
                        if process.name() == 'qemu-img')

        breaking(look)
        assert len(seen) == 1
        assert conftest.real_storage.SECRET not in seen[0]


def writers(volume):
    """Return the programs that still have to do with a target."""
    return [process for process in psutil.Process().children(True)
            if process.name() == 'qemu-img'
            and volume.lun.address.target in ' '.join(process.cmdline())]


def test_a_program_that_is_missing():
    supervisor = qemuimg.Supervisor(1, 1, program='/no/qemu-img')
    with pytest.raises(errors.NotInstalled, match='/no/qemu-img'):
        supervisor.run('convert', what='')


@pytest.mark.parametrize(('text', 'kind'), [
    ("qemu-img: Unknown driver 'iscsi'", errors.NotInstalled),
    ('qemu-img: something else', errors.ClientError),
    ('', errors.ClientError)])
def test_what_qemu_says(text, kind):
    error = qemuimg.error_for(text, 'convert')
    assert type(error) is kind
    assert error.detail
    if kind is errors.NotInstalled:
        assert 'qemu-block-extra' in error.detail


def test_places_are_whole_sectors():
    for offset, size in itertools.product((1, 512), (511, 513)):
        with pytest.raises(errors.InvalidArgument, match='multiple'):
            iscsi.Piece('x', offset=offset, size=size).options()
