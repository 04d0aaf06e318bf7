# SPDX-License-Identifier: Apache-2.0
"""Files are handed out and fetched, by real connections on loopback."""

import contextlib
import dataclasses
import os
import socket
import threading

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.tests import certificates
from nova_hypervisors.transfer import identity
from nova_hypervisors.transfer import offers as offering
from nova_hypervisors.transfer import pull
from nova_hypervisors.transfer import server

# Larger than what is read at once, with a hole that need not be written.
DATA = os.urandom(1 << 20) + bytes(3 << 20) + b'the end'


@pytest.fixture
def offers(tmp_path):
    return offering.Offers(tmp_path / 'offers')


@pytest.fixture
def own(tmp_path):
    return identity.ensure(tmp_path / 'own.pem')


@pytest.fixture
def start(offers):
    started = []

    def start(who):
        file_server = server.FileServer('127.0.0.1', 0, offers)
        file_server.start(who.server_context())
        started.append(file_server)
        return file_server

    yield start
    for file_server in started:
        file_server.stop()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'source'
    path.write_bytes(DATA)
    return path


@pytest.fixture
def source(start, own, offers, path):
    return pull.Source('127.0.0.1', start(own).port, own.fingerprint(),
                       offers.add('a server', {'root.vdi': path}))


@pytest.fixture
def fetch(source, tmp_path):
    def fetch(changed=None, name='root.vdi', **options):
        target = tmp_path / 'target'
        pull.pull(changed or source, name, target,
                  **{'timeout_s': 20, **options})
        return target
    return fetch


def test_what_comes_is_what_was_sent(fetch):
    target = fetch()
    assert target.read_bytes() == DATA
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_blocks * 512 < len(DATA)


def test_each_file_is_had_once(fetch):
    fetch().unlink()
    with pytest.raises(errors.NotFound, match='404'):
        fetch()


@pytest.mark.parametrize(('changes', 'name'), [
    ({'token': 'another'}, 'root.vdi'), ({'token': ''}, 'root.vdi'),
    ({}, 'other.vdi'), ({}, '../source'),
], ids=['another-token', 'no-token', 'another-file', 'a-path'])
def test_what_is_not_offered_is_not_had(fetch, source, tmp_path, changes,
                                        name):
    with pytest.raises(errors.NotFound):
        fetch(dataclasses.replace(source, **changes), name)
    assert not (tmp_path / 'target').exists()


def test_another_service_gets_no_token(fetch, start, source, tmp_path):
    stranger = start(identity.ensure(tmp_path / 'stranger.pem'))
    with pytest.raises(errors.CertificateRefused, match='another'):
        fetch(dataclasses.replace(source, port=stranger.port))
    fetch()


def test_an_authority_can_be_insisted_on(fetch, start, offers, path,
                                         tmp_path):
    authority = certificates.Authority(tmp_path / 'authority')
    with pytest.raises(errors.CertificateRefused):
        fetch(ca_file=str(authority.path))
    signed = identity.Identity(*map(type(path), authority.make('signed')))
    source = pull.Source('127.0.0.1', start(signed).port,
                         signed.fingerprint(),
                         offers.add('a server', {'root.vdi': path}))
    assert fetch(source, ca_file=str(authority.path)).read_bytes() == DATA


def test_a_host_that_cannot_be_read_is_no_missing_file(own, offers,
                                                       tmp_path):
    @contextlib.contextmanager
    def broken(path):
        raise errors.TimedOut(f'{path} is on a host that does not answer')
        yield

    file_server = server.FileServer('127.0.0.1', 0, offers, broken)
    file_server.start(own.server_context())
    source = pull.Source('127.0.0.1', file_server.port, own.fingerprint(),
                         offers.add('a server', {'root.vmdk': '[a] b'}))
    with pytest.raises(errors.ConnectionLost, match='cannot read root'):
        pull.pull(source, 'root.vmdk', tmp_path / 'target', timeout_s=20)
    assert offers.find(source.token) is not None
    file_server.stop()


def test_nobody_is_there(fetch, source):
    with socket.create_server(('127.0.0.1', 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(errors.Unreachable):
        fetch(dataclasses.replace(source, port=port))


def test_a_limit_of_time(fetch, tmp_path):
    with pytest.raises(errors.TimedOut):
        fetch(timeout_s=-1)
    assert not (tmp_path / 'target').exists()


@pytest.mark.parametrize('sent', [
    b'Content-Length: 100\r\n\r\n' + b'only this',
    b'Content-Length: 41\r\n\r\n' + b'the bytes' + bytes(32),
    b'', b'nonsense'], ids=['cut', 'damaged', 'nothing', 'no-header'])
def test_half_a_file_is_no_file(fetch, own, source, tmp_path, sent):
    port = _answer_once(own, b'HTTP/1.1 200 OK\r\n' + sent)
    with pytest.raises(errors.ConnectionLost):
        fetch(dataclasses.replace(source, port=port))
    assert not (tmp_path / 'target').exists()


def _answer_once(who, answer):
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        with listener, who.server_context().wrap_socket(
                listener.accept()[0], server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


class TestOffers:
    def test_they_outlive_the_service(self, offers, path, tmp_path):
        token = offers.add('a server', {'root.vdi': path})
        again = offering.Offers(tmp_path / 'offers')
        assert again.find(token).files == {'root.vdi': str(path)}
        assert token not in ''.join(
            file.name + file.read_text()
            for file in (tmp_path / 'offers').iterdir())

    def test_they_end(self, tmp_path, path):
        now = [0.0]
        offers = offering.Offers(tmp_path / 'offers', lambda: now[0])
        token = offers.add('a server', {'root.vdi': path})
        now[0] = offering.LIFE_S
        assert offers.find(token) is None

    def test_those_of_one_server_are_withdrawn(self, offers, path):
        gone = offers.add('a server', {'root.vdi': path})
        stays = offers.add('another', {'root.vdi': path})
        offers.withdraw('a server')
        assert offers.find(gone) is None
        assert offers.find(stays) is not None


def test_an_identity_is_made_once_and_for_us_alone(tmp_path):
    first = identity.ensure(tmp_path / 'own.pem')
    second = identity.ensure(tmp_path / 'own.pem')
    assert first.fingerprint() == second.fingerprint()
    assert (tmp_path / 'own.pem').stat().st_mode & 0o777 == 0o600
