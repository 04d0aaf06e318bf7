# SPDX-License-Identifier: Apache-2.0
"""Nodes, as an operator looks after them."""

import json

import pytest

from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import states

SMALL = ('--resource-class', 'small', '--port', '52:54:00:AA:00:01')


@pytest.fixture
def data(node):
    """The same, and return what it printed as JSON."""
    def data(verb, *words):
        status, out, err = node(verb, *words, '-f', 'json')
        assert not status, err
        return json.loads(out)
    return data


@pytest.fixture
def store(config_file):
    def store():
        here = factory.make_inventory(conf.CONF)
        return here.store
    return store


class TestInventory:
    def test_a_node_is_made_and_shown(self, node, data):
        assert node('create', 'a', *SMALL, '--driver-info',
                    'serial_console=tcp://h:1', '--property', 'cpus=4',
                    '--trait', 'CUSTOM_X')[0] == 0
        found = data('show', 'a')
        assert found['driver_info'] == {'serial_console': 'tcp://h:1'}
        assert found['properties'] == {'cpus': 4}
        assert found['ports'] == [{'address': '52:54:00:aa:00:01',
                                   'pxe_enabled': True}]
        assert (found['service_host'], found['provision_state']) == (
            'here', 'available')
        status, out, _ = node('show', 'a')
        assert status == 0
        assert 'serial_console: tcp://h:1' in out
        assert 'None' not in out

    def test_a_file_of_nodes_is_taken_whole_or_not(self, node, data,
                                                   tmp_path):
        path = tmp_path / 'nodes.yaml'
        path.write_text('- {name: a, resource_class: x}\n'
                        '- {name: b, resource_class: x, '
                        'power_interface: none}\n')
        status, _, err = node('create', '--file', str(path))
        assert status == 1
        assert "node b: power_interface: there is no power interface" in err
        assert data('list') == []
        path.write_text(path.read_text().replace('none', 'fake'))
        assert [one['Name'] for one in data('create', '--file', str(path))
                ] == ['a', 'b']
        assert [one['Name'] for one in data('list')] == ['a', 'b']
        assert data('list', '--host', 'there') == []

    def test_a_file_is_what_nodes_become(self, node, data, tmp_path, store):
        path = tmp_path / 'nodes.yaml'
        path.write_text('- {name: a, resource_class: x, traits: [CUSTOM_A]}')
        node('create', '--file', str(path))
        node('maintenance', 'a', 'on', '--reason', 'fan')
        before = data('show', 'a')
        status, _, err = node('create', '--file', str(path))
        assert status == 1
        assert 'there is a node or a port already with the same name' in err
        path.write_text('- {name: a, resource_class: y}\n'
                        '- {name: b, resource_class: x}\n')
        assert node('create', '--update', '--file', str(path))[0] == 0
        after = data('show', 'a')
        assert after['uuid'] == before['uuid']
        assert (after['resource_class'], after['traits']) == ('y', [])
        assert (after['maintenance'], after['maintenance_reason']) == (
            True, 'fan')
        # The same again changes nothing.
        assert node('create', '--update', '--file', str(path))[0] == 0
        assert data('show', 'a') == after
        store().move(after['uuid'], [states.AVAILABLE], states.ACTIVE)
        path.write_text('- {name: a, resource_class: z}\n'
                        '- {name: c, resource_class: x}\n')
        status, _, err = node('create', '--update', '--file', str(path))
        assert status == 1
        assert 'node a: resource_class: it cannot be changed while' in err
        assert [one['Name'] for one in data('list')] == ['a', 'b']

    def test_fields_are_set_and_taken_away(self, node, data):
        node('create', 'a', *SMALL, '--property', 'cpus=4')
        assert node('set', 'a', '--name', 'b', '--property', 'memory_mb=64',
                    '--unset-property', 'cpus', '--deploy-interface',
                    'external')[0] == 0
        found = data('show', 'b')
        assert found['properties'] == {'memory_mb': 64}
        assert found['deploy_interface'] == 'external'

    @pytest.mark.parametrize(('words', 'said'), [
        (('--driver-info', 'ilo_addres=x'), 'no interface of this node reads'),
        (('--driver-info', 'x'), "'x' is not NAME=VALUE"),
        (('--port', 'x'), "'x' is no MAC address"),
        (('--power-interface', 'x'), "no power interface 'x'"),
        (('--file', '/nowhere'), 'say the name of one node, or --file')])
    def test_what_is_wrong_is_refused(self, node, data, words, said):
        status, _, err = node('create', 'a', *SMALL, *words)
        assert status == 1
        assert said in err
        assert data('list') == []

    def test_nodes_are_forgotten_unless_they_have_a_server(self, node, data,
                                                           store):
        node('create', 'a', *SMALL)
        uuid = data('show', 'a')['uuid']
        store().reserve(uuid, 'c0ffee00-0000-4000-8000-000000000000', 'here')
        status, _, err = node('delete', 'a')
        assert status == 1
        assert 'it is reserved, with server c0ffee' in err
        status, _, err = node('set', 'a', '--deploy-interface', 'external')
        assert status == 1
        assert 'deploy_interface: it cannot be changed while' in err
        store().move(uuid, [states.RESERVED], states.AVAILABLE,
                     instance_uuid=None)
        assert node('delete', 'a')[0] == 0
        assert data('list') == []

    def test_what_is_wrong_with_nodes_is_listed(self, node, data, store):
        node('create', 'a', *SMALL)
        assert data('validate') == [
            {'Node': 'a', 'Field': '', 'What is wrong': 'ok'}]
        store().update(data('show', 'a')['uuid'],
                       driver_info={'serial_console': 'x', 'ilo': 1})
        status, out, _ = node('validate', 'a', '-f', 'json')
        assert status == 1
        assert [one['Field'] for one in json.loads(out)] == [
            'driver_info serial_console', 'driver_info ilo']

    def test_an_unknown_node_is_said_so(self, node):
        status, _, err = node('show', 'a')
        assert status == 1
        assert 'there is no node a' in err

    def test_a_secret_that_got_in_is_not_shown(self, node, data, store):
        node('create', 'a', *SMALL)
        store().update(data('show', 'a')['uuid'],
                       driver_info={'x_password': 'geheim'})
        assert 'geheim' not in str(data('show', 'a'))
        assert 'geheim' not in node('show', 'a')[1]


class TestMachine:
    @pytest.fixture(autouse=True)
    def _there(self, node):
        node('create', 'a', *SMALL)

    def test_power_is_shown_and_switched(self, data):
        assert data('power', 'a') == {'node': 'a', 'power': 'off'}
        assert data('power', 'a', 'on')['power'] == 'on'
        assert data('list')[0]['Power'] == 'on'
        assert data('power', 'a', 'reboot')['power'] == 'on'

    def test_the_boot_device_is_shown_and_set(self, data):
        found = data('boot-device', 'a', 'cdrom', '--persistent')
        assert (found['device'], found['persistent']) == ('cdrom', True)
        assert found['able'] == 'cdrom, disk, floppy, pxe'
        assert data('boot-device', 'a')['boot_mode'] == 'bios'

    def test_media_are_put_in_and_their_signature_is_not_shown(self, data):
        found = data('media', 'a', '--insert', 'https://h/x.iso?sig=geheim')
        assert found == [
            {'Drive': 'cdrom', 'Inserted': True, 'URL': 'https://h/x.iso'},
            {'Drive': 'floppy', 'Inserted': False, 'URL': ''}]
        assert not data('media', 'a', '--eject')[0]['Inserted']

    def test_maintenance_begins_and_ends(self, node, data):
        assert node('maintenance', 'a', 'on', '--reason', 'fan')[0] == 0
        found = data('show', 'a')
        assert (found['maintenance'], found['maintenance_reason']) == (
            True, 'fan')
        node('maintenance', 'a', 'off')
        found = data('show', 'a')
        assert (found['maintenance'], found['maintenance_reason']) == (
            False, None)

    def test_cleaning_is_asked_for_nobody_s_nodes_only(self, node, data,
                                                       store):
        uuid = data('show', 'a')['uuid']
        store().move(uuid, [states.AVAILABLE], states.CLEAN_FAILED)
        assert node('clean', 'a')[0] == 0
        assert data('show', 'a')['provision_state'] == states.CLEANING
        status, _, err = node('clean', 'a')
        assert status == 1
        assert 'one that is available or clean failed' in err


class TestInterfaces:
    def rows(self, run, *words):
        status, out, _ = run('node', 'interfaces', '-f', 'json', *words)
        assert status == 0
        return json.loads(out)

    def test_all_are_listed_with_what_they_have_to_know(self, run):
        rows = self.rows(run)
        assert {row['Kind'] for row in rows} == {
            'power', 'management', 'boot', 'deploy'}
        assert {'fake', 'external'} <= {row['Name'] for row in rows}

    def test_a_field_tells_its_names_and_what_it_is_otherwise(self, run):
        rows = self.rows(run, '--kind', 'power',
                         '--name', 'virtualbox')
        port, = (row for row in rows if row['Field'].startswith('vbox_port'))
        assert port['Field'] == 'vbox_port or virtualbox_port'
        assert port['Type'] == 'port'
        assert '18083' in port['Default']
        secret, = (row for row in rows if row['Type'] == 'secret')
        assert '[virtualbox] webservice_password' in secret['Default']
        assert all(row['What it is'] for row in rows)
