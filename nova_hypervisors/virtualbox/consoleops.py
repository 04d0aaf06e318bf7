# SPDX-License-Identifier: Apache-2.0
"""Screens and serial ports of machines."""

from __future__ import annotations

import base64
import dataclasses
import socket
import ssl
from collections.abc import Collection
from collections.abc import Mapping

from nova import exception
from nova import objects
from nova.console import type as console_type
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import secrets
from nova_hypervisors.consoles import relay
from nova_hypervisors.consoles import rfb
from nova_hypervisors.consoles import serial
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import options

# What Nova's API hands out at the most, as libvirt's driver has it.
_LONGEST_OUTPUT = 100 * units.Ki

_CONNECT_TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How machines show their screens.

    :param extension_pack: the one that serves them, as it was configured
    :param address: on which displays listen
    :param uuid_password: the password is the server's UUID
    :param password_length: to which it is cut
    :param properties: the extension pack's settings
    :param proxy_address: what Nova's console proxies are told to connect to
    :param other_host: the one on which displays listen, if it is not this
    """

    extension_pack: str
    address: str
    ports: str
    unique_port: bool
    uuid_password: bool
    password_length: int | None
    properties: Mapping[str, str]
    proxy_address: str
    other_host: str | None = None

    @property
    def is_vnc(self) -> bool:
        return self.extension_pack == options.VNC_PACK


def find_pack(installed: Collection[api.ExtensionPack],
              configured: str) -> str:
    """Return what the configured extension pack is called here.

    :raises InvalidConfiguration: it is not installed, or not usable
    """
    names = options.pack_names(configured)
    for pack in installed:
        if pack.name in names:
            if pack.why_unusable:
                raise exception.InvalidConfiguration(
                    f'VirtualBox cannot use the extension pack "{pack.name}": '
                    f'{pack.why_unusable}')
            return pack.name
    have = ', '.join(f'"{pack.name}"' for pack in installed) or 'none'
    raise exception.InvalidConfiguration(
        f'[virtualbox] vrde_module: the extension pack "{configured}" is not '
        f'installed. VirtualBox has: {have}. Install it, set vrde_module to '
        'one that is there, or set remote_display = false.')


class ConsoleOps:
    """:param display: None if machines have no remote display

    :param serial_address: where Nova's serial proxies are told to connect to;
        None if there are none
    :param remote: keeps serial logs, where VirtualBox is on another host
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles, *,
                 display: DisplaySettings | None,
                 secret: secrets.HostSecret,
                 console_relay: relay.Relay,
                 serial_ports: serial.SerialPorts,
                 serial_address: str | None,
                 remote: interface.HostFilesApi | None = None) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._display = display
        self._secret = secret
        self._relay = console_relay
        self._serial = serial_ports
        self._serial_address = serial_address
        self._remote = remote
        self._pack = ''

    def start(self) -> None:
        """Find the extension pack and begin to listen.

        :raises InvalidConfiguration: the pack is not there, or the relay's
            port is taken
        """
        self._serial.start()
        openers: dict[relay.Kind, relay.Opener] = {}
        addresses = []
        if self._display is not None:
            self._find_pack(self._display.extension_pack)
            if self._display.is_vnc:
                openers[relay.Kind.SCREEN] = self._open_screen
                addresses.append(self._display.proxy_address)
        if self._serial_address is not None:
            openers[relay.Kind.SERIAL] = self._open_serial_port
            addresses.append(self._serial_address)
        self._listen(addresses, openers)

    def _find_pack(self, configured: str) -> None:
        self._pack = find_pack(self._client.extension_packs(
            options.pack_names(configured)), configured)

    def _listen(self, addresses: Collection[str],
                openers: Mapping[relay.Kind, relay.Opener]) -> None:
        try:
            self._relay.start(addresses, openers)
        except ssl.SSLError as error:
            raise exception.InvalidConfiguration(
                '[virtualbox] console_certificate, console_private_key or '
                f'console_client_ca cannot be used: {error}') from error
        except OSError as error:
            raise exception.InvalidConfiguration(
                f'[virtualbox] console_port {self._relay.port} cannot be '
                f'listened on: {error.strerror}') from error

    def stop(self) -> None:
        self._serial.stop()
        self._relay.stop()

    # Serial port

    def follow_serial(self, uuid: str) -> None:
        """Begin to log what a machine says, running or about to."""
        if self._remote is not None:
            return
        instance_files = self._files.instance(uuid)
        self._serial.follow(instance_files.serial_socket,
                            instance_files.console_log)

    def output(self, instance: objects.Instance) -> str:
        if self._remote is not None:
            return self._remote.serial_log(
                self._machines.machine_uuid(instance.uuid),
                _LONGEST_OUTPUT).decode('latin-1')
        log = self._serial.log_file(
            self._files.instance(instance.uuid).console_log)
        # Nova takes a string for Latin-1 and makes the same bytes of it.
        return log.tail(_LONGEST_OUTPUT).decode('latin-1')

    def serial_console(self, instance: objects.Instance,
                       ) -> console_type.ConsoleSerial:
        """:raises ConsoleTypeUnavailable: Nova has no serial proxy"""
        if self._serial_address is None:
            raise exception.ConsoleTypeUnavailable(console_type='serial')
        self._require_running(instance)
        return console_type.ConsoleSerial(
            host=self._serial_address, port=self._relay.port,
            internal_access_path=self._relay.path(relay.Kind.SERIAL,
                                                  instance.uuid))

    def _require_running(self, instance: objects.Instance) -> None:
        """:raises InstanceNotReady: which Nova's API knows, unlike
            InstanceNotRunning
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        if self._client.machine_state(uuid) not in (
                api.MachineState.RUNNING, api.MachineState.PAUSED):
            raise exception.InstanceNotReady(instance_id=instance.uuid)

    def _open_serial_port(self, uuid: str) -> socket.socket:
        return self._serial.join(self._files.instance(uuid).serial_socket)

    # Screen

    def remote_display(self, uuid: str, taken_ports: Collection[int],
                       ) -> api.RemoteDisplay | None:
        """Decide on a machine's remote display.

        :param taken_ports: those that other machines are set to
        :raises ConsolePortRangeExhausted: no port is left
        """
        display = self._display
        if display is None:
            return None
        ports = display.ports
        if display.unique_port:
            ports = str(self._free_port(display, taken_ports))
        properties = dict(display.properties)
        if display.is_vnc:
            properties['VNCPassword'] = self.password(uuid)
        return api.RemoteDisplay(self._pack, display.address, ports,
                                 properties)

    def _free_port(self, display: DisplaySettings,
                   taken: Collection[int]) -> int:
        for port in options.ports(display.ports):
            if port not in taken and (
                    display.other_host or _can_listen(display.address, port)):
                return port
        raise exception.NovaException(
            f'All ports of [virtualbox] vrde_port ({display.ports}) are '
            'taken.')

    def password(self, uuid: str) -> str:
        """Return the password of a machine's screen."""
        assert self._display is not None  # noqa: S101
        if self._display.uuid_password:
            return uuid[:self._display.password_length]
        key = self._secret.derive(f'password {uuid}')
        return base64.b64encode(key).decode()[:rfb.PASSWORD_LENGTH]

    def vnc(self, instance: objects.Instance) -> console_type.ConsoleVNC:
        """:raises ConsoleTypeUnavailable: machines have no VNC display"""
        display = self._display
        if display is None or not display.is_vnc:
            raise exception.ConsoleTypeUnavailable(console_type='vnc')
        self._require_running(instance)
        return console_type.ConsoleVNC(
            host=display.proxy_address, port=self._relay.port,
            internal_access_path=self._relay.path(relay.Kind.SCREEN,
                                                  instance.uuid))

    def _open_screen(self, uuid: str) -> socket.socket:
        """Connect to a machine's VNC server and log on."""
        assert self._display is not None  # noqa: S101
        port = self._client.display_port(self._machines.machine_uuid(uuid))
        if port is None:
            raise errors.InvalidState('its remote display does not listen')
        screen = socket.create_connection(
            (_reachable(self._display), port), _CONNECT_TIMEOUT_S)
        try:
            rfb.log_on(screen, self.password(uuid))
        except BaseException:
            screen.close()
            raise
        return screen


def display_ports(machines_settings: Collection[api.MachineSettings],
                  ) -> set[int]:
    """Return the ports that machines have for themselves."""
    return {int(settings.display_ports) for settings in machines_settings
            if settings.display_ports.isdecimal()}


def _reachable(display: DisplaySettings) -> str:
    """Return an address that leads to what listens on the display's."""
    here = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(  # noqa: S104
        display.address)
    if here is None:
        return display.address
    return display.other_host or here


def _can_listen(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
