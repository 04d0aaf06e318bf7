# SPDX-License-Identifier: Apache-2.0
"""The other end of VeNCrypt, which is Nova's proxy otherwise."""

import socket
import struct
import threading

import pytest

from nova_hypervisors.consoles import rfb
from nova_hypervisors.tests import certificates

TIMEOUT_S = 10


@pytest.fixture(scope='package')
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='package')
def stranger(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp('stranger'))


@pytest.fixture
def receive():
    def receive(peer, count):
        """Read so many bytes, or as many as there are until the end."""
        data = b''
        while len(data) < count:
            part = peer.recv(count - len(data))
            if not part:
                break
            data += part
        return data
    return receive


@pytest.fixture
def encrypt(receive):
    def encrypt(peer, context):
        """Go through VeNCrypt as a client; return the socket to go on with.
        """
        assert receive(peer, 12) == rfb.VERSION
        peer.sendall(rfb.VERSION)
        assert receive(peer, 2) == b'\x01\x13'
        peer.sendall(b'\x13')
        assert receive(peer, 2) == b'\0\x02'
        peer.sendall(b'\0\x02')
        assert receive(peer, 6) == b'\0\x01' + struct.pack('!I', 260)
        peer.sendall(struct.pack('!I', 260))
        assert receive(peer, 1) == b'\x01'
        return context.wrap_socket(peer, server_hostname='127.0.0.1')
    return encrypt


@pytest.fixture
def pair():
    """The two ends of a connection."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(TIMEOUT_S)
    yield ends
    for end in ends:
        end.close()


@pytest.fixture
def begin():
    """Let a function run beside the test; hand out what it returns."""
    threads = []

    def begin(function, *args):
        result = {}

        def run():
            try:
                result['value'] = function(*args)
            except Exception as error:
                result['error'] = error

        thread = threading.Thread(target=run)
        threads.append(thread)
        thread.start()

        def end():
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
            if 'error' in result:
                raise result['error']
            return result['value']

        return end

    yield begin
    for thread in threads:
        thread.join(TIMEOUT_S)
