# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.tests.functional.nova import base


class RescueTest(base.Base):
    def _disks(self, server):
        settings = self.real.client.machine_settings(server['id'])
        return [disk.path.rpartition('/')[2] for disk
                in sorted(settings.disks, key=lambda disk: disk.port)]

    @pytest.mark.feature('operation.rescue')
    def test_a_server_is_rescued_and_goes_on(self):
        server = self._create_server(networks='auto')
        self._boots(server)
        self.api.post_server_action(server['id'], {'rescue': {
            'rescue_image_ref': '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6'}})
        self._wait_for_state_change(server, 'RESCUE')
        self.assertEqual(['rescue.vdi', 'root.vdi'], self._disks(server))
        self.assertEqual({'running'}, self._states())
        self._boots(server)
        self.api.post_server_action(server['id'], {'unrescue': None})
        self._wait_for_state_change(server, 'ACTIVE')
        self.assertEqual(['root.vdi'], self._disks(server))
        self.assertEqual({'running'}, self._states())
        self.assertFalse(
            (self.folder / 'i' / server['id'] / 'rescue.vdi').exists())
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_media())


class RescueByWebServiceTest(RescueTest):
    backend = 'webservice'
