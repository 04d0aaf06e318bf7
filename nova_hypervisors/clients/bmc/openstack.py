# SPDX-License-Identifier: Apache-2.0
"""A server of an OpenStack cloud as a bare machine, by openstacksdk.

The cloud is one like any other, and nothing of it is changed.  Nova cannot be
told what a server boots from, but rescues it with another image, and keeps
its disk meanwhile: the image of iPXE boots it from the network, an ISO image
is a CD in its drive.  (Nova's documentation says so of iPXE since 2025.1.)
What is to be booted is kept in the server's metadata.

What a rescued server cannot: be stopped.  So it boots from its disk first,
for as long as it takes to stop it.  One that restarts by itself boots from
what it was rescued with, again.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import openstack.exceptions
from keystoneauth1 import exceptions as auth_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import openstackmedia

#: What is kept with a server.
ALWAYS = 'nova_hypervisors_boot'
ONCE = 'nova_hypervisors_boot_once'

_RESCUE = 'RESCUE'

# Nova's numbers of power states; others are off, or nobody knows.
_RUNNING, _PAUSED, _SHUTDOWN, _CRASHED, _SUSPENDED = 1, 3, 4, 6, 7
_POWER = {_RUNNING: api.Power.ON, _PAUSED: api.Power.ON,
          _SHUTDOWN: api.Power.OFF, _CRASHED: api.Power.OFF,
          _SUSPENDED: api.Power.OFF}

_LOOK_S = 1.0

# From the most particular to the least: the first that fits is it.
_ERRORS: tuple[tuple[type[Exception], type[errors.ClientError]], ...] = (
    (openstack.exceptions.NotFoundException, errors.NotFound),
    (openstack.exceptions.ConflictException, errors.InvalidState),
    (openstack.exceptions.ForbiddenException, errors.Forbidden),
    (openstack.exceptions.BadRequestException, errors.InvalidArgument),
    (auth_errors.Unauthorized, errors.AuthenticationFailed),
    (auth_errors.SSLError, errors.CertificateRefused),
    (auth_errors.ConnectTimeout, errors.TimedOut),
    (auth_errors.ConnectionError, errors.Unreachable),
    (openstack.exceptions.ResourceTimeout, errors.TimedOut),
)
#: Where errors are noted: see clients/recording.py.
SEAM = 'openstack'

_TOO_MANY = 429, 503


@contextlib.contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise errors of ours for what openstacksdk raises."""
    try:
        yield
    except (openstack.exceptions.SDKException,
            auth_errors.ClientException) as error:
        status = getattr(error, 'status_code', None)
        with recording.call(SEAM, operation) as noted:
            noted.answer = {'kind': type(error).__name__, 'status': status,
                            'message': str(error)}
            raise _error(type(error), status, str(error),
                         operation) from error


def understood(kind: str, status: int | None, message: str,
               operation: str) -> None:
    """:raises ClientError: what openstacksdk raised is that"""
    theirs = (getattr(openstack.exceptions, kind, None)
              or getattr(auth_errors, kind, openstack.exceptions.SDKException))
    raise _error(theirs, status, message, operation)


def _error(theirs: type[Exception], status: int | None, message: str,
           operation: str) -> errors.ClientError:
    kind = next((ours for one, ours in _ERRORS if issubclass(theirs, one)),
                errors.Busy if status in _TOO_MANY else errors.ClientError)
    return kind(message, operation=operation, code=status)


class OpenStackMachine(openstackmedia.Media):
    """Implements :class:`.clients.bmc.api.Machine`.

    :param server: its name, if no other has it, or its UUID
    :param ipxe_image: by which it boots from the network; an image's UUID,
        or its name
    :param timeout_s: how long a change of the server may take that comes
        before another one
    """

    def __init__(self, connection: Any, server: str,
                 ipxe_image: str | None = None,
                 fetching: openstackmedia.Fetching | None = None,
                 timeout_s: float = 300.0,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._name = server
        self._ipxe_image = ipxe_image
        self._fetching = fetching or openstackmedia.Fetching()
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._lock = threading.RLock()
        self._id: str | None = None

    @contextlib.contextmanager
    def _using(self, operation: str) -> Iterator[Any]:
        """Give the server, as it is now."""
        with self._lock, translated(operation):
            yield self._server()

    def _server(self) -> Any:
        compute = self._connection.compute
        if self._id is None:
            self._id = self._find()
        try:
            return compute.get_server(self._id)
        except openstack.exceptions.NotFoundException as error:
            raise errors.MachineNotFound(
                f'there is no server {self._name}') from error

    def _find(self) -> str:
        if _is_uuid(self._name):
            return self._name
        # The name is a regular expression.
        found = [server.id for server in self._connection.compute.servers(
            details=False, name=f'^{_escaped(self._name)}$')
            if server.name == self._name]
        if len(found) != 1:
            raise errors.MachineNotFound(
                f'there are {len(found)} servers {self._name}: say which by '
                'its UUID' if found else f'there is no server {self._name}')
        return str(found[0])

    def _settled(self) -> Any:
        """Return the server when nothing is being done to it.

        :raises TimedOut: something still is
        """
        ends = time.monotonic() + self._timeout_s
        while (server := self._server()).task_state:
            if time.monotonic() > ends:
                raise errors.TimedOut(
                    f'the server {self._name} is still {server.task_state} '
                    f'after {self._timeout_s:g} seconds')
            self._sleep(_LOOK_S)
        return server

    def close(self) -> None:
        """Nothing is the machine's own: see :class:`Cloud`."""

    # Power

    def power(self) -> api.Power:
        with self._using('power') as server:
            return power_of(server)

    def power_on(self) -> None:
        with self._using('power_on'):
            server = self._settled()
            if power_of(server) is not api.Power.ON:
                self._start(server)

    def _start(self, server: Any) -> None:
        compute = self._connection.compute
        boot = _boot(server)
        image = self._image_of(boot.device)
        if server.status == _RESCUE:
            server = self._unrescue(server)
        if boot.persistent is False:
            # Nova does not take it once the server is starting.
            compute.delete_server_metadata(server, [ONCE])
        try:
            if image is not None:
                # Called image_ref or image, as the SDK is older or newer.
                compute.rescue_server(server, None, image)
            elif power_of(server) is not api.Power.ON:
                compute.start_server(server)
        except openstack.exceptions.SDKException:
            if boot.persistent is False and boot.device is not None:
                compute.set_server_metadata(server, **{
                    ONCE: boot.device.value})
            raise

    def _unrescue(self, server: Any) -> Any:
        """Let a server boot from its disk again, and wait until it does."""
        self._connection.compute.unrescue_server(server)
        return self._settled()

    def _image_of(self, device: api.BootDevice | None) -> str | None:
        """Return the image to boot from; None for the server's own disk.

        :raises InvalidState: there is none
        """
        if device is api.BootDevice.PXE:
            return self._network_image()
        if device is api.BootDevice.CDROM:
            image = self._find_image()
            if image is None:
                raise errors.InvalidState(
                    f'the server {self._name} is to boot from its CD drive, '
                    'which is empty')
            return str(image.id)
        return None

    def _network_image(self) -> str:
        name = self._ipxe_image
        if not name:
            raise errors.Unsupported(
                'a server boots from the network by an image of iPXE, and '
                'none is named (openstack_ipxe_image)')
        if _is_uuid(name):
            return name
        found = self._connection.image.find_image(name)
        if found is None:
            raise errors.NotFound(f'the cloud has no image {name}')
        return str(found.id)

    def power_off(self, soft: bool = False) -> None:  # noqa: ARG002
        """Nova's stop: softly at first, and hard after its own time."""
        with self._using('power_off'):
            server = self._settled()
            if server.status == _RESCUE:
                server = self._unrescue(server)
            if power_of(server) is not api.Power.OFF:
                self._connection.compute.stop_server(server)

    def reset(self, soft: bool = False) -> None:
        with self._using('reset'):
            server = self._settled()
            boot = _boot(server)
            if power_of(server) is not api.Power.ON:
                self._start(server)
            elif server.status != _RESCUE and boot.device in (
                    None, api.BootDevice.DISK):
                self._connection.compute.reboot_server(
                    server, 'SOFT' if soft else 'HARD')
            else:
                self._start(server)

    def nmi(self) -> None:
        with self._using('nmi') as server:
            if power_of(server) is not api.Power.ON:
                raise errors.InvalidState('the server is off')
            self._connection.compute.trigger_server_crash_dump(server)

    # Boot

    def boot_devices(self) -> frozenset[api.BootDevice]:
        found = {api.BootDevice.DISK, api.BootDevice.CDROM}
        return frozenset(found | {api.BootDevice.PXE} if self._ipxe_image
                         else found)

    def boot(self) -> api.Boot:
        with self._using('boot') as server:
            return _boot(server)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        if device not in self.boot_devices():
            raise errors.Unsupported(
                f'a server cannot boot from {device.value}'
                + (': no image of iPXE is named (openstack_ipxe_image)'
                   if device is api.BootDevice.PXE else ''),
                operation='set_boot')
        compute = self._connection.compute
        with self._using('set_boot'):
            server = self._settled()
            if not persistent:
                compute.set_server_metadata(server, **{ONCE: device.value})
                return
            compute.set_server_metadata(server, **{ALWAYS: device.value})
            if ONCE in server.metadata:
                compute.delete_server_metadata(server, [ONCE])

    def boot_mode(self) -> api.BootMode | None:
        return None

    def set_boot_mode(self,
                      mode: api.BootMode) -> None:  # noqa: ARG002
        raise errors.Unsupported(
            "a server's boot mode is a property of its image "
            '(hw_firmware_type)', operation='set_boot_mode')

    def secure_boot(self) -> bool | None:
        return None

    def set_secure_boot(self, wanted: bool) -> None:  # noqa: ARG002
        raise errors.Unsupported(
            'whether a server checks signatures is a property of its image '
            '(os_secure_boot)', operation='set_secure_boot')

    # The rest

    def console_output(self) -> str:
        """Return what the server has said, as far as its cloud keeps it."""
        with self._using('console_output') as server:
            found = self._connection.compute.get_server_console_output(server)
            return str(found['output'])

    def sensors(self) -> dict[str, Any]:
        raise errors.Unsupported('a server has no sensors',
                                 operation='sensors')


class Cloud:
    """:param connection: openstacksdk's, to one project of a cloud"""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def machine(self, server: str,
                ipxe_image: str | None = None) -> OpenStackMachine:
        return OpenStackMachine(self._connection, server, ipxe_image)

    def powers(self) -> dict[str, api.Power]:
        """Return the power of all servers by UUID and name, in one listing.

        A name that several have is left out.
        """
        with translated('powers'):
            servers = list(self._connection.compute.servers(details=True))
        names = [server.name for server in servers]
        found = {}
        for server in servers:
            found[server.id] = power_of(server)
            if names.count(server.name) == 1:
                found[server.name] = power_of(server)
        return found

    @property
    def connection(self) -> Any:
        return self._connection

    def close(self) -> None:
        self._connection.close()


def power_of(server: Any) -> api.Power:
    power = _POWER.get(server.power_state)
    if power is None and server.status in ('SHUTOFF', 'SUSPENDED'):
        return api.Power.OFF
    return power or api.Power.ERROR


def _boot(server: Any) -> api.Boot:
    metadata = server.metadata or {}
    if metadata.get(ONCE):
        return api.Boot(api.BootDevice(metadata[ONCE]), persistent=False)
    return api.Boot(api.BootDevice(
        metadata.get(ALWAYS, api.BootDevice.DISK.value)), persistent=True)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _escaped(text: str) -> str:
    """Escape a name for the database's regular expressions."""
    return ''.join(f'\\{letter}' if letter in r'\.^$*+?()[]{}|' else letter
                   for letter in text)
