# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors node create --from-cloud``: nodes and their machines."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

from nova_hypervisors.cmd import node as node_commands

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import factory
    from nova_hypervisors.baremetal import nodes
    from nova_hypervisors.clients.bmc import openstackservers

_NEEDED = ('cloud_flavor', 'cloud_image', 'cloud_network')


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        'nodes that are servers of an OpenStack cloud',
        'They are made there, with ports that have neither an address nor '
        'port security, and switched off.')
    group.add_argument('--from-cloud', metavar='CLOUD',
                       help="the cloud's name in clouds.yaml; the nodes are "
                       'called NAME, or NAME-1 and so on')
    group.add_argument('--count', type=int, default=1, metavar='N',
                       help='how many nodes (1)')
    group.add_argument('--cloud-flavor', metavar='FLAVOR',
                       help="the servers', by its name or UUID")
    group.add_argument('--cloud-image', metavar='IMAGE',
                       help='what they boot from at first')
    group.add_argument('--cloud-network', metavar='NETWORK', action='append',
                       help='of a port; may be given again')
    group.add_argument('--cloud-addresses', action='store_true',
                       help='the ports have addresses and port security')


def entries(parsed_args: argparse.Namespace, given: dict[str, Any],
            made: list[openstackservers.Made]) -> list[dict[str, Any]]:
    """Return the nodes, as a file would have them.

    :param given: what else was said of them
    """
    info = {'openstack_cloud': parsed_args.from_cloud,
            **given.get('driver_info', {})}
    return [{
        'power_interface': 'openstack', 'management_interface': 'openstack',
        **given, 'name': one.name, 'ports': list(one.addresses),
        'driver_info': {**info, 'openstack_server': one.server_id},
        'properties': {
            'memory_mb': one.memory_mb, 'cpus': one.cpus,
            'local_gb': one.local_gb, **given.get('properties', {})},
    } for one in made]


def names(parsed_args: argparse.Namespace) -> list[str]:
    """:raises Refused: something is missing"""
    missing = [name for name in _NEEDED if not getattr(parsed_args, name)]
    if missing:
        options = ', '.join(f'--{name.replace("_", "-")}' for name in missing)
        raise node_commands.Refused(f'--from-cloud needs {options} as well')
    if parsed_args.count < 1:
        raise node_commands.Refused(
            f'--count {parsed_args.count} is no number of nodes')
    if parsed_args.count == 1:
        return [parsed_args.name]
    return [f'{parsed_args.name}-{number}'
            for number in range(1, parsed_args.count + 1)]


@contextlib.contextmanager
def made(parsed_args: argparse.Namespace, here: factory.Inventory,
         given: dict[str, Any]) -> Iterator[list[nodes.Node]]:
    """Make the servers; yield the nodes that they are to be.

    If these are not taken the servers are deleted again.

    :raises Refused: what was said of the nodes is not right
    """
    from nova_hypervisors.baremetal.access import openstack as access
    from nova_hypervisors.clients.bmc import openstackservers
    wanted = openstackservers.Wanted(
        parsed_args.cloud_flavor, parsed_args.cloud_image,
        parsed_args.cloud_network, parsed_args.cloud_addresses)
    cloud = access.cloud_of(here.services, {
        'openstack_cloud': parsed_args.from_cloud,
        'openstack_clouds_file': given.get('driver_info', {}).get(
            'openstack_clouds_file')})
    called = names(parsed_args)
    # Before anything is made.
    _read(parsed_args, here, given, [openstackservers.Made(
        name, '', ('52:54:00:00:00:01',), 1, 1, 1) for name in called])
    with openstackservers.created(cloud.connection, wanted,
                                  called) as servers:
        yield _read(parsed_args, here, given, servers)


def _read(parsed_args: argparse.Namespace, here: factory.Inventory,
          given: dict[str, Any],
          servers: list[openstackservers.Made]) -> list[nodes.Node]:
    from nova_hypervisors.baremetal import inventory
    found = []
    for entry in entries(parsed_args, given, servers):
        node, wrong = inventory.read_node(entry, here.host)
        node_commands.refuse(wrong)
        assert node is not None  # noqa: S101
        found.append(node)
    return found
