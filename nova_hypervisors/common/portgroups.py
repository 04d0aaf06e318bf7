# SPDX-License-Identifier: Apache-2.0
"""The names of ESX port groups, as a host and Neutron both make them.

Neutron's server loads this, too, and has no Nova.
"""

from __future__ import annotations

#: The key of ``binding:vif_details`` by which Neutron says the name.
DETAIL = 'port_group_name'

# What vSphere lets a port group's name have: "Networking configuration
# maximums"; HostPortGroupSpec.name has no other limit.
LONGEST = 80


def vlan_name(prefix: str, physical_network: str, vlan: int) -> str:
    """Return the name of the port group of a VLAN, 'nova-physnet1-105'.

    A long name of the physical network is cut, so that the VLAN is in it.
    """
    end = f'-{vlan}'
    return f'{prefix}{physical_network}'[:LONGEST - len(end)] + end
