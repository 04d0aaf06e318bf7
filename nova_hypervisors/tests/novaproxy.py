# SPDX-License-Identifier: Apache-2.0
"""Nova's console proxies, by their own code, and a browser before them."""

import socket
import struct

import nova.conf  # noqa: F401  the proxy's options
from nova.console.securityproxy import rfb as nova_rfb

from nova_hypervisors.consoles import rfb


class Browser:
    """What sits before Nova's proxy: it answers the proxy's questions."""

    def __init__(self):
        self._answers = [rfb.VERSION, b'\x01']

    def sendall(self, data):
        pass

    def recv(self, count):
        return self._answers.pop(0)


def connect(console):
    """Connect as Nova's proxies do."""
    connection = socket.create_connection((console.host, console.port), 10)
    connection.sendall(
        f'CONNECT {console.internal_access_path} HTTP/1.1\r\n\r\n'.encode())
    answer = b''
    while not answer.endswith(b'\r\n\r\n'):
        part = connection.recv(1)
        if not part:
            break
        answer += part
    if b'200' not in answer.split(b'\r\n')[0]:
        connection.close()
        raise ConnectionRefusedError(answer.decode())
    return connection


def through_proxy(console):
    """Connect as nova-novncproxy does; return the socket behind it."""
    connection = connect(console)
    try:
        return nova_rfb.RFBSecurityProxy().connect(Browser(), connection)
    except BaseException:
        connection.close()
        raise


def screen(connection):
    """Speak plain RFB: return the screen's size and some of its pixels."""
    assert receive(connection, 4) == bytes(4)      # no security failure
    connection.sendall(b'\x01')                     # others may look too
    width, height = struct.unpack('!HH', receive(connection, 4))
    receive(connection, 16)
    receive(connection, struct.unpack('!I', receive(connection, 4))[0])
    connection.sendall(struct.pack('!BBHi', 2, 0, 1, 0))    # raw encoding
    connection.sendall(struct.pack('!BBHHHH', 3, 0, 0, 0, width, height))
    kind, _, count = struct.unpack('!BBH', receive(connection, 4))
    assert (kind, count > 0) == (0, True)
    receive(connection, 12)
    return (width, height), receive(connection, 4096)


def receive(connection, count):
    data = b''
    while len(data) < count:
        part = connection.recv(count - len(data))
        assert part, 'the connection was closed'
        data += part
    return data


# 32 bits, little endian, red in bits 16..23, green 8..15, blue 0..7.
_PIXELS = struct.pack('!BBBBHHHBBBxxx', 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class Screen:
    """A machine's screen, by plain RFB (RFC 6143) after the log-on.

    :ivar size: width and height
    """

    def __init__(self, connection):
        self._connection = connection
        assert self._receive(4) == bytes(4)
        connection.sendall(b'\x01')
        self.size = struct.unpack('!HH', self._receive(4))
        self._receive(16)
        self._receive(*struct.unpack('!I', self._receive(4)))
        connection.sendall(b'\0\0\0\0' + _PIXELS)
        connection.sendall(struct.pack('!BBHi', 2, 0, 1, 0))

    def _receive(self, count):
        return receive(self._connection, count)

    def picture(self):
        """Return all pixels, three bytes each."""
        width, height = self.size
        self._connection.sendall(
            struct.pack('!BBHHHH', 3, 0, 0, 0, width, height))
        whole = bytearray(width * height * 3)
        kind, _, count = struct.unpack('!BBH', self._receive(4))
        assert kind == 0
        for _ in range(count):
            x, y, wide, high, encoding = struct.unpack(
                '!HHHHi', self._receive(12))
            assert encoding == 0
            for row in range(y, y + high):
                data = self._receive(wide * 4)
                start = (row * width + x) * 3
                part = bytearray(wide * 3)
                part[0::3], part[1::3], part[2::3] = (
                    data[2::4], data[1::4], data[0::4])
                whole[start:start + wide * 3] = part
        return bytes(whole)

    def type(self, text):
        for char in text:
            for down in (1, 0):
                self._connection.sendall(
                    struct.pack('!BBHI', 4, down, 0, ord(char)))
