# SPDX-License-Identifier: Apache-2.0
"""Making servers of an OpenStack cloud that are to be bare machines."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import openstack.exceptions

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import openstack as client

# What a server may take until it is there.
_CREATE_S = 600


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the servers are to be like; each is called by its name or UUID.

    :param networks: of the ports, in this order
    :param addressed: the ports have IP addresses and port security, as those
        of other servers; else who boots from the network there can have a
        DHCP server of his own
    """

    flavor: str
    image: str
    networks: Sequence[str]
    addressed: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """:param addresses: MAC addresses of the ports"""

    name: str
    server_id: str
    addresses: tuple[str, ...]
    memory_mb: int
    cpus: int
    local_gb: int


@contextlib.contextmanager
def created(connection: Any, wanted: Wanted,
            names: Sequence[str]) -> Iterator[list[Made]]:
    """Make servers, and switch them off.

    If that fails, or what is done with them, none is left.

    :param connection: openstacksdk's, to one project of a cloud
    :raises NotFound: the cloud has no such flavor, image or network
    """
    with client.translated('create servers'), contextlib.ExitStack() as undo:
        compute = connection.compute
        flavor = _found('flavor', wanted.flavor,
                        compute.find_flavor(wanted.flavor))
        image = _found('image', wanted.image,
                       connection.image.find_image(wanted.image))
        networks = [_found('network', name,
                           connection.network.find_network(name))
                    for name in wanted.networks]
        made = [_one(connection, name, flavor, image, networks,
                     wanted.addressed, undo) for name in names]
        for one in made:
            server = compute.wait_for_server(
                compute.get_server(one.server_id), wait=_CREATE_S)
            compute.stop_server(server)
        yield made
        undo.pop_all()


def _found(kind: str, name: str, value: Any) -> Any:
    if value is None:
        raise errors.NotFound(f'the cloud has no {kind} {name}',
                              operation='create servers')
    return value


def _one(connection: Any, name: str, flavor: Any, image: Any,
         networks: Sequence[Any], addressed: bool,
         undo: contextlib.ExitStack) -> Made:
    more: dict[str, Any] = {} if addressed else {
        'fixed_ips': [], 'port_security_enabled': False}
    ports = []
    for network in networks:
        port = connection.network.create_port(
            network_id=network.id, name=name, **more)
        undo.callback(_forget, connection.network.delete_port, port)
        ports.append(port)
    server = connection.compute.create_server(
        name=name, flavor_id=flavor.id, image_id=image.id,
        networks=[{'port': port.id} for port in ports])
    undo.callback(_forget, connection.compute.delete_server, server)
    return Made(name, server.id, tuple(port.mac_address for port in ports),
                flavor.ram, flavor.vcpus, flavor.disk)


def _forget(delete: Any, what: Any) -> None:
    with contextlib.suppress(openstack.exceptions.SDKException):
        delete(what)
