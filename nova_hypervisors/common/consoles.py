# SPDX-License-Identifier: Apache-2.0
"""What the consoles of all drivers have in common."""

from __future__ import annotations

import ssl
from collections.abc import Collection
from collections.abc import Mapping

from nova import exception
from nova import objects
from nova.console import type as console_type
from oslo_utils import units

from nova_hypervisors.consoles import relay

#: What Nova's API hands out of a console's log at the most, as libvirt's
#: driver has it.
LONGEST_OUTPUT = 100 * units.Ki


def listen(console_relay: relay.Relay, section: str,
           addresses: Collection[str],
           openers: Mapping[relay.Kind, relay.Opener]) -> None:
    """Begin to hand out consoles.

    :param section: of the options
    :raises InvalidConfiguration: names the option that cannot be
    """
    try:
        console_relay.start(addresses, openers)
    except ssl.SSLError as error:
        raise exception.InvalidConfiguration(
            f'[{section}] console_certificate, console_private_key or '
            f'console_client_ca cannot be used: {error}') from error
    except OSError as error:
        raise exception.InvalidConfiguration(
            f'[{section}] console_port {console_relay.port} cannot be '
            f'listened on: {error.strerror}') from error


def serial(console_relay: relay.Relay, address: str,
           instance: objects.Instance) -> console_type.ConsoleSerial:
    """Return where Nova's serial proxy finds a server's serial port.

    :param address: of the relay
    """
    return console_type.ConsoleSerial(
        host=address, port=console_relay.port,
        internal_access_path=console_relay.path(relay.Kind.SERIAL,
                                                instance.uuid))


def screen(console_relay: relay.Relay, address: str,
           instance: objects.Instance) -> console_type.ConsoleVNC:
    """Return where Nova's VNC proxy finds a server's screen.

    :param address: of the relay
    """
    return console_type.ConsoleVNC(
        host=address, port=console_relay.port,
        internal_access_path=console_relay.path(relay.Kind.SCREEN,
                                                instance.uuid))
