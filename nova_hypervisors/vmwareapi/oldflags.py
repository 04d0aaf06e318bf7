# SPDX-License-Identifier: Apache-2.0
"""The flags of Nova's first ESX driver, and what does their work now.

Source: doc/source/vmwareapi_readme.rst of Nova 2011.2, "Configuration flags".
The documentation has this as a table, and ``nova-hypervisors check`` names
those that a configuration still has.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class OldFlag:
    """:param service: that read it
    :param successor: options with their sections; '' if there is none
    :param reason: why there is none, or what else there is to know
    """

    name: str
    service: str
    successor: str
    reason: str = ''

    @property
    def advice(self) -> str:
        """Say in a few words what to do with it."""
        if not self.successor:
            return f'take it out: {self.reason}'
        more = f' ({self.reason})' if self.reason else ''
        return f'use {self.successor}{more}'


_IMAGES = 'images come from Glance and from nowhere else'

FLAGS = (
    OldFlag('connection_type', 'nova-compute',
            '[DEFAULT] compute_driver = nova_hypervisors.VMwareESXDriver'),
    OldFlag('vmwareapi_host_ip', 'nova-compute', '[vmware] host_ip'),
    OldFlag('vmwareapi_host_username', 'nova-compute',
            '[vmware] host_username'),
    OldFlag('vmwareapi_host_password', 'nova-compute',
            '[vmware] host_password_file or [vmware] host_password'),
    OldFlag('network_driver', 'nova-compute', '',
            'the driver makes the port groups of VLAN networks itself, by '
            '[vmware] vlan_mappings'),
    OldFlag('vlan_interface', 'nova-compute', '[vmware] vlan_interface',
            '[vmware] vlan_mappings, where there are several adapters'),
    OldFlag('network_manager', 'nova-network',
            '[ml2] mechanism_drivers = esx',
            'on neutron-server; Neutron has taken the place of nova-network, '
            'and a network is flat or VLAN by its provider:network_type'),
    OldFlag('flat_network_bridge', 'nova-network',
            '[vmware] physical_network_mappings = *:PORTGROUP'),
    OldFlag('console_manager', 'nova-console', '',
            'nova-console is no more; "nova-hypervisors console" gives what '
            'a VMRC client needs, and Nova hands out VNC and MKS consoles'),
    OldFlag('console_driver', 'nova-console',
            '"nova-hypervisors console --type vmrc+session" or '
            '"--type vmrc+credentials"',
            'whoever asks for a console chooses'),
    OldFlag('image_service', 'nova-compute', '', _IMAGES),
    OldFlag('glance_host', 'nova-compute', '[glance] endpoint_override',
            'or none, if the service catalog has Glance'),
    OldFlag('vmwareapi_wsdl_loc', 'nova-compute', '[vmware] wsdl_location',
            'or none: this package has a description of the API'),
)

BY_NAME = {flag.name: flag for flag in FLAGS}
