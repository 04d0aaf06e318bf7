# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys

import pytest
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg
from oslo_config import fixture as config_fixture

from nova_hypervisors.neutron import mechanism
from nova_hypervisors.neutron import opts


def segment(physical_network='physnet1', network_type='flat', number=1):
    return {'id': f'segment {number}', 'network_type': network_type,
            'physical_network': physical_network,
            'segmentation_id': 105 if network_type == 'vlan' else None}


class Port(api.PortContext):
    """A port that is to be bound.

    :ivar bound: how it was
    """

    def __init__(self, *segments, host='host1', vnic_type='normal',
                 device_owner='compute:nova'):
        self.bound = None
        self._segments = list(segments)
        self._host = host
        self._port = {'id': 'a port', 'binding:vnic_type': vnic_type,
                      'device_owner': device_owner}

    current = property(lambda self: self._port)
    host = property(lambda self: self._host)
    segments_to_bind = property(lambda self: self._segments)

    def set_binding(self, segment_id, vif_type, vif_details, status=None):
        assert self.bound is None
        self.bound = segment_id, vif_type, vif_details, status


# What Neutron could ask and the driver does not.
for _name in Port.__abstractmethods__:
    setattr(Port, _name, None)
Port.__abstractmethods__ = frozenset()


@pytest.fixture(params=[mechanism.VirtualBoxMechanismDriver,
                        mechanism.ESXMechanismDriver],
                ids=lambda driver: driver.group)
def driver_class(request):
    return request.param


@pytest.fixture
def make_driver(driver_class):
    fixture = config_fixture.Config(cfg.CONF)
    fixture.setUp()
    opts.register_opts(cfg.CONF)

    def make_driver(*physical_networks, **options):
        fixture.config(group=driver_class.group,
                       physical_networks=list(physical_networks), **options)
        driver = driver_class()
        driver.initialize()
        return driver

    yield make_driver
    fixture.cleanUp()


@pytest.fixture
def bind(make_driver):
    """Let a port be bound; return how it was."""
    def bind(*segments, networks=('*:physnet1',), **port):
        context = Port(*segments, **port)
        make_driver(*networks).bind_port(context)
        return context.bound
    return bind


class TestParse:
    def test_hosts_and_their_networks(self):
        found = mechanism.parse(['a:physnet1', 'a:physnet2', '*:physnet1'],
                                'ml2_vbox')
        assert found == {'a': {'physnet1', 'physnet2'}, '*': {'physnet1'}}

    def test_none(self):
        assert mechanism.parse([], 'ml2_vbox') == {}

    @pytest.mark.parametrize('entry', ['a', 'a:', ':physnet1', '', ':'])
    def test_nonsense_is_named(self, entry):
        with pytest.raises(ValueError, match=r'\[ml2_vbox\]') as caught:
            mechanism.parse(['a:physnet1', entry], 'ml2_vbox')
        assert repr(entry) in str(caught.value)

    def test_neutron_does_not_start_with_it(self, make_driver, driver_class):
        with pytest.raises(ValueError, match='HOST:NETWORK') as caught:
            make_driver('physnet1')
        assert f'[{driver_class.group}]' in str(caught.value)

    def test_that_nothing_will_be_bound_is_said(self, make_driver, caplog):
        driver = make_driver()
        assert (f'[{driver.group}] physical_networks is empty: no port will '
                'be bound') in caplog.text


class TestBinding:
    def test_nova_gets_what_it_passes_through(self, bind):
        assert bind(segment()) == (
            'segment 1', 'other', {
                'port_filter': False, 'connectivity': 'l2',
                'physical_network': 'physnet1'}, 'ACTIVE')

    @pytest.mark.parametrize(('networks', 'host', 'is_bound'), [
        (['host1:physnet1'], 'host1', True),
        (['host1:physnet1'], 'host2', False),
        (['host1:physnet2'], 'host1', False),
        (['*:physnet1'], 'host2', True),
        (['*:physnet2', 'host1:physnet1'], 'host1', True),
        (['*:physnet2', 'host1:physnet1'], 'host2', False),
        ([], 'host1', False)])
    def test_hosts_that_reach_the_network(self, bind, networks, host,
                                          is_bound):
        found = bind(segment(), networks=networks, host=host)
        assert (found is not None) is is_bound

    def test_it_is_told_the_vlan(self, bind):
        _, _, details, _ = bind(segment(network_type='vlan'))
        assert (details['physical_network'], details['vlan']) == (
            'physnet1', 105)

    @pytest.mark.parametrize('network_type', [
        'vxlan', 'gre', 'geneve', 'local'])
    def test_only_flat_and_vlan_networks(self, bind, network_type):
        assert bind(segment(network_type=network_type)) is None

    def test_the_first_segment_that_is_reached(self, bind):
        found = bind(segment('physnet9', number=1),
                     segment(None, 'vxlan', number=2),
                     segment('physnet1', number=3),
                     segment('physnet1', number=4))
        assert found[0] == 'segment 3'

    @pytest.mark.parametrize(('vnic_type', 'is_bound'), [
        ('normal', True), ('baremetal', True), ('direct', False),
        ('macvtap', False), ('direct-physical', False),
        ('smart-nic', False)])
    def test_kinds_of_ports(self, bind, vnic_type, is_bound):
        found = bind(segment(), vnic_type=vnic_type)
        assert (found is not None) is is_bound

    @pytest.mark.parametrize(('device_owner', 'is_bound'), [
        ('compute:nova', True), ('compute:zone1', True),
        ('baremetal:none', True), ('network:dhcp', False),
        ('network:router_interface', False), ('network:floatingip', False),
        ('', False)])
    def test_owners_of_ports(self, bind, device_owner, is_bound):
        found = bind(segment(), device_owner=device_owner)
        assert (found is not None) is is_bound


@pytest.mark.parametrize('driver_class', [mechanism.ESXMechanismDriver],
                         indirect=True)
class TestPortGroups:
    def test_a_vlan_s_is_named_as_the_host_names_it(self, bind):
        _, _, details, _ = bind(segment(network_type='vlan'))
        assert details['port_group_name'] == 'nova-physnet1-105'

    def test_operators_may_name_them_otherwise(self, make_driver):
        port = Port(segment(network_type='vlan'))
        make_driver('*:physnet1', port_group_prefix='cloud ').bind_port(port)
        assert port.bound[2]['port_group_name'] == 'cloud physnet1-105'

    def test_a_flat_network_s_is_the_host_s_affair(self, bind):
        assert 'port_group_name' not in bind(segment())[2]


class TestScheduling:
    """Routed networks: on which hosts a port could be bound."""

    def hosts(self, driver, *segments):
        return driver.filter_hosts_with_segment_access(
            None, list(segments), {'host1', 'host2', 'host3'}, None)

    def test_hosts_that_reach_one_of_the_segments(self, make_driver):
        driver = make_driver('host1:physnet1', 'host2:physnet2',
                             'host3:physnet3')
        assert self.hosts(driver, segment('physnet1'),
                          segment('physnet2')) == {'host1', 'host2'}

    def test_every_host(self, make_driver):
        driver = make_driver('*:physnet1')
        assert self.hosts(driver, segment()) == {'host1', 'host2', 'host3'}

    def test_none(self, make_driver):
        driver = make_driver('*:physnet1')
        assert self.hosts(driver, segment('physnet2')) == set()
        assert self.hosts(driver) == set()


@pytest.fixture(scope='module')
def found():
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m',
         'nova_hypervisors.tests.unit.neutron.ml2', 'openvswitch,esx,vbox'],
        check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


class TestBesideOpenvswitch:
    """All drivers loaded and asked by Neutron's own code."""

    def test_all_are_loaded(self, found):
        assert found['drivers'] == ['openvswitch', 'esx', 'vbox']

    def test_hosts_that_are_named_are_the_other_driver_s(self, found):
        assert found['compute on esx'] == {
            'driver': 'esx', 'vif_type': 'other', 'status': 'ACTIVE',
            'details': {'port_filter': False, 'connectivity': 'l2',
                        'physical_network': 'physnet1', 'vlan': 105,
                        'port_group_name': 'nova-physnet1-105'}}

    def test_a_host_without_an_agent_is_ours(self, found):
        assert found['compute on vbox'] == {
            'driver': 'vbox', 'vif_type': 'other', 'status': 'ACTIVE',
            'details': {'port_filter': False, 'connectivity': 'l2',
                        'physical_network': 'physnet1'}}

    def test_one_with_an_agent_is_its(self, found):
        assert (found['compute on kvm']['driver'],
                found['compute on kvm']['vif_type']) == ('openvswitch', 'ovs')

    @pytest.mark.parametrize('port', ['dhcp on vbox', 'direct on vbox'])
    def test_what_neither_can_is_not_bound(self, found, port):
        assert found[port]['vif_type'] == 'binding_failed'
