# SPDX-License-Identifier: Apache-2.0
"""What servers show and say, as far as their nodes let it out."""

from __future__ import annotations

import socket

from nova import exception
from nova import objects
from nova.console import type as console_type

from nova_hypervisors.baremetal import endpoints
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.clients import errors
from nova_hypervisors.common import consoles
from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import rfb

_CONNECT_S = 10.0


class ConsoleOps:
    """:param console_relay: None if no screens are handed out

    :param address: what Nova's console proxies are told to connect to
    """

    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, sources: settings.Sources, *,
                 console_relay: relay.Relay | None, address: str) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._sources = sources
        self._relay = console_relay
        self._address = address

    def start(self) -> None:
        """:raises InvalidConfiguration: the relay's port is taken"""
        if self._relay is not None:
            consoles.listen(self._relay, 'baremetal', [self._address],
                            {relay.Kind.SCREEN: self._open_screen})

    def stop(self) -> None:
        if self._relay is not None:
            self._relay.stop()

    def serial(self, instance: objects.Instance,
               ) -> console_type.ConsoleSerial:
        """:raises ConsoleTypeUnavailable: nobody knows its serial line"""
        node = self._host.of_instance(instance)
        try:
            host, port = endpoints.address(node, endpoints.SERIAL)
        except errors.Unsupported as error:
            raise exception.ConsoleTypeUnavailable(
                console_type='serial') from error
        return console_type.ConsoleSerial(host=host, port=port)

    def vnc(self, instance: objects.Instance) -> console_type.ConsoleVNC:
        """:raises ConsoleTypeUnavailable: nobody knows its screen"""
        node = self._host.of_instance(instance)
        try:
            endpoints.address(node, endpoints.SCREEN)
        except errors.Unsupported as error:
            raise exception.ConsoleTypeUnavailable(
                console_type='vnc') from error
        if self._relay is None:
            raise exception.ConsoleTypeUnavailable(console_type='vnc')
        return consoles.screen(self._relay, self._address, instance)

    def output(self, instance: objects.Instance) -> str:
        """Return the end of what the server has said on its serial line.

        :raises Unsupported: nobody has kept that
        """
        node = self._host.of_instance(instance)
        text = self._tasks.interfaces(node).management.console_output(node)
        return text[-consoles.LONGEST_OUTPUT:]

    def _open_screen(self, instance_uuid: str) -> socket.socket:
        """Connect to the VNC server of a server's node."""
        node = self._store.find_by_instance(instance_uuid)
        if node is None:
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        values, faults = settings.resolve(
            endpoints.SETTINGS, node.driver_info, self._sources)
        if faults:
            raise errors.InvalidArgument('; '.join(map(str, faults)),
                                         operation=f'node {node.name}')
        connection = socket.create_connection(
            endpoints.address(node, endpoints.SCREEN), _CONNECT_S)
        try:
            if password := values[endpoints.PASSWORD]:
                rfb.log_on(connection, password)
            else:
                rfb.log_on_openly(connection)
        except BaseException:
            connection.close()
            raise
        return connection
