# SPDX-License-Identifier: Apache-2.0
"""Servers through Nova's API."""

from nova_hypervisors.tests.functional.nova import base


class ServersTest(base.Base):
    def test_the_life_of_a_server(self):
        server = self._create_server(networks='auto')
        self.assertEqual({'running'}, self._states())
        self.assertEqual([server['id']], [
            machine.uuid for machine in self.real.client.list_machines()])
        self._boots(server)
        self._act(server, 'pause', 'PAUSED', 'paused')
        self._act(server, 'unpause', 'ACTIVE', 'running')
        self._act(server, 'suspend', 'SUSPENDED', 'saved')
        self._act(server, 'resume', 'ACTIVE', 'running')
        self._act(server, 'os-stop', 'SHUTOFF', 'off')
        self._act(server, 'os-start', 'ACTIVE', 'running')
        self._reboot_server(server, hard=True)
        console = self.api.api_post(
            f'/servers/{server["id"]}/remote-consoles',
            {'remote_console': {'protocol': 'vnc', 'type': 'novnc'}}).body
        self.assertIn('token%3D', console['remote_console']['url'])
        self._snapshot_server(server, 'a snapshot')
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_machines())
        self.assertEqual([], self.real.client.list_media())

    def test_an_image_of_another_architecture_finds_no_host(self):
        image = self.glance.images['155d900f-4e14-4e4c-a73d-069cbf4541e6']
        image['properties']['hw_architecture'] = 'aarch64'
        server = self._create_server(
            image_uuid='155d900f-4e14-4e4c-a73d-069cbf4541e6',
            networks='auto', expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self.assertEqual([], self.real.client.list_machines())

    def test_a_server_that_was_stopped_outside_nova_is_shutoff(self):
        server = self._create_server(networks='auto')
        self.real.client.power_off(server['id'])
        self._wait_for_state_change(server, 'SHUTOFF')

    def test_a_server_that_is_made_and_not_started_is_shutoff(self):
        flavor_id = self._create_flavor(
            memory_mb=64, vcpu=1, disk=1, ephemeral=0, swap=0,
            extra_spec={'virtualbox:power_on': 'false'})
        server = self._create_server(flavor_id=flavor_id, networks='auto',
                                     expected_state='ACTIVE')
        self._wait_for_state_change(server, 'SHUTOFF')
        self.assertEqual({'off'}, self._states())

    def test_an_image_that_is_refused_leaves_an_error_and_nothing_else(self):
        image = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
        self.glance.images[image]['disk_format'] = 'qcow2'
        server = self._create_server(image_uuid=image, networks='auto',
                                     expected_state='ERROR')
        self.assertIn('its content is', server['fault']['message'])
        self.assertEqual([], self.real.client.list_machines())

    def test_diagnostics_pass_the_schema_of_the_api(self):
        server = self._create_server(networks='auto')
        found = self.api.api_get(
            f'/servers/{server["id"]}/diagnostics').body
        self.assertEqual('virtualbox', found['hypervisor'])
        self.assertEqual(1, found['num_nics'])
