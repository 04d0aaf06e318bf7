# SPDX-License-Identifier: Apache-2.0
"""Nodes that are servers of an OpenStack cloud.

Which cloud and who we are there is in clouds.yaml, as for every client of
OpenStack: so it holds passwords, application credentials and certificates,
and several clouds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import cast

import openstack.config
import openstack.connection
from keystoneauth1 import exceptions as auth_errors
from openstack import exceptions as openstack_errors

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import openstack as client

Setting = backend.Setting

SETTINGS = (
    Setting('openstack_cloud', required=True,
            help='the name of the cloud in clouds.yaml'),
    Setting('openstack_server', required=True,
            help='the UUID of the server, or its name if no other has it'),
    Setting('openstack_clouds_file', 'file',
            help='the path of clouds.yaml, if it is not where openstacksdk '
            'looks for it (/etc/openstack)'),
    Setting('openstack_ipxe_image',
            help='the UUID or the name of an image of iPXE in that cloud, by '
            'which the server boots from the network'),
)


def cloud_of(services: backend.Access,
             values: dict[str, Any]) -> client.Cloud:
    """Return the cloud, one for all nodes that are in it.

    :raises InvalidArgument: clouds.yaml does not have it
    """
    key = ('openstack', values['openstack_cloud'],
           values['openstack_clouds_file'])
    # It is closed with the machines, so it is kept with them.
    make = cast(Callable[[], api.Machine], lambda: _connect(values))
    return cast(client.Cloud, services.machines.get(key, make))


def _connect(values: dict[str, Any]) -> client.Cloud:
    """Make what connects when it is first used."""
    file = values['openstack_clouds_file']
    try:
        loader = (openstack.config.OpenStackConfig(
            config_files=[file], load_envvars=False) if file
            else openstack.config.OpenStackConfig(load_envvars=False))
        region = loader.get_one(cloud=values['openstack_cloud'])
        return client.Cloud(openstack.connection.Connection(config=region))
    except (openstack_errors.ConfigException,
            auth_errors.ClientException) as error:
        raise errors.InvalidArgument(
            f'openstack_cloud {values["openstack_cloud"]!r} cannot be used: '
            f'{error}') from error


def machine_of(interface: backend.Interface,
               node: nodes.Node) -> api.Machine:
    """:raises InvalidArgument: the node's settings are not right"""
    values = interface.values(node)
    cloud = cloud_of(interface.services, values)
    name, image = values['openstack_server'], values['openstack_ipxe_image']
    return interface.services.machines.get(
        ('openstack', id(cloud), name, image),
        lambda: cloud.machine(name, image))


def powers(interface: backend.Interface,
           found: list[nodes.Node]) -> dict[str, api.Power]:
    """Return the power of nodes by UUID: one listing of each cloud."""
    clouds: dict[client.Cloud, dict[str, str]] = {}
    for node in found:
        try:
            values = interface.values(node)
            cloud = cloud_of(interface.services, values)
        except errors.InvalidArgument:
            continue
        names = clouds.setdefault(cloud, {})
        names[node.uuid] = values['openstack_server']
    result = {}
    for cloud, names in clouds.items():
        try:
            all_powers = cloud.powers()
        except errors.ClientError:
            continue
        result.update({uuid: all_powers[name] for uuid, name in names.items()
                       if name in all_powers})
    return result
