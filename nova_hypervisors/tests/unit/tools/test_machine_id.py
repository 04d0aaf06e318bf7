# SPDX-License-Identifier: Apache-2.0
"""What the driver writes, and what the guest tool reads in it."""

import ipaddress

import pytest
from nova.network import model

from nova_hypervisors.vmwareapi import machineid

MAC = 'fa:16:3e:00:00:01'
GROUP = f'{MAC};10.0.0.5;255.255.255.0;10.0.0.1;10.0.0.255;10.0.0.2,10.0.0.3#'


def subnet(cidr='10.0.0.0/24', ips=('10.0.0.5',), gateway='10.0.0.1',
           dns=('10.0.0.2', '10.0.0.3')):
    return model.Subnet(
        cidr=cidr, ips=[model.FixedIP(address=ip) for ip in ips],
        gateway=model.IP(gateway, 'gateway') if gateway else None,
        dns=[model.IP(server, 'dns') for server in dns])


def text(*subnets, mac=MAC):
    return machineid.text(model.NetworkInfo([model.VIF(
        id='a port', address=mac,
        network=model.Network(id='a network', subnets=list(subnets)))]))


class TestWriting:
    def test_six_fields(self):
        assert text(subnet()) == GROUP

    def test_without_gateway_and_name_servers(self):
        assert text(subnet(gateway=None, dns=())) == (
            f'{MAC};10.0.0.5;255.255.255.0;;10.0.0.255;#')

    def test_an_adapter_without_addresses_is_named(self):
        assert text() == text(subnet(ips=())) == f'{MAC};;;;;#'

    def test_of_two_addresses_one_has_the_gateway(self):
        assert text(subnet(ips=('10.0.0.5', '10.0.0.6'), dns=())) == (
            f'{MAC};10.0.0.5;255.255.255.0;10.0.0.1;10.0.0.255;#'
            f'{MAC};10.0.0.6;255.255.255.0;;10.0.0.255;#')

    def test_ipv6_comes_after_ipv4(self):
        six = subnet('fd00::/64', ['fd00::5'], 'fd00::1', ['fd00::2'])
        assert text(six, subnet()) == (
            f'{GROUP}{MAC};fd00::5;64;fd00::1;;fd00::2#')

    def test_no_adapters_are_no_groups(self):
        assert machineid.text([]) == ''


class TestChanging:
    OTHER = 'fa:16:3e:00:00:02'

    def vif(self):
        return model.VIF(id='another', address=self.OTHER.upper(),
                         network=model.Network(id='x', subnets=[
                             subnet(gateway=None, dns=())]))

    def test_an_adapter_more(self):
        group = f'{self.OTHER};10.0.0.5;255.255.255.0;;10.0.0.255;#'
        assert machineid.with_vif(GROUP, self.vif()) == GROUP + group
        assert machineid.with_vif('', self.vif()) == group

    def test_the_same_again_is_told_once(self):
        told = machineid.with_vif(GROUP, self.vif())
        assert machineid.with_vif(told, self.vif()) == told

    def test_an_adapter_less(self):
        told = machineid.with_vif(GROUP + GROUP, self.vif())
        assert machineid.without(told, MAC.upper()) == machineid.text(
            [self.vif()])
        assert machineid.without(GROUP, self.OTHER) == GROUP
        assert machineid.without(GROUP, MAC) == ''


class TestReading:
    def test_what_the_driver_writes(self, machine_id):
        six = subnet('fd00::/64', ['fd00::5'], 'fd00::1', ['fd00::2'])
        found = machine_id.parse(
            text(subnet(), six) + text(mac='FA:16:3E:00:00:02'))
        assert found == {
            MAC: [
                (ipaddress.ip_interface('10.0.0.5/24'),
                 ipaddress.ip_address('10.0.0.1'),
                 ipaddress.ip_address('10.0.0.255'),
                 [ipaddress.ip_address('10.0.0.2'),
                  ipaddress.ip_address('10.0.0.3')]),
                (ipaddress.ip_interface('fd00::5/64'),
                 ipaddress.ip_address('fd00::1'), None,
                 [ipaddress.ip_address('fd00::2')])],
            'fa:16:3e:00:00:02': []}

    def test_white_space_and_other_ways_to_write_it(self, machine_id):
        other = GROUP.replace(':', '-', 5).replace(';', ' ; ').upper()
        assert machine_id.parse(f' {other}\n') == machine_id.parse(GROUP)

    @pytest.mark.parametrize(('old', 'new', 'words'), [
        (MAC, 'fa:16:3e:00:00', "MAC address 'fa:16:3e:00:00' is none"),
        ('10.0.0.5', '10.0.0', "IP address '10.0.0' is none"),
        ('10.0.0.5', '224.0.0.1', "'224.0.0.1' is no address of an adapter"),
        ('10.0.0.5', '0.0.0.0', 'is no address of an adapter'),
        ('10.0.0.5', 'fd00::5', "network mask '255.255.255.0' is none"),
        ('255.255.255.0', '255.0.255.0', "mask '255.0.255.0' is none"),
        ('255.255.255.0', '0.0.0.255', "mask '0.0.0.255' is none"),
        ('255.255.255.0', '', "mask '' is none"),
        ('10.0.0.1;', 'x;', "gateway 'x' is none"),
        ('10.0.0.1;', 'fd00::1;', "'fd00::1' is of another kind than 10.0"),
        ('10.0.0.255', '10.0.1.255', "'10.0.1.255' is not in 10.0.0.0/24"),
        ('10.0.0.3', 'ns1', "DNS servers 'ns1' is none"),
        (';10.0.0.2,10.0.0.3', '', 'has 5 fields and not 6'),
        ('#', ';x#', 'has 7 fields and not 6'),
        ('#', f'#{GROUP}', "group 2 of machine.id: the IP address "),
        ('#', f'#{GROUP}', "'10.0.0.5' is there twice"),
        (GROUP, '##', 'has no group in it'),
    ])
    def test_what_is_bad_is_named(self, machine_id, old, new, words):
        assert old in GROUP
        with pytest.raises(machine_id.BadData) as error:
            machine_id.parse(GROUP.replace(old, new, 1))
        assert words in str(error.value)
