# SPDX-License-Identifier: Apache-2.0
"""``[virtualbox] physical_network_mappings``: read and applied.

Pure: text and VIFs in, adapters out.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import network

_LARGEST_PORT = 65535

# In a name: the number of a VLAN.
_VLAN = '{vlan}'

# VirtualBox's own: no address that Neutron chooses begins so.
_SPARE_ADDRESS_PREFIX = '08:00:27'


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """What the adapters on one physical network are plugged into.

    :param tunnel_ports: UDP_TUNNEL only: the local ports, one an adapter
    """

    network: str
    attachment: api.Attachment
    tunnel_ports: range = range(0)


def parse(entry: str) -> Mapping:
    """Read one ``NETWORK:KIND[:NAME]``.

    :raises ValueError: it is none; says what is wrong
    """
    name, _, rest = entry.partition(':')
    word, _, target = rest.partition(':')
    kinds = {kind.value: kind for kind in api.AttachmentKind
             if kind is not api.AttachmentKind.NULL}
    if not name or word not in kinds:
        raise ValueError(f'{entry!r} is not NETWORK:KIND[:NAME] with KIND one '
                         f'of {", ".join(sorted(kinds))}')
    kind = kinds[word]
    if kind is api.AttachmentKind.UDP_TUNNEL:
        return _parse_tunnel(entry, name, target)
    if (kind is api.AttachmentKind.NAT) == bool(target):
        raise ValueError(
            f'{entry!r}: nat takes no name' if target
            else f'{entry!r}: the name of what {word} is connected to is '
            'missing')
    return Mapping(name, api.Attachment(kind, target))


def _parse_tunnel(entry: str, name: str, target: str) -> Mapping:
    try:
        # From the right: an IPv6 address has colons too.
        address, port, local = target.rsplit(':', 2)
        first, last = (int(number) for number in local.split('-'))
        ports = range(first, last + 1)
        valid = address and ports and 0 < int(port) <= _LARGEST_PORT and (
            first > 0 and last <= _LARGEST_PORT)
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f'{entry!r}: udptunnel wants ADDRESS:PORT:FIRST-LAST')
    properties = {'dest': address, 'dport': port}
    return Mapping(
        name, api.Attachment(api.AttachmentKind.UDP_TUNNEL,
                             properties=properties), ports)


def plan_nics(vifs: Sequence[dict[str, Any]], mappings: Sequence[Mapping],
              model: str, slots: Sequence[int],
              taken_ports: Collection[int] = ()) -> tuple[api.Nic, ...]:
    """Decide how a server's VIFs are plugged in.

    :param model: VirtualBox's name of the adapters' type
    :param slots: the free slots, of which the first ones are used
    :param taken_ports: tunnel ports that other machines have
    :raises VirtualInterfacePlugException: one of them cannot be plugged in
    """
    if len(vifs) > len(slots):
        raise exception.VirtualInterfacePlugException(
            f'The server has {len(vifs)} network adapters to plug in and its '
            f'chipset has room for {len(slots)}.')
    taken = set(taken_ports)
    nics = []
    for slot, vif in zip(slots, vifs, strict=False):
        network.check_vnic_type(vif)
        mapping = _on_vlan(_mapping_for(vif, mappings), network.vlan(vif))
        attachment = _attachment(mapping, taken)
        nics.append(api.Nic(slot, vif['address'].lower(), model, attachment))
    return tuple(nics)


def spare_nics(model: str, slots: Sequence[int]) -> tuple[api.Nic, ...]:
    """Return adapters that are plugged in nowhere yet, one a slot."""
    return tuple(api.Nic(slot, _new_address(), model, api.UNPLUGGED)
                 for slot in slots)


def _new_address() -> str:
    return ':'.join((_SPARE_ADDRESS_PREFIX, *(
        f'{byte:02x}' for byte in secrets.token_bytes(3))))


def _mapping_for(vif: dict[str, Any], mappings: Sequence[Mapping]) -> Mapping:
    name = network.physical_network(vif)
    by_name = {mapping.network: mapping for mapping in mappings}
    mapping = by_name.get(name or network.ANY_NETWORK,
                          by_name.get(network.ANY_NETWORK))
    if mapping is None:
        raise exception.VirtualInterfacePlugException(
            f'Port {vif["id"]} is on physical network {name}, and '
            '[virtualbox] physical_network_mappings does not say what that is '
            'here.')
    return mapping


def _on_vlan(mapping: Mapping, vlan: int | None) -> Mapping:
    """Return what adapters on a VLAN of a physical network are plugged into.

    The host does the tagging: for each VLAN there is an interface, whose name
    says which.
    """
    attachment = mapping.attachment
    kind, name = attachment.kind, attachment.name
    if _VLAN in name:
        if vlan is None:
            raise exception.VirtualInterfacePlugException(
                f'Physical network {mapping.network} is mapped to {name} for '
                'VLANs, and this network is flat: give it a mapping of its '
                'own.')
        name = name.replace(_VLAN, str(vlan))
    elif vlan is None or kind is api.AttachmentKind.NAT:
        # Behind NAT every adapter is on its own anyway.
        return mapping
    elif kind in (api.AttachmentKind.BRIDGED, api.AttachmentKind.INTERNAL):
        name = f'{name}.{vlan}'
    elif kind is api.AttachmentKind.UDP_TUNNEL:
        port = int(attachment.properties['dport']) + vlan
        return dataclasses.replace(mapping, attachment=dataclasses.replace(
            attachment,
            properties={**attachment.properties, 'dport': str(port)}))
    else:
        raise exception.VirtualInterfacePlugException(
            f'Physical network {mapping.network} is mapped to {kind.value} '
            f'{name}, and the network is VLAN {vlan}: write {_VLAN} into the '
            'name, where the number is to be.')
    return dataclasses.replace(mapping, attachment=dataclasses.replace(
        attachment, name=name))


def _attachment(mapping: Mapping, taken: set[int]) -> api.Attachment:
    """Return an adapter's attachment, with a tunnel port of its own."""
    attachment = mapping.attachment
    if attachment.kind is not api.AttachmentKind.UDP_TUNNEL:
        return attachment
    port = next((port for port in mapping.tunnel_ports if port not in taken),
                None)
    if port is None:
        raise exception.VirtualInterfacePlugException(
            f'All the udptunnel ports of physical network {mapping.network} '
            'are taken: give [virtualbox] physical_network_mappings more.')
    taken.add(port)
    return dataclasses.replace(
        attachment,
        properties={**attachment.properties, 'sport': str(port)})
