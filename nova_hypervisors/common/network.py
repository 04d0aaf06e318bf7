# SPDX-License-Identifier: Apache-2.0
"""Which of a hypervisor's networks a Neutron port belongs to."""

from __future__ import annotations

from typing import Any

from nova import exception
from nova.network import model

#: In a mapping: every physical network that is not named.
ANY_NETWORK = '*'

#: What a port may be for us to plug it in.
VNIC_TYPES = (model.VNIC_TYPE_NORMAL, model.VNIC_TYPE_BAREMETAL)


def physical_network(vif: dict[str, Any]) -> str | None:
    """Return the physical network of a VIF: Neutron's name, if it has one.

    Our mechanism driver puts it into the binding's details; others do not,
    and then Nova has looked it up.
    """
    details = vif.get('details') or {}
    name = details.get(model.VIF_DETAILS_PHYSICAL_NETWORK)
    if name is None:
        network = vif.get('network') or {}
        name = network.get('meta', {}).get('physical_network')
    return name


def vlan(vif: dict[str, Any]) -> int | None:
    """Return the number of the VLAN that a VIF is on, if it is on one."""
    number = (vif.get('details') or {}).get(model.VIF_DETAILS_VLAN)
    return int(number) if number else None


def check_vnic_type(vif: dict[str, Any]) -> None:
    """:raises VirtualInterfacePlugException: not a plain virtual adapter"""
    if vif['vnic_type'] not in VNIC_TYPES:
        raise exception.VirtualInterfacePlugException(
            f'Port {vif["id"]} has vnic_type {vif["vnic_type"]}; this driver '
            f'plugs {" and ".join(VNIC_TYPES)}.')


def events_to_wait_for(network_info: list[Any]) -> list[tuple[str, str]]:
    """Return the Neutron events that are still to come, as libvirt does.

    A port that is up already brings no event; one that Nova's cache says
    nothing of is taken for up.
    """
    return [('network-vif-plugged', vif['id']) for vif in network_info
            if vif.get('active', True) is False]
