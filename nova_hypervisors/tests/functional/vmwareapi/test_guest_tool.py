# SPDX-License-Identifier: Apache-2.0
"""The guest tool in a Debian: what the kernel says afterwards."""

import pytest
from nova.network import model

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import esxguest
from nova_hypervisors.tests import peers
from nova_hypervisors.vmwareapi import machineid

FIRST = 'fa:16:3e:00:00:01'
SECOND = 'fa:16:3e:00:00:02'


@pytest.fixture
def debian(tmp_path):
    made = esxguest.Guest(tmp_path, {'one': FIRST, 'two': SECOND})
    yield made
    made.close()


def subnet(cidr, ip, gateway, *dns):
    return model.Subnet(
        cidr=cidr, ips=[model.FixedIP(address=ip)], gateway=model.IP(gateway),
        dns=[model.IP(server) for server in dns])


def vif(mac, *subnets):
    return model.VIF(id='a port', address=mac, network=model.Network(
        id='a network', subnets=list(subnets)))


TEN = subnet('10.0.0.0/24', '10.0.0.5', '10.0.0.1', '192.0.2.53', '10.0.0.2')
SIX = subnet('fd00::/64', 'fd00::5', 'fd00::1')
OTHER = subnet('10.9.0.0/16', '10.9.0.5', '10.9.0.1', '10.9.0.2')
TOLD = machineid.text([vif(FIRST, TEN, SIX), vif(SECOND, OTHER)])


def is_set(debian):
    return (debian.addresses('one') == [('10.0.0.5', 24, '10.0.0.255'),
                                       ('fd00::5', 64, None)]
            and debian.addresses('two') == [('10.9.0.5', 16, '10.9.255.255')]
            and debian.default_routes() == [('10.0.0.1', 'one', 100),
                                           ('10.9.0.1', 'two', 101)]
            and debian.default_routes(6) == [('fd00::1', 'one', 100)]
            and debian.resolver == (
                'search example.org\nnameserver 192.0.2.53\n'
                'nameserver 10.0.0.2\nnameserver 10.9.0.2\n'))


def test_what_is_told_is_set(debian):
    debian.tell(TOLD)
    assert not debian.is_up('one')
    assert debian.run_once() == (0, '')
    assert debian.is_up('one')
    assert is_set(debian)


def test_again_it_changes_nothing(debian):
    debian.tell(TOLD)
    debian.run_once()
    assert debian.run_once() == (0, '')
    assert is_set(debian)


def test_a_gateway_may_be_outside(debian):
    debian.tell(f'{FIRST};10.0.0.5;255.255.255.255;192.0.2.1;;#')
    assert debian.run_once() == (0, '')
    assert debian.default_routes() == [('192.0.2.1', 'one', 100)]


def test_what_is_told_no_more_goes_and_what_others_set_stays(debian):
    debian.tell(TOLD)
    debian.run_once()
    debian.outside('ip', 'address', 'add', '172.16.0.1/24', 'dev', 'one')
    debian.tell(machineid.text([vif(FIRST, SIX), vif(SECOND)]))
    assert debian.run_once() == (0, '')
    assert debian.addresses('one') == [('172.16.0.1', 24, None),
                                      ('fd00::5', 64, None)]
    assert debian.addresses('two') == []
    assert debian.default_routes() == []


@pytest.mark.parametrize(('text', 'words'), [
    (TOLD.replace('10.9.0.5', '10.9.0.x'),
     "group 3 of machine.id: the IP address '10.9.0.x' is none"),
    (TOLD.replace(SECOND, 'fa:16'), "the MAC address 'fa:16' is none"),
    ('nothing', 'has 1 fields and not 6'),
])
def test_what_is_bad_changes_nothing(debian, text, words):
    debian.tell(text)
    status, said = debian.run_once()
    assert status == 1
    assert words in said
    assert debian.addresses('one') == []
    assert not debian.is_up('one')
    assert debian.default_routes() == []
    assert debian.resolver.endswith('\nnameserver 192.0.2.9\n')


def test_an_adapter_that_is_not_there_is_named_and_others_are_set(debian):
    debian.tell(machineid.text([vif('fa:16:3e:00:00:03', TEN),
                               vif(SECOND, OTHER)]))
    status, said = debian.run_once()
    assert status == 1
    assert 'no network adapter with the MAC address fa:16:3e:00:00:03' in said
    assert debian.addresses('two') == [('10.9.0.5', 16, '10.9.255.255')]


def test_nothing_told_is_a_failure_of_a_single_run(debian):
    status, said = debian.run_once()
    assert status == 1
    assert 'there is no machine.id yet' in said


def test_a_service_waits_and_goes_on_looking(debian):
    debian.start_service()
    peers.wait_until(lambda: 'there is no machine.id yet' in debian.log(),
                     timeout_s=20)
    debian.tell(TOLD)
    peers.wait_until(lambda: is_set(debian), timeout_s=20)
    # An adapter that is added while the guest runs is told first.
    debian.tell(TOLD + machineid.text([vif(
        'fa:16:3e:00:00:03', subnet('10.8.0.0/24', '10.8.0.5', '10.8.0.1'))]))
    peers.wait_until(lambda: 'fa:16:3e:00:00:03: has it' in debian.log(),
                     timeout_s=20)
    debian.add_adapter('three', 'fa:16:3e:00:00:03')
    peers.wait_until(lambda: debian.addresses('three') == [
        ('10.8.0.5', 24, '10.8.0.255')], timeout_s=20)
    assert is_set(debian) is False  # there is one more default route
    assert debian.log().count('has it a driver?') == 1


@pytest.fixture
def told(details):
    """What VMware Tools would tell in a server."""
    return lambda instance: details(instance).extra_config[machineid.KEY]


@pytest.fixture
def vifs():
    """Two ports with addresses, as Nova has them."""
    first, second = builders.vif(address=FIRST), builders.vif(address=SECOND)
    first['network']['subnets'] = [TEN, SIX]
    second['network']['subnets'] = [OTHER]
    return first, second


@pytest.mark.feature('guest.setup.inject.networking')
def test_a_server_s_guest_gets_its_addresses(spawn, vifs, told, debian):
    debian.tell(told(spawn(vifs=vifs)))
    assert debian.run_once() == (0, '')
    assert is_set(debian)


def test_so_it_does_those_of_ports_that_come_and_go(
        driver, spawn, vifs, told, debian):
    first, second = vifs
    instance = spawn(vifs=[first])
    driver.attach_interface(builders.admin_context(), instance,
                            builders.image_meta(), second)
    debian.tell(told(instance))
    debian.run_once()
    assert is_set(debian)
    driver.detach_interface(builders.admin_context(), instance, second)
    debian.tell(told(instance))
    assert debian.run_once() == (0, '')
    assert debian.addresses('two') == []
    assert debian.addresses('one')[0] == ('10.0.0.5', 24, '10.0.0.255')
