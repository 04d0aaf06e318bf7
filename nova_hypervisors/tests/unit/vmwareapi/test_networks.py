# SPDX-License-Identifier: Apache-2.0
"""The steps of the first driver's document, each with its error."""

import dataclasses

import pytest
from nova import exception

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders
from nova_hypervisors.vmwareapi import networks

HOST = api.HostNetwork(
    nics=(api.PhysicalNic('key-vmnic0', 'vmnic0', '00:00:00:00:00:01', 1000),
          api.PhysicalNic('key-vmnic1', 'vmnic1', '00:00:00:00:00:02', None)),
    switches=(api.VirtualSwitch('key-vSwitch0', 'vSwitch0', ('key-vmnic0',)),
              api.VirtualSwitch('key-vSwitch1', 'vSwitch1', ())),
    port_groups=(api.PortGroup('VM Network', 'vSwitch0', 0),
                 api.PortGroup('nova-physnet1-7', 'vSwitch0', 7)))

MAPPINGS = networks.Mappings({'physnet1': 'VM Network'},
                             {'physnet1': 'vmnic0'}, 'nova-')


def vlan_vif(number=7):
    return builders.vif(vlan=number)


class TestPlan:
    def test_a_flat_network_has_its_port_group(self):
        assert networks.plan(builders.vif(), MAPPINGS) == networks.Plan(
            'VM Network')

    def test_a_vlan_has_one_on_the_adapter(self):
        assert networks.plan(vlan_vif(), MAPPINGS) == networks.Plan(
            'nova-physnet1-7', 7, 'vmnic0')

    def test_neutron_may_name_it(self):
        vif = vlan_vif()
        vif['details']['port_group_name'] = 'cloud-7'
        assert networks.plan(vif, MAPPINGS).port_group == 'cloud-7'

    def test_one_entry_may_stand_for_all(self):
        mappings = networks.Mappings({'*': 'Rest'}, {}, 'nova-')
        assert networks.plan(builders.vif('physnet2'),
                             mappings).port_group == 'Rest'

    @pytest.mark.parametrize(('make', 'option'), [
        (builders.vif, 'physical_network_mappings'),
        (vlan_vif, 'vlan_mappings')])
    def test_a_network_without_a_place_is_named(self, make, option):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=rf"'physnet1'.*{option}"):
            networks.plan(make(), networks.Mappings({}, {}, 'nova-'))


class TestSteps:
    WANTED = networks.Plan('nova-physnet1-7', 7, 'vmnic0')

    def test_a_port_group_that_is_right_is_used(self):
        assert networks.missing_group(self.WANTED, HOST) is None

    def test_one_that_is_not_there_is_made_on_the_adapters_switch(self):
        wanted = networks.Plan('nova-physnet1-8', 8, 'vmnic0')
        assert networks.missing_group(wanted, HOST) == api.PortGroup(
            'nova-physnet1-8', 'vSwitch0', 8)

    def test_a_flat_one_is_never_made(self):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match='no port group Other on the host; it has VM '
                           'Network, nova-physnet1-7'):
            networks.missing_group(networks.Plan('Other'), HOST)

    def test_a_flat_one_that_is_there_is_used(self):
        assert networks.missing_group(networks.Plan('VM Network'),
                                      HOST) is None

    @pytest.mark.parametrize(('change', 'host', 'message'), [
        ({'adapter': 'vmnic7'}, {},
         'no physical adapter vmnic7 on the host; it has vmnic0, vmnic1'),
        ({'adapter': 'vmnic1'}, {}, 'vmnic1 is on no virtual switch'),
        ({}, {'port_groups': (api.PortGroup('nova-physnet1-7', 'vSwitch1',
                                            7),)},
         'on the virtual switch vSwitch1; the adapter vmnic0 is on vSwitch0'),
        ({}, {'port_groups': (api.PortGroup('nova-physnet1-7', 'vSwitch0',
                                            9),)},
         'has VLAN 9; the port is on VLAN 7'),
    ], ids=['1 adapter', '2 switch', '4 other switch', '5 other VLAN'])
    def test_what_is_wrong_is_said(self, change, host, message):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=message):
            networks.missing_group(dataclasses.replace(self.WANTED, **change),
                                   dataclasses.replace(HOST, **host))
