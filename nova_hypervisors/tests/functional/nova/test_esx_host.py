# SPDX-License-Identifier: Apache-2.0
"""An ESX host's service through Nova's API and its own periodic tasks."""

import pytest
from nova import context as nova_context
from nova import objects

from nova_hypervisors.tests.functional.nova import esxbase


class ESXHostTest(esxbase.Base):
    def _set(self, status):
        service, = self.api.get_services(binary='nova-compute')
        self.api.put_service(service['id'], {'status': status})

    @pytest.mark.feature('operation.service-control')
    def test_a_host_that_is_disabled_takes_no_servers(self):
        self._set('disabled')
        server = self._create_server(networks='none', expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self.assertEqual([], self.host.machines())
        self._set('enabled')
        server = self._create_server(networks='none')
        self.assertEqual('poweredOn', self._state(server))

    @pytest.mark.feature('operation.hung-reboots')
    def test_a_reboot_that_hangs_is_done_hard(self):
        server = self._create_server(networks='none')
        self._is_rebooted_when_it_hangs(
            server, lambda: self._machine(server).booted_at)
        self.assertEqual('poweredOn', self._state(server))


class ESXTagsTest(esxbase.Base):
    def _told(self, server):
        """Return the tags that Nova's metadata service would tell now."""
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server['id'],
            expected_attrs=['device_metadata'])
        return {device.mac: device.tags
                for device in instance.device_metadata.devices}

    @pytest.mark.feature('operation.attach-tagged-interface')
    def test_a_guest_is_told_of_the_tag_of_a_port(self):
        server = self._create_server(networks='none')
        added = self.api.attach_interface(
            server['id'], {'interfaceAttachment': {
                'net_id': self.neutron.network_1['id'], 'tag': 'inside'}},
        ).body['interfaceAttachment']
        nic, = [device for device
                in self._machine(server).config.hardware.device
                if hasattr(device, 'macAddress')]
        self.assertEqual({nic.macAddress: ['inside']}, self._told(server))
        self._detach_interface(server, added['port_id'])
        self.assertEqual({}, self._told(server))
