# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.tests import guests
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base

_WORDS = b'rescuer!'


class RescueTest(base.Base):
    @pytest.fixture(autouse=True)
    def _storage(self, storage):
        self.storage = storage

    def _rescue(self, server, image_id):
        self.api.post_server_action(server['id'], {'rescue': {
            'rescue_image_ref': image_id}})
        self._wait_for_state_change(server, 'RESCUE')

    def _unrescue(self, server):
        self.api.post_server_action(server['id'], {'unrescue': None})
        self._wait_for_state_change(server, 'ACTIVE')
        self.assertEqual({'running'}, self._states())

    def _cd(self):
        """Upload a CD that leaves the devices of a server where they are."""
        path = guests.write_cd(self.folder / 'rescue.iso', _WORDS)
        image = self.glance.create(None, {
            'name': 'cd', 'status': 'active', 'disk_format': 'iso',
            'container_format': 'bare', 'min_ram': 0, 'min_disk': 0,
            'size': path.stat().st_size,
            'properties': {'hw_rescue_device': 'cdrom',
                           'hw_rescue_bus': 'sata'}})
        self.glance._imagedata[image['id']] = path.read_bytes()
        return image['id']

    def _says(self, server, words):
        peers.wait_until(lambda: words in self.api.post_server_action(
            server['id'], {'os-getConsoleOutput': {}})['output'],
            timeout_s=60)

    def _places(self, server):
        """Return where a server's own disks are."""
        settings = self.real.client.machine_settings(server['id'])
        return {disk.path: (disk.port, disk.kind) for disk in settings.disks
                if not disk.path.endswith('.iso')}

    def _disks(self, server):
        settings = self.real.client.machine_settings(server['id'])
        return [disk.path.rpartition('/')[2] for disk
                in sorted(settings.disks, key=lambda disk: disk.port)]

    @pytest.mark.feature('operation.rescue')
    def test_a_server_is_rescued_and_goes_on(self):
        server = self._create_server(networks='auto')
        self._boots(server)
        self._rescue(server, '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6')
        self.assertEqual(['rescue.vdi', 'root.vdi'], self._disks(server))
        self.assertEqual({'running'}, self._states())
        self._boots(server)
        self._unrescue(server)
        self.assertEqual(['root.vdi'], self._disks(server))
        self.assertFalse(
            (self.folder / 'i' / server['id'] / 'rescue.vdi').exists())
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_media())

    @pytest.mark.feature('operation.rescue.stable-device')
    def test_its_devices_stay_where_they_are(self):
        server = self._create_server(networks='auto')
        self._boots(server)
        places = self._places(server)
        self._rescue(server, self._cd())
        self._says(server, _WORDS.decode())
        self.assertEqual(places, self._places(server))
        self._unrescue(server)
        self._says(server, 'guest up')
        self.assertEqual(places, self._places(server))
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_media())

    @pytest.mark.feature('operation.rescue.stable-device')
    def test_a_server_on_a_volume_is_rescued(self):
        volume = self.storage.add(content=peers.lab().guest.read_bytes())
        self.cinder.VOLUME_CONNECTION_INFO[self.cinder.IMAGE_BACKED_VOL] = (
            volume.connection_info())
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop,
                        self.cinder.IMAGE_BACKED_VOL)
        server = self._boot_from_volume()
        self._wait_for_state_change(server, 'ACTIVE')
        self._says(server, 'guest up')
        self._rescue(server, self._cd())
        self._says(server, _WORDS.decode())
        self.assertEqual({volume.lun.address}, self._luns(server))
        self._unrescue(server)
        self._says(server, 'guest up')
        self.assertEqual({volume.lun.address}, self._luns(server))


class RescueByWebServiceTest(RescueTest):
    backend = 'webservice'
