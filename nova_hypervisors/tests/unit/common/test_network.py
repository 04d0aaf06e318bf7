# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception
from nova.network import model

from nova_hypervisors.common import network
from nova_hypervisors.tests import builders


class TestPhysicalNetwork:
    def test_the_binding_says_it(self):
        assert network.physical_network(builders.vif('a')) == 'a'

    def test_or_nova_has_looked_it_up(self):
        vif = model.VIF(id='x', details={}, network=model.Network(
            id='y', physical_network='b'))
        assert network.physical_network(vif) == 'b'

    def test_the_binding_knows_better(self):
        vif = builders.vif('a')
        vif['network']['meta']['physical_network'] = 'b'
        assert network.physical_network(vif) == 'a'

    @pytest.mark.parametrize('vif', [
        model.VIF(id='x'), model.VIF(id='x', network=model.Network(id='y')),
        {'id': 'x'}, {'id': 'x', 'details': None, 'network': None}])
    def test_or_there_is_none(self, vif):
        assert network.physical_network(vif) is None


class TestVnicTypes:
    @pytest.mark.parametrize('vnic_type', ['normal', 'baremetal'])
    def test_what_is_plugged_in(self, vnic_type):
        network.check_vnic_type(builders.vif(vnic_type=vnic_type))

    @pytest.mark.parametrize('vnic_type', [
        'direct', 'direct-physical', 'macvtap', 'virtio-forwarder',
        'smart-nic', 'vdpa'])
    def test_what_is_not(self, vnic_type):
        vif = builders.vif(vnic_type=vnic_type)
        with pytest.raises(exception.VirtualInterfacePlugException) as caught:
            network.check_vnic_type(vif)
        for part in (vif['id'], vnic_type, 'normal and baremetal'):
            assert part in str(caught.value)


class TestEvents:
    def test_what_is_down_is_waited_for(self):
        up, down = builders.vif(), builders.vif(active=False)
        assert network.events_to_wait_for([up, down]) == [
            ('network-vif-plugged', down['id'])]

    def test_what_is_not_known_is_taken_for_up(self):
        assert network.events_to_wait_for([{'id': 'x'}]) == []

    def test_without_adapters_there_are_none(self):
        assert network.events_to_wait_for([]) == []
