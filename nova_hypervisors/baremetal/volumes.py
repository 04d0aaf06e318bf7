# SPDX-License-Identifier: Apache-2.0
"""Who a node is for a storage."""

from __future__ import annotations

from typing import Any

from nova import objects

from nova_hypervisors.baremetal import nodes

_PREFIX = 'iqn.2026-11.org.nova-hypervisors'


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
        'initiator': properties.get('iscsi_initiator') or (
            f'{_PREFIX}:{node.uuid}'),
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
