# SPDX-License-Identifier: Apache-2.0
"""Where a node's serial line and its screen are.

A terminal server, a BMC with serial over LAN on a raw port, or VirtualBox
(UART mode "tcpserver") offers the line as a TCP port.  nova-serialproxy
connects to such a port itself, so there is nothing to run here.  The screen
is that of a VNC server, which some BMCs are, and VirtualBox.
"""

from __future__ import annotations

import urllib.parse

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors

SERIAL, SCREEN, PASSWORD = 'serial_console', 'vnc_console', 'vnc_password'

SETTINGS = (
    settings.Setting(
        SERIAL, help='where its serial line is: tcp://HOST:PORT. '
        'Whoever reaches that port needs no password: let it be only the host '
        'of nova-serialproxy'),
    settings.Setting(
        SCREEN, help='where its screen is to be had by VNC: tcp://HOST:PORT; '
        'see [baremetal] console_port'),
    settings.Setting(
        PASSWORD, 'secret', default='',
        help='the password of that VNC server, if it wants one'),
)


def address(node: nodes.Node, name: str) -> tuple[str, int]:
    """Return the host and port of a node's serial line or screen.

    :param name: SERIAL or SCREEN
    :raises Unsupported: it has none
    :raises InvalidArgument: it is not said as it should be
    """
    given = node.driver_info.get(name)
    if not given:
        raise errors.Unsupported(
            f'its driver_info has no {name}: tcp://HOST:PORT',
            operation=f'node {node.name}')
    try:
        return _parsed(str(given))
    except ValueError as error:
        raise errors.InvalidArgument(
            f'driver_info {name}: {error}',
            operation=f'node {node.name}') from None


def _parsed(text: str) -> tuple[str, int]:
    url = urllib.parse.urlsplit(text)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme != 'tcp' or not url.hostname or not port:
        raise ValueError(f'{text!r} is not tcp://HOST:PORT')
    return url.hostname, port


def faults(node: nodes.Node) -> list[settings.Fault]:
    found = []
    for name in (SERIAL, SCREEN):
        given = node.driver_info.get(name)
        try:
            if given:
                _parsed(str(given))
        except ValueError as error:
            found.append(settings.Fault(f'driver_info {name}', str(error)))
    return found
