# SPDX-License-Identifier: Apache-2.0
"""Ports are added to servers that run, and taken away again."""

import socket

import pytest

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base

# A guest that boots from the network asks it for an address.  It takes the
# interpreter some seconds to get there.
FRAME_S = 60


class InterfacesTest(base.Base):
    def setUp(self):
        super().setUp()
        self._switch = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self._switch.close)
        self._switch.bind(('127.0.0.1', 0))
        self._switch.settimeout(FRAME_S)
        port = self._switch.getsockname()[1]
        self.flags(group='virtualbox', physical_network_mappings=[
            f'*:udptunnel:127.0.0.1:{port}:'
            + peers.as_text(peers.TUNNEL_PORTS)])

    def _nics(self, server):
        return self.real.client.machine_settings(server['id']).nics

    def _create(self, spares):
        flavor_id = self._create_flavor(
            memory_mb=64, vcpu=1, disk=1, ephemeral=0, swap=0,
            extra_spec={'virtualbox:spare_adapters': str(spares),
                        'virtualbox:boot': 'network'})
        return self._create_server(flavor_id=flavor_id, networks='none')

    @pytest.mark.feature('operation.attach-interface',
                         'operation.detach-interface')
    def test_a_running_server_speaks_on_a_port_that_was_added(self):
        server = self._create(1)
        spare, = self._nics(server)
        port = self.neutron.port_1
        self.assertNotEqual(port['mac_address'], spare.mac)
        added = self._attach_interface(
            server, port['id']).body['interfaceAttachment']
        self.assertEqual(spare.mac, added['mac_addr'])
        frame = self._switch.recv(65536)
        self.assertEqual(spare.mac.replace(':', ''), frame[6:12].hex())
        self._knows_the_port_by(server, port, spare.mac)
        self._detach_interface(server, port['id'])
        nic, = self._nics(server)
        self.assertEqual(api.UNPLUGGED, nic.attachment)
        self.assertEqual({'running'}, self._states())
        self._reboot_server(server, hard=True)
        nic, = self._nics(server)
        self.assertNotEqual(spare.mac, nic.mac)

    def _knows_the_port_by(self, server, port, address):
        found = self.neutron.show_port(port['id'])['port']
        self.assertEqual(address, found['mac_address'])
        self.assertEqual('here', found['binding:host_id'])
        shown, = self.api.get_server(server['id'])['addresses'].values()
        self.assertEqual(address, shown[0]['OS-EXT-IPS-MAC:mac_addr'])

    @pytest.mark.long
    def test_without_a_spare_adapter_it_is_refused(self):
        server = self._create(0)
        port = self.neutron.port_1
        self.api.api_post(
            f'/servers/{server["id"]}/os-interface',
            {'interfaceAttachment': {'port_id': port['id']}},
            check_response_status=[500])
        self.assertEqual((), self._nics(server))
        self.assertEqual(
            '', self.neutron.show_port(port['id'])['port']['device_id'])


class InterfacesByWebServiceTest(InterfacesTest):
    backend = 'webservice'
