# SPDX-License-Identifier: Apache-2.0
"""Neutron's ports on nodes of bare metal, through Nova's API."""

import pytest

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.tests.functional.nova import baremetalbase

SWITCH = {'switch_id': '00:11:22:33:44:55', 'port_id': 'Ethernet1/3',
          'switch_info': 'leaf-1'}
FIRST, SECOND = '52:54:00:00:0a:01', '52:54:00:00:0a:02'


class BareMetalNetworksTest(baremetalbase.Base):
    def setUp(self):
        super().setUp()
        self.neutron.create_port({'port': self.neutron.port_2})
        node, other = self.store.list_nodes()
        self.store.delete(other.uuid)
        self.node = self.store.update(node.uuid, ports=(
            nodes.Port(FIRST, pxe_enabled=False),
            nodes.Port(SECOND, local_link_connection=SWITCH)))

    def _port(self, port):
        return self.neutron.show_port(port['id'])['port']

    def _with_ports(self, *ports):
        return self._create_server(
            flavor_id=self.flavor_id,
            networks=[{'port': port['id']} for port in ports] or 'none')

    @pytest.mark.feature('networking.topology.flat',
                         'networking.topology.vlan')
    def test_a_port_gets_what_the_node_has_and_is_given_back(self):
        before = self._port(self.neutron.port_1)
        server = self._with_ports(before)
        during = self._port(before)
        # The one that the node boots from comes first.
        self.assertEqual(
            (SECOND, 'baremetal', self.node.uuid,
             {'local_link_information': [SWITCH]}),
            (during['mac_address'], during['binding:vnic_type'],
             during['binding:host_id'], during['binding:profile']))
        self._delete_server(server)
        self._is_clean(self.node.uuid)
        after = self._port(before)
        for name in ('mac_address', 'binding:vnic_type'):
            self.assertEqual(before[name], after[name], name)
        self.assertFalse(after.get('binding:host_id'))
        self.assertFalse(after.get('binding:profile'))

    @pytest.mark.feature('network.several-adapters')
    def test_each_port_gets_an_adapter_of_its_own(self):
        self._with_ports(self.neutron.port_1, self.neutron.port_2)
        self.assertEqual(
            [SECOND, FIRST],
            [self._port(port)['mac_address'] for port
             in (self.neutron.port_1, self.neutron.port_2)])

    @pytest.mark.feature('operation.attach-interface',
                         'operation.detach-interface')
    def test_ports_come_and_go_while_there_are_adapters(self):
        server = self._with_ports()
        port = self.neutron.port_1
        before = self._port(port)['mac_address']
        self._attach_interface(server, port['id'])
        self.assertEqual(SECOND, self._port(port)['mac_address'])
        self._detach_interface(server, port['id'])
        self.assertEqual(before, self._port(port)['mac_address'])
        self.assertFalse(any(one.vif_id for one
                             in self._node(server).ports))

    def test_virtual_addresses_go_with_the_adapter(self):
        port = self.neutron.port_1
        before = [{'ip_address': '192.168.1.200',
                   'mac_address': port['mac_address']},
                  {'ip_address': '192.168.1.201',
                   'mac_address': '00:00:5e:00:01:01'}]
        self.neutron.update_port(port['id'], {'port': {
            'allowed_address_pairs': before}})
        server = self._with_ports(port)
        self.assertEqual(
            [SECOND, '00:00:5e:00:01:01'],
            [pair['mac_address'] for pair
             in self._port(port)['allowed_address_pairs']])
        self._delete_server(server)
        self.assertEqual(before, self._port(port)['allowed_address_pairs'])

    def test_more_ports_than_adapters_are_refused_and_undone(self):
        self.store.update(self.node.uuid, ports=(nodes.Port(FIRST),))
        before = self._port(self.neutron.port_1)['mac_address']
        server = self._create_server(
            flavor_id=self.flavor_id, expected_state='ERROR',
            networks=[{'port': self.neutron.port_1['id']},
                      {'port': self.neutron.port_2['id']}])
        self.assertIn('fault', server)
        self.assertEqual(before,
                         self._port(self.neutron.port_1)['mac_address'])
        self._delete_server(server)
        self._is_clean(self.node.uuid)
