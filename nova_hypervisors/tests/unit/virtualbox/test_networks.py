# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import networks

Kind = api.AttachmentKind

SLOTS = range(1, 9)


def plan(vifs, *entries, slots=SLOTS, taken=()):
    return networks.plan_nics(
        vifs, [networks.parse(entry) for entry in entries], 'virtio', slots,
        taken)


class TestEntries:
    @pytest.mark.parametrize(('kind', 'expected'), [
        ('bridged', Kind.BRIDGED), ('hostonly', Kind.HOST_ONLY),
        ('hostonlynet', Kind.HOST_ONLY_NETWORK), ('intnet', Kind.INTERNAL),
        ('natnetwork', Kind.NAT_NETWORK)])
    def test_a_network_and_what_it_is_here(self, kind, expected):
        assert networks.parse(f'physnet1:{kind}:a name') == networks.Mapping(
            'physnet1', api.Attachment(expected, 'a name'))

    def test_nat_needs_no_name(self):
        assert networks.parse('*:nat') == networks.Mapping(
            '*', api.Attachment(Kind.NAT))

    def test_a_name_may_have_colons(self):
        found = networks.parse('physnet1:bridged:en0: Wi-Fi')
        assert found.attachment.name == 'en0: Wi-Fi'

    @pytest.mark.parametrize('address', ['192.0.2.1', 'switch', '2001:db8::1'])
    def test_a_tunnel_has_two_ends(self, address):
        found = networks.parse(f'physnet1:udptunnel:{address}:7000:100-102')
        assert found.attachment == api.Attachment(
            Kind.UDP_TUNNEL, properties={'dest': address, 'dport': '7000'})
        assert list(found.tunnel_ports) == [100, 101, 102]

    @pytest.mark.parametrize(('entry', 'words'), [
        ('physnet1', 'NETWORK:KIND'),
        (':nat', 'NETWORK:KIND'),
        ('physnet1:', 'NETWORK:KIND'),
        ('physnet1:vlan:eth0', 'NETWORK:KIND'),
        ('physnet1:null', 'NETWORK:KIND'),
        ('physnet1:nat:eth0', 'takes no name'),
        ('physnet1:bridged', 'bridged is connected to is missing'),
        ('physnet1:intnet:', 'intnet is connected to is missing'),
    ])
    def test_what_is_wrong_is_said(self, entry, words):
        with pytest.raises(ValueError, match=words) as caught:
            networks.parse(entry)
        assert repr(entry) in str(caught.value)

    @pytest.mark.parametrize('rest', [
        '', 'switch', 'switch:7000', 'switch:7000:100', ':7000:100-102',
        'switch:0:100-102', 'switch:65536:100-102', 'switch:x:100-102',
        'switch:7000:102-100', 'switch:7000:0-100', 'switch:7000:1-65536',
        'switch:7000:1-2-3', 'switch:7000:a-b'])
    def test_a_tunnel_that_leads_nowhere_is_refused(self, rest):
        with pytest.raises(ValueError, match='ADDRESS:PORT:FIRST-LAST'):
            networks.parse(f'physnet1:udptunnel:{rest}')

    def test_every_kind_that_there_is_is_offered(self):
        with pytest.raises(ValueError, match='KIND one of') as caught:
            networks.parse('nonsense')
        for kind in set(Kind) - {Kind.NULL}:
            assert kind.value in str(caught.value)


class TestAdapters:
    def test_each_is_plugged_in_where_its_network_is(self):
        nics = plan([builders.vif('physnet2', 'FA:16:3E:00:00:0A'),
                     builders.vif('physnet1')],
                    'physnet1:nat', 'physnet2:bridged:eth1')
        assert nics == (
            api.Nic(1, 'fa:16:3e:00:00:0a', 'virtio',
                    api.Attachment(Kind.BRIDGED, 'eth1')),
            api.Nic(2, 'fa:16:3e:00:00:01', 'virtio',
                    api.Attachment(Kind.NAT)))

    def test_free_slots_are_used_from_the_first(self):
        nics = plan([builders.vif(), builders.vif()], '*:nat',
                    slots=[2, 5, 7])
        assert [nic.slot for nic in nics] == [2, 5]

    def test_a_network_that_is_named_is_not_any_network(self):
        nics = plan([builders.vif('physnet1'), builders.vif('physnet9')],
                    '*:nat', 'physnet1:intnet:inner')
        assert [nic.attachment.kind for nic in nics] == [
            Kind.INTERNAL, Kind.NAT]

    def test_a_port_without_a_physical_network_is_on_any(self):
        nics = plan([builders.vif(None)], '*:nat', 'physnet1:intnet:inner')
        assert nics[0].attachment.kind is Kind.NAT

    def test_a_network_that_is_not_mapped_is_named(self):
        vif = builders.vif('physnet9')
        with pytest.raises(exception.VirtualInterfacePlugException) as caught:
            plan([vif], 'physnet1:nat')
        for part in (vif['id'], 'physnet9', 'physical_network_mappings'):
            assert part in str(caught.value)

    def test_more_than_there_is_room_for_are_refused(self):
        vifs = [builders.vif()] * 3
        assert len(plan(vifs, '*:nat', slots=[1, 2, 3])) == 3
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=r'has 3 .* room for 2'):
            plan(vifs, '*:nat', slots=[1, 2])

    def test_hardware_cannot_be_passed_through(self):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match='vnic_type direct'):
            plan([builders.vif(vnic_type='direct')], '*:nat')

    def test_a_server_without_a_network_has_none(self):
        assert plan([], 'physnet1:nat') == ()


class TestTunnels:
    ENTRY = 'physnet1:udptunnel:switch:7000:100-102'

    def ports(self, count, taken=()):
        nics = plan([builders.vif()] * count, self.ENTRY, taken=taken)
        return [nic.attachment.properties['sport'] for nic in nics]

    def test_each_adapter_has_a_port_of_its_own(self):
        assert self.ports(3) == ['100', '101', '102']

    def test_none_has_another_machine_s(self):
        assert self.ports(2, taken={100}) == ['101', '102']

    def test_when_all_are_taken_the_option_is_named(self):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=r'physnet1.*physical_network_mappings'):
            self.ports(2, taken={100, 101})

    def test_its_other_end_stays(self):
        nic, = plan([builders.vif()], self.ENTRY)
        assert nic.attachment.properties == {
            'dest': 'switch', 'dport': '7000', 'sport': '100'}

    def test_two_networks_with_the_same_ports_share_them(self):
        nics = plan([builders.vif('a'), builders.vif('b')],
                    'a:udptunnel:switch:7000:100-102',
                    'b:udptunnel:switch:7001:100-102')
        assert {nic.attachment.properties['sport'] for nic in nics} == {
            '100', '101'}


class TestVlans:
    def attachment(self, entry, vlan=105):
        nic, = plan([builders.vif(vlan=vlan)], entry)
        return nic.attachment

    @pytest.mark.parametrize(('entry', 'name'), [
        ('physnet1:bridged:eth1', 'eth1.105'),
        ('physnet1:bridged:vlan{vlan}', 'vlan105'),
        ('physnet1:bridged:Intel I210 - VLAN {vlan}',
         'Intel I210 - VLAN 105'),
        ('physnet1:intnet:inner', 'inner.105'),
        ('physnet1:hostonly:vboxnet{vlan}', 'vboxnet105')])
    def test_each_is_an_interface_of_the_host(self, entry, name):
        assert self.attachment(entry).name == name

    def test_each_is_a_port_of_the_switch(self):
        found = self.attachment('physnet1:udptunnel:switch:7000:100-109')
        assert found.properties['dport'] == '7105'

    def test_nat_is_nat(self):
        assert self.attachment('physnet1:nat') == api.Attachment(Kind.NAT)

    @pytest.mark.parametrize('kind', ['hostonly', 'hostonlynet',
                                      'natnetwork'])
    def test_where_there_is_no_rule_a_name_is_asked_for(self, kind):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match=rf'{kind} name.*VLAN 105.*{{vlan}}'):
            self.attachment(f'physnet1:{kind}:name')

    def test_a_flat_network_is_on_the_interface_itself(self):
        found = self.attachment('physnet1:bridged:eth1', vlan=None)
        assert found.name == 'eth1'

    def test_a_flat_network_is_on_no_vlan(self):
        with pytest.raises(exception.VirtualInterfacePlugException,
                           match='flat'):
            self.attachment('physnet1:bridged:vlan{vlan}', vlan=None)
