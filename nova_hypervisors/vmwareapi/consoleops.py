# SPDX-License-Identifier: Apache-2.0
"""What servers show and say."""

from __future__ import annotations

import socket
from collections.abc import Callable

from nova import exception
from nova import objects
from nova.console import type as console_type
from oslo_serialization import jsonutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import consoles
from nova_hypervisors.consoles import relay
from nova_hypervisors.vmwareapi import machines

#: Connects to what a ticket is for, with all handshakes done.
ScreenOpener = Callable[[api.Ticket], socket.socket]


class ConsoleOps:
    """:param address: what Nova's console proxies are told to connect to

    :param serial_address: the same for serial ports; None if there are none
    :param timeout_s: of a connection to a serial port
    :param open_screen: None if machines show no screen
    :param host: the host's address, for clients that go there themselves
    """

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, *,
                 console_relay: relay.Relay, address: str,
                 serial_address: str | None, timeout_s: float,
                 open_screen: ScreenOpener | None, host: str,
                 port: int) -> None:
        self._client = client
        self._machines = machine_map
        self._relay = console_relay
        self._address = address
        self._serial_address = serial_address
        self._timeout_s = timeout_s
        self._open = open_screen
        self._host = host
        self._port = port

    def start(self) -> None:
        """:raises InvalidConfiguration: the relay's port is taken"""
        openers: dict[relay.Kind, relay.Opener] = {}
        addresses = []
        if self._open is not None:
            openers[relay.Kind.SCREEN] = self._open_screen
            addresses.append(self._address)
        if self._serial_address is not None:
            openers[relay.Kind.SERIAL] = self._open_serial_port
            addresses.append(self._serial_address)
        if openers:
            consoles.listen(self._relay, 'vmware', addresses, openers)

    def stop(self) -> None:
        self._relay.stop()

    def output(self, instance: objects.Instance) -> str:
        files = self._machines.files(instance.uuid)
        try:
            data = self._client.console_log(files.console_log,
                                            consoles.LONGEST_OUTPUT)
        except errors.NotFound:
            # It never said anything, or has no serial port.
            return ''
        # Nova takes a string for Latin-1 and makes the same bytes of it.
        return data.decode('latin-1')

    def serial_console(self, instance: objects.Instance,
                       ) -> console_type.ConsoleSerial:
        """:raises ConsoleTypeUnavailable: the server has no port for it"""
        if self._serial_address is None or (
                self._serial_port(instance.uuid) is None):
            raise exception.ConsoleTypeUnavailable(console_type='serial')
        self._require_running(instance)
        return consoles.serial(self._relay, self._serial_address, instance)

    def _serial_port(self, uuid: str) -> int | None:
        return self._client.machine_details(
            self._machines.ref(uuid)).serial_port

    def _open_serial_port(self, uuid: str) -> socket.socket:
        port = self._serial_port(uuid)
        if port is None:
            raise errors.InvalidState('its serial port cannot be reached')
        line = socket.create_connection((self._host, port), self._timeout_s)
        line.settimeout(None)
        return line

    def vnc(self, instance: objects.Instance) -> console_type.ConsoleVNC:
        """:raises ConsoleTypeUnavailable: machines show no screen"""
        if self._open is None:
            raise exception.ConsoleTypeUnavailable(console_type='vnc')
        self._require_running(instance)
        return consoles.screen(self._relay, self._address, instance)

    def mks(self, instance: objects.Instance) -> console_type.ConsoleMKS:
        """Return what an MKS client needs: it goes to the host itself."""
        self._require_running(instance)
        ticket = self._client.acquire_ticket(
            self._machines.ref(instance.uuid), api.TicketKind.MKS)
        path = {'ticket': ticket.ticket, 'cfgFile': ticket.config_file,
                'thumbprint': ticket.thumbprint}
        return console_type.ConsoleMKS(ticket.host or self._host,
                                       ticket.port or self._port,
                                       jsonutils.dumps(path))

    def _require_running(self, instance: objects.Instance) -> None:
        """:raises InstanceNotReady: which Nova's API knows, unlike
            InstanceNotRunning
        """
        if self._machines.find(instance.uuid).state is not api.PowerState.ON:
            raise exception.InstanceNotReady(instance_id=instance.uuid)

    def _open_screen(self, uuid: str) -> socket.socket:
        """Connect to a machine's screen, by a ticket that is good once."""
        assert self._open is not None  # noqa: S101 it was started with it
        return self._open(self._client.acquire_ticket(
            self._machines.ref(uuid), api.TicketKind.WEBMKS))
