# SPDX-License-Identifier: Apache-2.0
"""Servers on nodes of bare metal through Nova's API."""

import io
import json

import fixtures
import pycdlib
import pytest

from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal.deploy import fake as fake_deploy
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.functional.nova import baremetalbase

ON, OFF = api.Power.ON, api.Power.OFF
DISK, CDROM = api.BootDevice.DISK, api.BootDevice.CDROM
RAMDISK = (CDROM, 'http://fake.invalid/deploy.iso')


class BareMetalServersTest(baremetalbase.Base):
    def _do(self, server, action, status, power):
        self.api.post_server_action(server['id'], {action: None})
        self._wait_for_state_change(server, status)
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertIs(power, self._machine(self._node(server)).power())

    @pytest.mark.feature('operation.launch', 'operation.terminate',
                         'operation.start', 'operation.stop',
                         'operation.reboot', 'operation.clean')
    def test_the_life_of_a_server(self):
        server = self._make()
        node = self._node(server)
        self.assertEqual(node.uuid,
                         server['OS-EXT-SRV-ATTR:hypervisor_hostname'])
        self.assertEqual(states.ACTIVE, node.provision_state)
        machine = self._machine(node)
        # First the ramdisk, then what it has deployed.
        self.assertEqual([RAMDISK, (DISK, None)], machine.boots)
        self.assertIs(ON, machine.power())
        self._do(server, 'os-stop', 'SHUTOFF', OFF)
        self._do(server, 'os-start', 'ACTIVE', ON)
        self._reboot_server(server)
        self._reboot_server(server, hard=True)
        self.assertEqual([(DISK, None)] * 3, machine.boots[2:])
        self._delete_server(server)
        self._is_clean(node.uuid)
        self.assertIs(OFF, machine.power())
        # Nova may ask for what is done already.
        self.driver.cleanup(builders.admin_context(),
                            baremetalbase.Named(server), [])
        self._is_clean(node.uuid)

    def test_as_many_servers_as_nodes(self):
        first, second = self._make(), self._make()
        self.assertNotEqual(self._node(first).uuid, self._node(second).uuid)
        third = self._make(expected_state='ERROR')
        self.assertIn('No valid host', third['fault']['message'])

    @pytest.mark.feature('operation.inventory', 'operation.get-host-status')
    def test_what_placement_has_of_a_node(self):
        server = self._make()
        taken, free = sorted(self.store.list_nodes(), key=lambda node:
                             node.instance_uuid is None)
        self.assertEqual(server['id'], taken.instance_uuid)
        self._run_periodics()
        for node, reserved in ((taken, 1), (free, 0)):
            inventory = self._inventory(node)
            self.assertEqual({baremetalbase.RESOURCE_CLASS}, set(inventory))
            found = inventory[baremetalbase.RESOURCE_CLASS]
            self.assertEqual((1, reserved), (found['total'],
                                             found['reserved']))
        self.assertIn('CUSTOM_FAST', self._get_provider_traits(free.uuid))
        self.store.update(free.uuid, maintenance=True)
        self._run_periodics()
        self.assertEqual(1, self._inventory(free)[
            baremetalbase.RESOURCE_CLASS]['reserved'])

    def test_nodes_come_and_go(self):
        node = self.store.list_nodes()[0]
        self.store.delete(node.uuid)
        self._run_periodics()
        found = self.api.api_get('/os-hypervisors').body['hypervisors']
        self.assertEqual([self.store.list_nodes()[0].uuid],
                         [one['hypervisor_hostname'] for one in found])

    @pytest.mark.feature('operation.list-instances',
                         'operation.get-guest-info', 'operation.get-host-ip')
    def test_a_service_that_is_started_again_knows_its_servers(self):
        server = self._make()
        self.assertEqual([server['id']], self.driver.list_instance_uuids())
        before = self._machine(self._node(server))
        self._again()
        self.assertEqual([server['id']], self.driver.list_instance_uuids())
        self.assertEqual(1, self.driver.get_num_instances())
        self.assertTrue(self.driver.instance_exists(
            baremetalbase.Named(server)))
        self.assertEqual([server['OS-EXT-SRV-ATTR:instance_name']],
                         self.driver.list_instances())
        self.flags(my_ip='192.0.2.3')
        self.assertEqual('192.0.2.3', self.driver.get_host_ip_addr())
        # Machines in memory are new, and off.
        self.assertIsNot(before, self._machine(self._node(server)))
        self._wait_for_state_change(server, 'SHUTOFF')

    @pytest.mark.feature('operation.rebuild')
    def test_a_rebuilt_server_stays_on_its_node(self):
        server = self._make()
        node = self._node(server)
        image = '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6'
        self._rebuild_server(server, image)
        found = self._node(server)
        self.assertEqual(node.uuid, found.uuid)
        self.assertEqual(states.ACTIVE, found.provision_state)
        self.assertEqual(image, found.instance_info['deployed'])
        self.assertEqual([RAMDISK, (DISK, None)] * 2,
                         self._machine(node).boots)
        self._delete_server(server)
        self._is_clean(node.uuid)

    def test_the_config_drive_knows_the_node_s_address_and_is_gone(self):
        seen, deploy = {}, fake_deploy.FakeDeploy.deploy

        def reads(self, task):
            seen.update(_read(task.node.instance_info['configdrive']))
            deploy(self, task)

        self.useFixture(fixtures.MonkeyPatch(
            f'{fake_deploy.__name__}.FakeDeploy.deploy', reads))
        request = self._build_server(flavor_id=self.flavor_id,
                                     networks='auto')
        request.update(config_drive=True, adminPass='a password')
        server = self._wait_for_state_change(
            self.api.post_server({'server': request}), 'ACTIVE')
        self.assertEqual((server['id'], 'a password'), (
            seen['meta_data']['uuid'], seen['meta_data']['admin_pass']))
        link, = seen['network_data']['links']
        node = self._node(server)
        self.assertEqual(node.ports[0].address, link['ethernet_mac_address'])
        self.assertNotIn('configdrive', node.instance_info)
        folder = self.driver._parts.inventory.services.state_path
        self.assertEqual([], list((folder / 'configdrives').iterdir()))

    @pytest.mark.feature('operation.rescue')
    def test_a_rescued_server_boots_another_image(self):
        server = self._make()
        machine = self._machine(self._node(server))
        server = self._rescue_server(server)
        self.assertEqual(states.RESCUED, self._node(server).provision_state)
        device, url = machine.boots[-1]
        self.assertEqual(CDROM, device)
        self.assertIn('/rescue/', url)
        # The API reboots no such server; a node may be reset all the same.
        self.driver.reboot(None, baremetalbase.Named(server), None,
                           'HARD')
        self.assertEqual((device, url), machine.boots[-1])
        self._unrescue_server(server)
        self.assertEqual((DISK, None), machine.boots[-1])
        self.assertFalse(any(one.inserted for one in machine.media()))

    @pytest.mark.feature('operation.hung-reboots')
    def test_a_reboot_that_hangs_is_done_hard(self):
        server = self._make()
        self._is_rebooted_when_it_hangs(server, lambda: len(
            self._machine(self._node(server)).boots))

    @pytest.mark.feature('operation.trigger-crash-dump')
    def test_an_nmi_gets_to_the_machine(self):
        server = self._make()
        self.api.post_server_action(server['id'],
                                    {'trigger_crash_dump': None})
        machine = self._machine(self._node(server))
        self._wait(lambda: machine.nmis == 1)

    @pytest.mark.feature('operation.lifecycle-events')
    def test_a_node_that_goes_off_is_shown_off(self):
        server = self._make()
        self._machine(self._node(server)).power_off()
        self._wait_for_state_change(server, 'SHUTOFF')

    @pytest.mark.feature('console.serial.interactive')
    def test_a_serial_console_is_the_node_s_line(self):
        self.flags(group='serial_console', enabled=True)
        for node in self.store.list_nodes():
            self.store.update(node.uuid, driver_info={
                'serial_console': 'tcp://192.0.2.7:7001'})
        server = self._make()
        found = self.api.api_post(
            f'/servers/{server["id"]}/remote-consoles',
            {'remote_console': {'protocol': 'serial', 'type': 'serial'}}).body
        self.assertIn('token=', found['remote_console']['url'])
        console = self.driver.get_serial_console(
            None, baremetalbase.Named(server))
        self.assertEqual(('192.0.2.7', 7001), (console.host, console.port))


def _read(path):
    """Return what a config drive says, by file."""
    image = pycdlib.PyCdlib()
    image.open(path)
    result = {}
    for name in ('meta_data', 'network_data'):
        found = io.BytesIO()
        image.get_file_from_iso_fp(
            found, rr_path=f'/openstack/latest/{name}.json')
        result[name] = json.loads(found.getvalue())
    image.close()
    return result
