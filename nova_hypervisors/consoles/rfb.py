# SPDX-License-Identifier: Apache-2.0
"""The opening of an RFB (VNC) conversation, from both ends.

VirtualBox's VNC server offers one security type, VNC authentication, and no
other; Nova's console proxy knows two, None and VeNCrypt, and not that one.
So :func:`log_on` is the client that VirtualBox wants, and :func:`welcome` the
server that Nova's proxy wants.  :func:`log_on_openly` is for servers whose
connections are let in by other means.  After these both ends speak plain RFB.

Source: RFC 6143 (the RFB protocol), sections 7.1 and 7.2, and the VeNCrypt
extension in github.com/rfbproto/rfbproto.
"""

from __future__ import annotations

import socket
import ssl
import struct

from cryptography.hazmat.decrepit.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers import modes

VERSION = b'RFB 003.008\n'

#: VNC authentication uses no more of a password than this.
PASSWORD_LENGTH = 8

_NONE = 1
_VNC_AUTHENTICATION = 2
_VENCRYPT = 19
_VENCRYPT_VERSION = bytes((0, 2))
_X509_NONE = 260

_CHALLENGE_LENGTH = 16
_LONGEST_REASON = 1024


class HandshakeError(Exception):
    """The other end does not speak RFB as it should, or refused us."""


def log_on(server: socket.socket, password: str) -> None:
    """Be a client of a server that wants VNC authentication.

    :raises HandshakeError: it does not offer that, or refuses the password
    """
    _choose(server, _VNC_AUTHENTICATION, 'VNC authentication')
    challenge = _receive(server, _CHALLENGE_LENGTH)
    server.sendall(encrypt(challenge, password))
    if _receive(server, 4) != bytes(4):
        raise HandshakeError(f'password refused: {_reason(server)}')


def log_on_openly(server: socket.socket) -> None:
    """Be a client of a server that wants no password.

    :raises HandshakeError: it wants one, or refuses us
    """
    _choose(server, _NONE, 'way in without a password')
    if _receive(server, 4) != bytes(4):
        raise HandshakeError(f'refused: {_reason(server)}')


def _choose(server: socket.socket, security: int, name: str) -> None:
    """Agree with a server on the version and on a security type."""
    if _receive(server, len(VERSION)) != VERSION:
        raise HandshakeError('the server does not speak RFB 3.8')
    server.sendall(VERSION)
    count = _receive(server, 1)[0]
    if count == 0:
        raise HandshakeError(_reason(server))
    if security not in _receive(server, count):
        raise HandshakeError(f'the server offers no {name}')
    server.sendall(bytes((security,)))


def encrypt(challenge: bytes, password: str) -> bytes:
    """Answer a VNC authentication challenge (RFC 6143, 7.2.2)."""
    key = password.encode()[:PASSWORD_LENGTH].ljust(PASSWORD_LENGTH, b'\0')
    # The bits of each byte of the key go in from the other end.
    mirrored = bytes(int(f'{byte:08b}'[::-1], 2) for byte in key)
    # Single DES: triple DES with three equal keys.
    cipher = Cipher(algorithms.TripleDES(mirrored * 3), modes.ECB())  # noqa: S305
    return cipher.encryptor().update(challenge)


def welcome(client: socket.socket,
            tls: ssl.SSLContext | None) -> socket.socket:
    """Be a server: without any security, or with TLS inside VeNCrypt.

    :param tls: the server's certificate; whether clients need one is set
        in it
    :returns: the socket on which to go on
    :raises HandshakeError: the client wants something else
    """
    client.sendall(VERSION)
    if _receive(client, len(VERSION)) != VERSION:
        raise HandshakeError('the client does not speak RFB 3.8')
    offer = _NONE if tls is None else _VENCRYPT
    client.sendall(bytes((1, offer)))
    if _receive(client, 1)[0] != offer:
        raise HandshakeError('the client chose a security type that was not '
                             'offered')
    if tls is not None:
        client = _vencrypt(client, tls)
    client.sendall(bytes(4))
    return client


def _vencrypt(client: socket.socket, tls: ssl.SSLContext) -> socket.socket:
    client.sendall(_VENCRYPT_VERSION)
    if _receive(client, 2) != _VENCRYPT_VERSION:
        client.sendall(b'\xff')
        raise HandshakeError('the client does not know VeNCrypt 0.2')
    client.sendall(bytes((0, 1)) + struct.pack('!I', _X509_NONE))
    if _receive(client, 4) != struct.pack('!I', _X509_NONE):
        client.sendall(bytes(1))
        raise HandshakeError('the client does not want X.509 certificates')
    client.sendall(bytes((1,)))
    try:
        return tls.wrap_socket(client, server_side=True)
    except OSError as error:
        raise HandshakeError(f'no TLS with the client: {error}') from error


def _receive(peer: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = peer.recv(count - len(data))
        if not part:
            raise HandshakeError('the connection was closed')
        data += part
    return bytes(data)


def _reason(server: socket.socket) -> str:
    length = struct.unpack('!I', _receive(server, 4))[0]
    return _receive(server, min(length, _LONGEST_REASON)).decode(
        errors='replace')
