# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import validation
from nova_hypervisors.baremetal.management import fake as fake_management
from nova_hypervisors.baremetal.power import fake as fake_power
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes

NEEDS = (settings.Setting('ilo_address', required=True, help='the iLO'),
         settings.Setting('client_port', 'port', default=443))


class NeedyPower(fake_power.FakePower):
    settings = NEEDS


class NeedyManagement(fake_management.FakeManagement):
    settings = NEEDS


@pytest.fixture
def registry(here):
    def find(kind, name):
        own = {'power': NeedyPower, 'management': NeedyManagement}
        if name == 'needy':
            return own[kind]
        return interfaces.load(kind, name)
    return interfaces.Registry(here.services, find)


def faults(node, registry):
    return [str(fault) for fault in validation.faults(node, registry)]


def test_a_node_of_fakes_is_right(registry):
    assert faults(baremetalnodes.make_node(), registry) == []


def test_all_faults_come_at_once_and_each_once(registry):
    node = baremetalnodes.make_node(
        power_interface='needy', management_interface='needy',
        driver_info={'client_port': 'x', 'ilo_adress': 'bmc',
                     'serial_console': 'tcp://h:1'})
    assert faults(node, registry) == [
        ('driver_info ilo_adress: no interface of this node reads it; did you '
        'mean ilo_address?'),
        'driver_info ilo_address: it is required and missing: the iLO',
        "driver_info client_port: 'x' is not an integer"]
    with pytest.raises(errors.InvalidArgument, match='node node-1') as info:
        validation.insist(node, registry)
    assert 'client_port' in str(info.value)
    assert 'ilo_adress' in str(info.value)


def test_a_strange_field_tells_what_is_read(registry):
    node = baremetalnodes.make_node(driver_info={'zzz': 1})
    assert faults(node, registry) == [
        ('driver_info zzz: no interface of this node reads it; they read '
        'serial_console, vnc_console, vnc_password')]


def test_interfaces_that_are_not_there_are_named(registry):
    node = baremetalnodes.make_node(power_interface='pwr',
                                    deploy_interface='dpl')
    found = faults(node, registry)
    assert [fault.partition(';')[0] for fault in found] == [
        "power_interface: there is no power interface 'pwr'",
        "deploy_interface: there is no deploy interface 'dpl'"]
    assert 'fake' in found[0]


@pytest.mark.parametrize('line', ['h:1', 'tcp://h', 'tcp://:1', 'tcp://h:x',
                                  'http://h:1', 'tcp://h:99999'])
def test_a_serial_line_is_a_port_of_a_host(registry, line):
    node = baremetalnodes.make_node(driver_info={'serial_console': line})
    assert faults(node, registry) == [
        f'driver_info serial_console: {line!r} is not tcp://HOST:PORT']


def test_every_interface_declares_its_settings():
    for kind in ('power', 'management', 'boot', 'deploy'):
        names = interfaces.names(kind)
        assert 'fake' in names
        for name in names:
            for setting in interfaces.load(kind, name).settings:
                assert setting.help, (kind, name, setting.name)
