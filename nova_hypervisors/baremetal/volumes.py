# SPDX-License-Identifier: Apache-2.0
"""Who a node is for a storage, and the volume that its server runs from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova import exception
from nova import objects
from nova.virt import driver as virt_driver

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.common import iscsi

_PREFIX = 'iqn.2026-11.org.nova-hypervisors'
_FIBRE_CHANNEL = 'fibre_channel'


def initiator(node: nodes.Node) -> str:
    """Return the name by which a node logs in to a target."""
    return str(node.properties.get('iscsi_initiator')
               or f'{_PREFIX}:{node.uuid}')


def connector(node: nodes.Node,
              instance: objects.Instance) -> dict[str, Any]:
    """Return what Cinder asks of whoever is to use a volume.

    The node's properties say what it has: ``iscsi_initiator``, which its
    firmware may have of its own, ``wwpns`` and ``wwnns``.
    """
    properties = node.properties
    network_info = instance.get_network_info()
    fixed = network_info.fixed_ips() if network_info else []
    found: dict[str, Any] = {
        'initiator': initiator(node),
        'host': node.service_host,
        'platform': properties.get('cpu_arch'),
        'os_type': 'baremetal',
        'multipath': False,
    }
    if fixed:
        found['ip'] = fixed[0]['address']
    for name in ('wwpns', 'wwnns'):
        if properties.get(name):
            found[name] = list(properties[name])
    return found


def root(block_device_info: Mapping[str, Any]) -> iscsi.Connection | None:
    """Return where the volume is that a server runs from.

    None is for one that the node's own adapter for Fibre Channel shows to its
    firmware as a disk.

    :raises VolumeDriverNotFound: it is reached in another way
    :raises InvalidVolume: it cannot be used, or nobody says where it is
    """
    found = spec.root_volume(block_device_info)
    connection = (found or {}).get('connection_info')
    if not connection:
        raise exception.InvalidVolume(
            reason='nobody says where the volume is that the server runs '
            'from')
    if connection.get('driver_volume_type') == _FIBRE_CHANNEL:
        return None
    return iscsi.connection(connection, 'iPXE')


def refuse_others(node: nodes.Node,
                  block_device_info: Mapping[str, Any]) -> None:
    """See that a server has the volume that it runs from, and no other.

    A machine has no initiator but that by which its firmware boots.

    :raises InvalidVolume: there is another one
    """
    mapping = virt_driver.block_device_info_get_mapping(block_device_info)
    root_volume = spec.root_volume(block_device_info)
    others = [entry for entry in mapping if entry is not root_volume]
    if others:
        names = ', '.join(str(entry.get('mount_device')) for entry in others)
        raise exception.InvalidVolume(
            reason=f'node {node.name} takes the volume that its server runs '
            f'from, and none beside it ({names}): let its operating system '
            'reach them')
