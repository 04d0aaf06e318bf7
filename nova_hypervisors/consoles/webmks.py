# SPDX-License-Identifier: Apache-2.0
"""Screens of machines on hosts that show them by WebMKS.

ESXi 7.0 and newer have no VNC server.  For a ticket they open a web socket,
which carries RFB, as VNC does, in binary messages.  Each ticket is good for
one connection.  :func:`connect` makes a plain socket of such a web socket, so
that everybody else speaks RFB over it as over any other.

Source: "WebMKS" of the HTML Console SDK; ManageIQ's and VMware's own
py-wsvnc's clients show that it is RFB 3.8, that the subprotocol ``binary`` is
needed, and that security is ``None``, which the ticket stands for.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import logging
import selectors
import socket
import ssl
import threading
import urllib.parse

import websocket

from nova_hypervisors.consoles import rfb

LOG = logging.getLogger(__name__)

_SUBPROTOCOL = 'binary'
_CHUNK = 65536

# A host that does not take what is typed within this time is gone.
_SEND_S = 30.0

# How long a thumbprint is, in hexadecimal digits, and by what it is made.
_DIGESTS = {40: 'sha1', 64: 'sha256'}

_DATA = (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_TEXT)


def connect(host: str, port: int, ticket: str, tls: ssl.SSLContext, *,
            thumbprint: str = '', timeout_s: float = 10.0) -> socket.socket:
    """Open a machine's screen; return a socket past the RFB log-on.

    :param ticket: it is used up, even if this fails
    :param tls: how the host's certificate is verified
    :param thumbprint: of the certificate, as the host told it together with
        the ticket; then that one is taken and no other
    :raises OSError: the host cannot be reached, or its certificate is wrong
    :raises HandshakeError: the host takes no such ticket, or speaks no RFB
    """
    link = _open_tls(host, port, tls, thumbprint, timeout_s)
    try:
        bridge = _open_web_socket(link, host, port, ticket, timeout_s)
    except BaseException:
        link.close()
        raise
    ours, theirs = socket.socketpair()
    threading.Thread(target=_carry, args=(bridge, link, theirs),
                     name='webmks', daemon=True).start()
    try:
        ours.settimeout(timeout_s)
        rfb.log_on_openly(ours)
    except TimeoutError as error:
        ours.close()
        raise rfb.HandshakeError('the host says nothing') from error
    except BaseException:
        ours.close()
        raise
    return ours


def _open_tls(host: str, port: int, tls: ssl.SSLContext, thumbprint: str,
              timeout_s: float) -> ssl.SSLSocket:
    connection = socket.create_connection((host, port), timeout_s)
    try:
        if not thumbprint:
            return tls.wrap_socket(connection, server_hostname=host)
        # The certificate itself is known: who has signed it is no matter.
        pinned = ssl.create_default_context()
        pinned.check_hostname = False
        pinned.verify_mode = ssl.CERT_NONE
        link = pinned.wrap_socket(connection)
        _check_thumbprint(link.getpeercert(binary_form=True) or b'',
                          thumbprint)
    except BaseException:
        connection.close()
        raise
    return link


def _check_thumbprint(certificate: bytes, thumbprint: str) -> None:
    """:raises SSLCertVerificationError: it is of another certificate"""
    wanted = thumbprint.replace(':', '').replace(' ', '').lower()
    algorithm = _DIGESTS.get(len(wanted))
    if algorithm is None or not hmac.compare_digest(
            hashlib.new(algorithm, certificate).hexdigest(), wanted):
        raise ssl.SSLCertVerificationError(
            "the host's certificate is not the one that it told together "
            'with the ticket')


def _open_web_socket(link: ssl.SSLSocket, host: str, port: int, ticket: str,
                     timeout_s: float) -> websocket.WebSocket:
    address = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
    bridge = websocket.WebSocket(skip_utf8_validation=True)
    try:
        # TLS is there already, so that it is "ws" for the library.
        bridge.connect(  # type: ignore[no-untyped-call]
            f'ws://{address}/ticket/{urllib.parse.quote(ticket, safe="")}',
            socket=link, timeout=timeout_s, redirect_limit=0,
            origin=f'https://{address}', subprotocols=[_SUBPROTOCOL])
    except websocket.WebSocketBadStatusException as error:
        # What else it says may have the ticket in it.
        raise rfb.HandshakeError(
            'the host refuses the ticket: its answer has the status '
            f'{error.status_code}') from None
    except websocket.WebSocketException as error:
        raise rfb.HandshakeError('the host opens no web socket: '
                                 f'{type(error).__name__}') from None
    return bridge


def _carry(bridge: websocket.WebSocket, link: ssl.SSLSocket,
           peer: socket.socket) -> None:
    """Pass on what comes until one of them closes; then close both.

    One thread does both directions: what TLS has is not to be read and
    written at the same time.
    """
    with (contextlib.closing(peer), contextlib.closing(link),
          selectors.DefaultSelector() as selector):
        selector.register(peer, selectors.EVENT_READ, functools.partial(
            _take_from_peer, bridge, link, peer))
        from_host = functools.partial(_take_from_host, bridge, link, peer)
        selector.register(link, selectors.EVENT_READ, from_host)
        try:
            # Something may have come along with the answer to our request.
            goes_on = from_host()
            while goes_on:
                goes_on = all(key.data() for key, _ in selector.select())
        except (OSError, websocket.WebSocketException) as error:
            LOG.debug('A screen is shown no more: %s', error)


def _take_from_peer(bridge: websocket.WebSocket, link: ssl.SSLSocket,
                    peer: socket.socket) -> bool:
    """Return whether it goes on."""
    data = peer.recv(_CHUNK)
    if data:
        link.settimeout(_SEND_S)
        bridge.send_binary(data)
    return bool(data)


def _take_from_host(bridge: websocket.WebSocket, link: ssl.SSLSocket,
                    peer: socket.socket) -> bool:
    """Return whether it goes on."""
    # The library keeps what it has of a message that is not whole.  Not all
    # that TLS receives is data, and what it has received the selector does
    # not know of: so it is read until there is no more.
    link.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        while True:
            kind, data = bridge.recv_data()
            if kind == websocket.ABNF.OPCODE_CLOSE:
                return False
            if kind in _DATA:
                peer.sendall(data)
    return True
