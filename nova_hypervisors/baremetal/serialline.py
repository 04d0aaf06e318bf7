# SPDX-License-Identifier: Apache-2.0
"""Where a node's serial line is.

A terminal server, a BMC with serial over LAN on a raw port, or VirtualBox
(UART mode "tcpserver") offers it as a TCP port.  nova-serialproxy connects to
such a port itself, so there is nothing to run here.
"""

from __future__ import annotations

import urllib.parse

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors

SETTINGS = (
    settings.Setting(
        'serial_console', help='where its serial line is: tcp://HOST:PORT. '
        'Whoever reaches that port needs no password: let it be only the host '
        'of nova-serialproxy'),
)


def address(node: nodes.Node) -> tuple[str, int]:
    """Return the host and port of a node's serial line.

    :raises Unsupported: it has none
    :raises InvalidArgument: it is not said as it should be
    """
    given = node.driver_info.get('serial_console')
    if not given:
        raise errors.Unsupported(
            'its driver_info has no serial_console: tcp://HOST:PORT',
            operation=f'node {node.name}')
    try:
        return _parsed(str(given))
    except ValueError as error:
        raise errors.InvalidArgument(
            f'driver_info serial_console: {error}',
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
    given = node.driver_info.get('serial_console')
    try:
        if given:
            _parsed(str(given))
    except ValueError as error:
        return [settings.Fault('driver_info serial_console', str(error))]
    return []
