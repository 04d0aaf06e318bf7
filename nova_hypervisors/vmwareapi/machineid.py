# SPDX-License-Identifier: Apache-2.0
"""``machine.id``: how a guest is told its addresses, by VMware Tools.

A group for each address, six fields in a group, and ``#`` after each group:

    MAC;IP;mask;gateway;broadcast;DNS,DNS#

as Nova's own driver for vCenter writes it (nova.virt.vmwareapi.vmops,
``_get_machine_id_str``), which however has one subnet and one name server for
an adapter.  ``tools/esx/guest_tool.py`` reads it in the guest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

#: The key of a machine's configuration that VMware Tools tell the guest.
KEY = 'machine.id'

_FIELDS = 6


def text(network_info: Iterable[Any]) -> str:
    """Return what tells a guest the addresses of its adapters.

    :param network_info: Nova's network model: VIFs with ``address`` and
        ``network``, whose ``subnets`` have ``cidr``, ``ips``, ``gateway`` and
        ``dns``
    """
    return ''.join(f'{";".join(group)}#' for vif in network_info
                   for group in _groups(vif))


def with_vif(told: str, vif: Any) -> str:
    """Return a machine.id that has an adapter more, or has it anew."""
    return without(told, vif['address']) + text([vif])


def without(told: str, mac: str) -> str:
    """Return a machine.id that has an adapter less, if it had it."""
    return ''.join(f'{group}#' for group in told.split('#') if group
                   and group.partition(';')[0].lower() != mac.lower())


def _groups(vif: Any) -> list[list[str]]:
    """Return the groups of an adapter, IPv4 first: at least one."""
    mac = vif['address'].lower()
    subnets = (vif.get('network') or {}).get('subnets') or []
    found = [[mac, *fields]
             for subnet in sorted(subnets, key=lambda one: one['version'])
             for fields in _addresses(subnet)]
    return found or [[mac, *[''] * (_FIELDS - 1)]]


def _addresses(subnet: Any) -> Iterator[list[str]]:
    """Yield the five fields after the MAC address, for each fixed IP.

    A default route has to be told once only.
    """
    network = ipaddress.ip_network(subnet['cidr'], strict=False)
    is_ipv4 = network.version == 4
    gateway = (subnet.get('gateway') or {}).get('address') or ''
    dns = ','.join(server['address'] for server in subnet.get('dns') or [])
    for ip in subnet.get('ips') or []:
        yield [ip['address'],
               str(network.netmask if is_ipv4 else network.prefixlen),
               str(gateway),
               str(network.broadcast_address) if is_ipv4 else '',
               dns]
        gateway = ''
