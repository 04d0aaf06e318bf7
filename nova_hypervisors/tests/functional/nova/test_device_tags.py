# SPDX-License-Identifier: Apache-2.0
"""Tags of devices: a guest finds them on its config drive."""

import json

import pytest
from nova import context as nova_context
from nova import objects

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests.functional.nova import base
from nova_hypervisors.tests.functional.nova import test_config_drive


class DeviceTagsTest(base.Base):
    def _create(self):
        flavor_id = self._create_flavor(
            memory_mb=64, vcpu=1, disk=1, ephemeral=0, swap=0,
            extra_spec={'virtualbox:spare_adapters': '1'})
        server = self._build_server(flavor_id=flavor_id, networks=[
            {'port': self.neutron.port_1['id'], 'tag': 'outside'}])
        server['config_drive'] = True
        server['block_device_mapping_v2'] = [
            {'boot_index': 0, 'uuid': server['imageRef'], 'tag': 'root',
             'source_type': 'image', 'destination_type': 'local',
             'delete_on_termination': True}]
        return self._wait_for_state_change(
            self.api.post_server({'server': server}), 'ACTIVE')

    def _told(self, server):
        """Return the tags that Nova's metadata service would tell now."""
        context = nova_context.get_admin_context()
        instance = objects.Instance.get_by_uuid(
            context, server['id'], expected_attrs=['device_metadata'])
        return {getattr(device, 'mac', None) or device.path: device.tags[0]
                for device in instance.device_metadata.devices}

    @pytest.mark.feature('operation.device-tags',
                         'operation.attach-tagged-interface')
    def test_a_guest_is_told_of_its_tagged_devices(self):
        server = self._create()
        settings = self.real.client.machine_settings(server['id'])
        drive, = [disk for disk in settings.disks
                  if disk.kind is api.DiskKind.DVD]
        data = json.loads(test_config_drive.read(drive.path,
                                                 'latest/meta_data.json'))
        nic, spare = settings.nics
        found = {device.get('mac') or device['path']: device['tags']
                 for device in data['devices']}
        name = server['OS-EXT-SRV-ATTR:root_device_name']
        self.assertEqual({nic.mac: ['outside'], name: ['root']}, found)
        added = self.api.attach_interface(
            server['id'], {'interfaceAttachment': {
                'net_id': self.neutron.network_1['id'], 'tag': 'inside'}},
        ).body['interfaceAttachment']
        self.assertEqual({nic.mac: 'outside', spare.mac: 'inside',
                          name: 'root'}, self._told(server))
        self._detach_interface(server, added['port_id'])
        self.assertEqual({nic.mac: 'outside', name: 'root'},
                         self._told(server))


class DeviceTagsByWebServiceTest(DeviceTagsTest):
    backend = 'webservice'
