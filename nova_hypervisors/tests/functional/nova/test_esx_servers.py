# SPDX-License-Identifier: Apache-2.0
"""Servers on an ESX host through Nova's API."""

import io
import json

import pycdlib
import pytest

from nova_hypervisors.tests.functional.nova import esxbase


class ESXServersTest(esxbase.Base):
    def _do(self, server, action, status, state):
        self.api.post_server_action(server['id'], {action: None})
        server = self._wait_for_state_change(server, status)
        self._wait_for_server_parameter(server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertEqual(state, self._state(server))

    def test_the_life_of_a_server(self):
        server = self._create_server(networks='auto')
        self.assertEqual('poweredOn', self._state(server))
        self.assertEqual(server['OS-EXT-SRV-ATTR:host'], 'here')
        for action, status, state in (
                ('os-stop', 'SHUTOFF', 'poweredOff'),
                ('os-start', 'ACTIVE', 'poweredOn'),
                ('suspend', 'SUSPENDED', 'suspended'),
                ('resume', 'ACTIVE', 'poweredOn')):
            self._do(server, action, status, state)
        self._reboot_server(server)
        self._reboot_server(server, hard=True)
        self.assertEqual('poweredOn', self._state(server))
        self._delete_server(server)
        self.assertIsNone(self._machine(server))

    def test_a_resize_is_confirmed_or_taken_back(self):
        self.flags(allow_resize_to_same_host=True)
        server = self._create_server(networks='auto')
        larger = self._create_flavor(memory_mb=1024, vcpu=2, disk=2)
        for settle, vcpus in ((self._revert_resize, 1),
                              (self._confirm_resize, 2)):
            server = self._resize_server(server, larger)
            self.assertEqual(
                2, self._machine(server).config.hardware.numCPU)
            server = settle(server)
            self.assertEqual(
                vcpus, self._machine(server).config.hardware.numCPU)
            self.assertEqual('poweredOn', self._state(server))


    def test_rescue(self):
        server = self._create_server(networks='auto')
        server = self._rescue_server(server)
        self.assertEqual('RESCUE', server['status'])
        server = self._unrescue_server(server)
        self.assertEqual('ACTIVE', server['status'])

    def test_shelve(self):
        self.flags(shelved_offload_time=0)
        server = self._create_server(networks='auto')
        server = self._shelve_server(server,
                                     expected_state='SHELVED_OFFLOADED')
        self.assertIsNone(self._machine(server))
        server = self._unshelve_server(server)
        self.assertEqual('poweredOn', self._state(server))

    def test_a_guest_that_goes_off_is_shown_off(self):
        server = self._create_server(networks='auto')
        self.host.guest_powers_off(self._machine(server).ref._moId)
        self._wait_for_state_change(server, 'SHUTOFF')

    def test_diagnostics_pass_the_schema_of_the_api(self):
        server = self._create_server(networks='auto')
        found = self.api.api_get(
            f'/servers/{server["id"]}/diagnostics').body
        self.assertEqual('vmwareapi', found['driver'])
        self.assertEqual(1, found['num_nics'])

    def test_interfaces_come_and_go(self):
        server = self._create_server(networks='none')
        port = self.neutron.port_1
        self._attach_interface(server, port['id'])
        nic, = self._nics(server)
        self.assertEqual(port['mac_address'], nic.macAddress)
        self._detach_interface(server, port['id'])
        self.assertEqual([], self._nics(server))

    def _nics(self, server):
        return [device for device
                in self._machine(server).config.hardware.device
                if hasattr(device, 'macAddress')]

    def test_what_is_refused_leaves_an_error_and_nothing_else(self):
        image = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
        self.glance.images[image]['disk_format'] = 'qcow2'
        server = self._create_server(image_uuid=image, networks='auto',
                                     expected_state='ERROR')
        self.assertIn('its content is', server['fault']['message'])
        self.assertEqual([], self.host.machines())

    def test_mks_consoles(self):
        server = self._create_server(networks='auto')
        self.flags(group='mks', enabled=True)
        found = self.api.api_post(
            f'/servers/{server["id"]}/remote-consoles',
            {'remote_console': {'protocol': 'mks', 'type': 'webmks'}}).body
        self.assertIn('token=', found['remote_console']['url'])


class ESXConfigDriveTest(esxbase.Base):
    # The last one with which files may be sent along.
    microversion = '2.56'

    @pytest.mark.feature('guest.setup.configdrive', 'guest.setup.inject.file')
    def test_it_has_what_the_guest_is_to_know(self):
        request = self._build_server(networks='auto')
        request.update(
            config_drive=True, adminPass='a password',
            personality=[{'path': '/etc/motd', 'contents': 'aW5qZWN0ZWQ='}])
        server = self._wait_for_state_change(
            self.api.post_server({'server': request}), 'ACTIVE')
        path, = self.host.datastore.folder.glob(
            f'nova/{server["id"]}/config-drive.iso')
        data = json.loads(self._read(path, 'latest/meta_data.json'))
        self.assertEqual(server['id'], data['uuid'])
        self.assertEqual('a password', data['admin_pass'])
        injected, = data['files']
        self.assertEqual(b'injected', self._read(
            path, injected['content_path'].lstrip('/')))

    def _read(self, path, name):
        image = pycdlib.PyCdlib()
        image.open(str(path))
        found = io.BytesIO()
        image.get_file_from_iso_fp(found, rr_path=f'/openstack/{name}')
        image.close()
        return found.getvalue()
