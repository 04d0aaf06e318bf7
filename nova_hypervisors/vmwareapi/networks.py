# SPDX-License-Identifier: Apache-2.0
"""Which port group a Neutron port is plugged into: no I/O here.

A flat network has a port group that the operator made; a VLAN's is found, or
made, by the six steps that the first ESX driver's document describes
("VLAN Network Manager").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nova import exception

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.common import network
from nova_hypervisors.common import portgroups

# 4095 stands for all of them.
_LAST_VLAN = 4094


@dataclasses.dataclass(frozen=True, slots=True)
class Mappings:
    """Where physical networks are.

    :param port_groups: the port group of a flat one; network.ANY_NETWORK for
        all that are not named
    :param adapters: the host's physical adapter that carries the VLANs of one
    """

    port_groups: Mapping[str, str]
    adapters: Mapping[str, str]
    prefix: str

    def port_group(self, physical_network: str | None) -> str | None:
        return self.port_groups.get(
            physical_network or '', self.port_groups.get(network.ANY_NETWORK))

    def adapter(self, physical_network: str | None) -> str | None:
        return self.adapters.get(
            physical_network or '', self.adapters.get(network.ANY_NETWORK))


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """:param adapter: None: the port group must be there"""

    port_group: str
    vlan_id: int = 0
    adapter: str | None = None


def plan(vif: dict[str, Any], mappings: Mappings) -> Plan:
    """Decide where a port is plugged in.

    :raises VirtualInterfacePlugException: its network has no place here;
        says which option gives it one
    """
    network.check_vnic_type(vif)
    physical = network.physical_network(vif)
    vlan = network.vlan(vif)
    if vlan is None:
        name = mappings.port_group(physical)
        if name is None:
            raise _no_place(vif, physical, 'physical_network_mappings')
        return Plan(name)
    if not 1 <= vlan <= _LAST_VLAN:
        raise exception.VirtualInterfacePlugException(
            f'Port {vif["id"]} is on VLAN {vlan}; a host knows 1 to '
            f'{_LAST_VLAN}')
    adapter = mappings.adapter(physical)
    if adapter is None:
        raise _no_place(vif, physical, 'vlan_mappings')
    name = (vif.get('details') or {}).get(portgroups.DETAIL)
    return Plan(name or portgroups.vlan_name(
        mappings.prefix, physical or '', vlan), vlan, adapter)


def _no_place(vif: dict[str, Any], physical: str | None,
              option: str) -> Exception:
    return exception.VirtualInterfacePlugException(
        f'Port {vif["id"]} is on the physical network {physical!r}, of which '
        f'[vmware] {option} says nothing')


def missing_group(wanted: Plan, host: api.HostNetwork,
                  ) -> api.PortGroup | None:
    """Check a port group against what a host has.

    :returns: the group to be made, if there is none
    :raises VirtualInterfacePlugException: one of the first five steps fails;
        says which
    """
    groups = {group.name: group for group in host.port_groups}
    if wanted.adapter is None:
        if wanted.port_group not in groups:
            raise refusal(
                f'There is no port group {wanted.port_group} on the host; it '
                f'has {", ".join(sorted(groups)) or "none"}')
        return None
    switch = _switch(wanted.adapter, host)
    found = groups.get(wanted.port_group)
    if found is None:
        return api.PortGroup(wanted.port_group, switch.name, wanted.vlan_id)
    if found.switch != switch.name:
        raise refusal(
            f'The port group {found.name} is on the virtual switch '
            f'{found.switch}; the adapter {wanted.adapter} is on '
            f'{switch.name}')
    if found.vlan_id != wanted.vlan_id:
        raise refusal(
            f'The port group {found.name} has VLAN {found.vlan_id}; the port '
            f'is on VLAN {wanted.vlan_id}')
    return None


def _switch(adapter: str, host: api.HostNetwork) -> api.VirtualSwitch:
    """Return the virtual switch of a physical adapter: steps 1 and 2."""
    key = next((nic.key for nic in host.nics if nic.device == adapter), None)
    if key is None:
        raise refusal(
            f'There is no physical adapter {adapter} on the host; it has '
            + (', '.join(sorted(nic.device for nic in host.nics)) or 'none'))
    for switch in host.switches:
        if key in switch.nics:
            return switch
    raise refusal(f'The physical adapter {adapter} is on no virtual switch')


def refusal(reason: str) -> Exception:
    return exception.VirtualInterfacePlugException(reason)
