# SPDX-License-Identifier: Apache-2.0
"""A cloud in memory, as openstacksdk shows one.

It refuses what Nova refuses, in the states in which Nova does; see
``functional/nova/test_bare_servers.py`` for the same client on the real one.
"""

from __future__ import annotations

import dataclasses
import types
import uuid
from pathlib import Path

import openstack.exceptions


@dataclasses.dataclass
class Server:
    name: str
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    status: str = 'SHUTOFF'
    power_state: int = 4
    task_state: str | None = None
    metadata: dict = dataclasses.field(default_factory=dict)
    #: the images that it has booted from; None for its own disk
    boots: list = dataclasses.field(default_factory=list)

    def on(self, status, image=None):
        self.status, self.power_state = status, 1
        self.boots.append(image)


def _conflict(text):
    return openstack.exceptions.ConflictException(
        text, http_status=409)


class Compute:
    """:ivar fail_next: what a call raises once, by the call's name"""

    def __init__(self) -> None:
        self.all: dict[str, Server] = {}
        self.fail_next: dict[str, Exception] = {}
        self.flavors = {'small': types.SimpleNamespace(
            id='1', ram=2048, vcpus=2, disk=20)}

    def add(self, name):
        server = Server(name)
        self.all[server.id] = server
        return server

    def _in(self, call, server, *statuses):
        if call in self.fail_next:
            raise self.fail_next.pop(call)
        server = self.all[server.id]
        if statuses and server.status not in statuses:
            raise _conflict(f'not while it is {server.status}')
        return server

    def servers(self, details=True, name=None):
        return list(self.all.values())

    def get_server(self, server_id):
        try:
            return self.all[server_id]
        except KeyError:
            raise openstack.exceptions.NotFoundException('no') from None

    def find_flavor(self, name):
        return self.flavors.get(name)

    def create_server(self, name, flavor_id, image_id, networks):
        if 'create_server' in self.fail_next and self.all:
            raise self.fail_next.pop('create_server')
        server = self.add(name)
        server.on('ACTIVE')
        server.ports = [network['port'] for network in networks]
        return server

    def wait_for_server(self, server, wait):
        return server

    def delete_server(self, server):
        del self.all[server.id]

    def start_server(self, server):
        self._in('start_server', server, 'SHUTOFF').on('ACTIVE')

    def stop_server(self, server):
        found = self._in('stop_server', server, 'ACTIVE', 'ERROR')
        found.status, found.power_state = 'SHUTOFF', 4

    def reboot_server(self, server, kind):
        self._in('reboot_server', server, 'ACTIVE').on('ACTIVE')

    def rescue_server(self, server, admin_pass=None, image=None):
        self._in('rescue_server', server, 'ACTIVE', 'SHUTOFF',
                 'ERROR').on('RESCUE', image)

    def unrescue_server(self, server):
        self._in('unrescue_server', server, 'RESCUE').on('ACTIVE')

    def trigger_server_crash_dump(self, server):
        self._in('trigger_server_crash_dump', server, 'ACTIVE', 'RESCUE')

    def set_server_metadata(self, server, **metadata):
        self._in('set_server_metadata', server).metadata.update(metadata)

    def delete_server_metadata(self, server, keys):
        for key in keys:
            del self._in('delete_server_metadata', server).metadata[key]


class Images:
    def __init__(self) -> None:
        self.all: dict[str, types.SimpleNamespace] = {}

    def images(self, name=None):
        return iter([image for image in self.all.values()
                     if image.name == name])

    def find_image(self, name):
        return next(self.images(name), None)

    def create_image(self, name, filename=None, **properties):
        image = types.SimpleNamespace(
            id=str(uuid.uuid4()), name=name, data=Path(filename).read_bytes(),
            properties=properties)
        self.all[image.id] = image
        return image

    def delete_image(self, image):
        del self.all[image.id]


class Network:
    def __init__(self) -> None:
        self.ports: dict[str, types.SimpleNamespace] = {}

    def find_network(self, name):
        return types.SimpleNamespace(id=f'id of {name}') if name in (
            'lab', 'storage') else None

    def create_port(self, network_id, name, **more):
        number = len(self.ports) + 1
        port = types.SimpleNamespace(
            id=str(uuid.uuid4()), network_id=network_id, name=name,
            mac_address=f'fa:16:3e:00:00:{number:02x}', **more)
        self.ports[port.id] = port
        return port

    def delete_port(self, port):
        del self.ports[port.id]


class Cloud:
    """What the client takes for openstacksdk's connection."""

    def __init__(self) -> None:
        self.compute = Compute()
        self.image = Images()
        self.network = Network()

    def close(self):
        pass
