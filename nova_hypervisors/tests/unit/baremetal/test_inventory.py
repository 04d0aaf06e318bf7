# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.baremetal import inventory
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes

TWO = '''
nodes:
- name: rack1-1
  uuid: 1f9d8e9c-5f4b-4b4a-9f5e-000000000001
  resource_class: baremetal.small
  traits: [CUSTOM_FAST, HW_CPU_X86_AVX]
  interfaces: {power: fake, deploy: external}
  network_interface: noop
  driver_info: {serial_console: "tcp://ts1:7001"}
  properties: {memory_mb: 1024, capabilities: {boot_mode: uefi}}
  ports:
  - 52-54-00-AA-00-01
  - address: 52:54:00:aa:00:02
    pxe_enabled: false
    local_link_connection: {switch_id: "00:11", port_id: Eth1}
- {name: rack1-2, resource_class: big, service_host: other}
'''


def test_a_file_is_read():
    first, second = inventory.from_yaml(TWO, 'here')
    assert first == nodes.Node(
        uuid='1f9d8e9c-5f4b-4b4a-9f5e-000000000001', name='rack1-1',
        service_host='here', resource_class='baremetal.small',
        traits=('CUSTOM_FAST', 'HW_CPU_X86_AVX'), deploy_interface='external',
        network_interface='noop',
        driver_info={'serial_console': 'tcp://ts1:7001'},
        properties={'memory_mb': 1024, 'capabilities': {'boot_mode': 'uefi'}},
        ports=(nodes.Port('52:54:00:aa:00:01'),
               nodes.Port('52:54:00:aa:00:02', pxe_enabled=False,
                          local_link_connection={'switch_id': '00:11',
                                                 'port_id': 'Eth1'})))
    assert (second.name, second.service_host) == ('rack1-2', 'other')
    assert second.capabilities == {}
    assert first.capabilities == {'boot_mode': 'uefi'}


def test_all_faults_of_all_nodes_come_at_once():
    with pytest.raises(errors.InvalidArgument) as info:
        inventory.from_yaml('''
- {name: a b, resource_class: "!", trait: [x], instance_info: {}}
- {name: c, ports: [zz], traits: [fast], driver_info: [x], uuid: 1}
- 7
''', 'here')
    lines = str(info.value).splitlines()
    fields = [line.split(': ')[:2] for line in lines]
    assert fields == [
        ['node a b', 'name'], ['node a b', 'resource_class'],
        ['node a b', 'trait'], ['node a b', 'instance_info'],
        ['node c', 'ports'], ['node c', 'traits'], ['node c', 'driver_info'],
        ['node c', 'uuid'], ['node c', 'resource_class'],
        ['node number 3', 'node']]
    assert 'did you mean traits?' in str(info.value)


@pytest.mark.parametrize(('text', 'words'), [
    ('{', 'no YAML'), ('', 'no nodes'), ('nodes: {}', 'no nodes'),
    ('x: 1', 'no nodes')])
def test_what_is_no_list_of_nodes_is_refused(text, words):
    with pytest.raises(errors.InvalidArgument, match=words):
        inventory.from_yaml(text, 'here')


@pytest.mark.parametrize(('field', 'value', 'words'), [
    ('ports', ['52:54:00:00:00:01', '52:54:00:00:00:01'], 'same address'),
    ('ports', [{'address': '52:54:00:00:00:01', 'mac': 1}], 'no mac'),
    ('ports', 'x', 'no list of ports'), ('traits', 'x', 'no list of traits'),
    ('network_interface', 'neutron', 'none of flat, noop'),
    ('maintenance', 'yes', 'neither true nor false'),
    ('properties', 'a=b', 'no mapping'), ('resource_class', '', 'no text')])
def test_a_field_says_what_is_wrong_with_it(field, value, words):
    fault, = inventory.read_fields({field: value})[1]
    assert fault.field == field
    assert words in fault.message


def test_a_driver_of_old_is_four_interfaces_which_win_over_it():
    values, wrong = inventory.read_fields({
        'driver': 'pxe_vbox', 'deploy_interface': 'external'})
    assert not wrong
    assert values == {
        'power_interface': 'virtualbox', 'management_interface': 'virtualbox',
        'boot_interface': 'pxe', 'deploy_interface': 'external'}
    fault, = inventory.read_fields({'driver': 'ssh_vbox'})[1]
    assert fault.field == 'driver'
    assert 'agent_vbox' in fault.message


def test_a_secret_itself_is_refused_by_each_of_its_names():
    declared = [settings.Setting('vbox_password', 'secret',
                                 aliases=('virtualbox_password',))]
    for name in ('vbox_password', 'virtualbox_password'):
        node = baremetalnodes.make_node(driver_info={name: 'geheim'})
        fault, = inventory.plain_secrets(node, declared)
        assert fault.field == f'driver_info {name}'
        assert 'geheim' not in str(fault)
        node = baremetalnodes.make_node(driver_info={name: 'file:/x'})
        assert inventory.plain_secrets(node, declared) == []
