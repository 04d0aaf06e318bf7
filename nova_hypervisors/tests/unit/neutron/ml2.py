# SPDX-License-Identifier: Apache-2.0
"""Neutron's own binding of ports, in a process without Nova.

``python -m nova_hypervisors.tests.unit.neutron.ml2``: loads ``openvswitch``,
``esx`` and ``vbox`` as neutron-server does, lets ports be bound, and prints
what came of it.  Nova and Neutron have options of the same names, so that one
process cannot have both.
"""

import json
import sys
import types

from neutron.conf.plugins.ml2 import config
from neutron.plugins.ml2 import driver_context
from neutron.plugins.ml2 import managers
from neutron.plugins.ml2 import models
from oslo_config import cfg

from nova_hypervisors.neutron import opts

SEGMENT = {'id': '11111111-2222-4333-8444-555555555555',
           'network_type': 'flat', 'physical_network': 'physnet1',
           'segmentation_id': None}
VLAN = {**SEGMENT, 'network_type': 'vlan', 'segmentation_id': 105}


class Plugin:
    """What a driver asks of Neutron: there is one agent, on one host."""

    def get_agents(self, context, filters):
        agent = {'agent_type': 'Open vSwitch agent', 'host': 'kvm',
                 'alive': True, 'id': 'x', 'configurations': {
                     'bridge_mappings': {'physnet1': 'br-ex'}}}
        return [agent] if 'kvm' in filters['host'] else []


def bind(manager, host, device_owner='compute:nova', vnic_type='normal',
         segment=SEGMENT):
    """Return which driver has bound a port, and how."""
    port = {'id': SEGMENT['id'], 'device_owner': device_owner,
            'binding:vnic_type': vnic_type, 'binding:profile': {},
            'binding:host_id': host, 'fixed_ips': [{'ip_address': '::1'}]}
    context = driver_context.PortContext(
        Plugin(), None, port, None, models.PortBinding(
            port_id=port['id'], host=host, vnic_type=vnic_type, profile='',
            vif_type='unbound', vif_details='', status='ACTIVE'), [])
    context._network_context = types.SimpleNamespace(
        network_segments=[segment], current={'id': 'a network'})
    manager.bind_port(context)
    levels = context.binding_levels or []
    return {'driver': levels[0]['bound_driver'] if levels else None,
            'vif_type': context.vif_type,
            'details': json.loads(context._binding.vif_details or '{}'),
            'status': context._new_port_status}


def main():
    config.register_ml2_plugin_opts()
    opts.register_opts(cfg.CONF)
    cfg.CONF([], project='neutron', default_config_files=[])
    cfg.CONF.set_override('mechanism_drivers', sys.argv[1].split(','), 'ml2')
    cfg.CONF.set_override('physical_networks', ['*:physnet1'], 'ml2_vbox')
    cfg.CONF.set_override('physical_networks', ['esx:physnet1'], 'ml2_esx')
    manager = managers.MechanismManager()
    manager.initialize()
    json.dump({
        'drivers': [driver.name for driver in manager.ordered_mech_drivers],
        'compute on vbox': bind(manager, 'vbox'),
        'compute on esx': bind(manager, 'esx', segment=VLAN),
        'compute on kvm': bind(manager, 'kvm'),
        'dhcp on vbox': bind(manager, 'vbox', 'network:dhcp'),
        'direct on vbox': bind(manager, 'vbox', vnic_type='direct'),
    }, sys.stdout)


if __name__ == '__main__':
    main()
