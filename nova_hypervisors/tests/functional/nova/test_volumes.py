# SPDX-License-Identifier: Apache-2.0
"""Volumes through Nova's API, on a real storage.

Nova's own fixture stands for Cinder, and tells of targets that are there.
"""

import fixtures
import pytest

from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import base

KEYS = ('storage.block', 'storage.block.backend.iscsi',
        'storage.block.backend.iscsi.auth.chap')


class VolumesTest(base.Base):
    @pytest.fixture(autouse=True)
    def _storage(self, storage):
        self.storage = storage

    def _volume(self, volume_id, content=b'', **data):
        """Make a volume, and let Cinder tell where it is."""
        volume = self.storage.add(content=content)
        volume.tell('volume of nova')
        self.cinder.VOLUME_CONNECTION_INFO[volume_id] = (
            volume.connection_info(**data))
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop, volume_id)
        return volume

    def _is_used(self, volume):
        peers.wait_until(lambda: volume.copied() == 'volume of nova',
                         timeout_s=60)

    @pytest.mark.feature('operation.attach-volume',
                         'operation.detach-volume', *KEYS)
    def test_a_server_gets_a_volume_and_gives_it_back(self):
        volume = self._volume(self.cinder.ISCSI_BACKED_VOL)
        server = self._create_server(networks='auto')
        self._boots(server)
        self.api.post_server_volume(server['id'], {
            'volumeAttachment': {'volumeId': self.cinder.ISCSI_BACKED_VOL}})
        peers.wait_until(lambda: self._luns(server) == {volume.lun.address})
        attachment, = self.api.get_server_volumes(server['id'])
        self.assertEqual('/dev/sdb', attachment['device'])
        self.api.post_server_action(server['id'],
                                    {'reboot': {'type': 'HARD'}})
        self._is_used(volume)
        self._wait_for_state_change(server, 'ACTIVE')
        self.api.delete_server_volume(server['id'],
                                      self.cinder.ISCSI_BACKED_VOL)
        peers.wait_until(lambda: self._luns(server) == set())
        self.assertEqual(set(), volume.initiators)
        self.assertEqual({'running'}, self._states())

    @pytest.mark.feature('storage.block.boot', 'operation.extend-volume')
    def test_a_server_runs_from_a_volume_and_sees_it_grow(self):
        volume = self._volume(self.cinder.IMAGE_BACKED_VOL,
                              peers.lab().guest.read_bytes())
        server = self._boot_from_volume()
        self._wait_for_state_change(server, 'ACTIVE')
        self._is_used(volume)
        self._act(server, 'os-stop', 'SHUTOFF', 'off')
        volume.extend(16)
        self.api.create_server_external_events([{
            'name': 'volume-extended', 'server_uuid': server['id'],
            'tag': self.cinder.IMAGE_BACKED_VOL}])
        self._act(server, 'os-start', 'ACTIVE', 'running')
        log, = self.folder.rglob('VBox.log')
        self.assertIn(f'total number of sectors {16 << 11}', log.read_text())
        self._delete_server(server)
        self.assertEqual([], self.real.client.list_machines())
        self.assertEqual(set(), volume.initiators)

    @pytest.mark.feature('operation.rebuild-volume-backed')
    def test_a_server_is_rebuilt_in_its_volume(self):
        guest = peers.lab().guest.read_bytes()
        volume = self._volume(self.cinder.IMAGE_BACKED_VOL, guest)
        server = self._boot_from_volume()
        self._wait_for_state_change(server, 'ACTIVE')
        self._is_used(volume)

        def reimage(*_, **__):
            """Do as Cinder does: write the image, and tell Nova."""
            assert volume.initiators == set()
            volume.path.write_bytes(guest.ljust(volume.path.stat().st_size,
                                                b'\0'))
            volume.tell('volume of nova')
            self.api.create_server_external_events([{
                'name': 'volume-reimaged', 'server_uuid': server['id'],
                'tag': self.cinder.IMAGE_BACKED_VOL}])

        self.useFixture(fixtures.MonkeyPatch(
            'nova.volume.cinder.API.reimage_volume', reimage))
        self._rebuild_server(server, '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6')
        self._is_used(volume)
        self.assertEqual({volume.lun.address}, self._luns(server))
        self.assertEqual({'running'}, self._states())

    @pytest.mark.feature('operation.attach-tagged-volume')
    def test_a_guest_is_told_of_the_tag_of_a_volume(self):
        self._volume(self.cinder.ISCSI_BACKED_VOL)
        server = self._create_server(networks='auto')
        self.api.post_server_volume(server['id'], {'volumeAttachment': {
            'volumeId': self.cinder.ISCSI_BACKED_VOL, 'tag': 'data'}})
        peers.wait_until(lambda: self._luns(server))
        peers.wait_until(lambda: self._tags(server) == {'/dev/sdb': ['data']})
        self.api.delete_server_volume(server['id'],
                                      self.cinder.ISCSI_BACKED_VOL)
        peers.wait_until(lambda: self._tags(server) == {})

    @pytest.mark.feature('operation.swap-volume')
    def test_a_volume_takes_the_place_of_another_one(self):
        old = self._volume(self.cinder.SWAP_OLD_VOL)
        new = self._volume(self.cinder.SWAP_NEW_VOL)
        server = self._create_server(networks='auto')
        self._boots(server)
        self.api.post_server_volume(server['id'], {
            'volumeAttachment': {'volumeId': self.cinder.SWAP_OLD_VOL}})
        peers.wait_until(lambda: self._luns(server) == {old.lun.address})
        self.admin_api.put_server_volume(
            server['id'], self.cinder.SWAP_OLD_VOL, self.cinder.SWAP_NEW_VOL)
        peers.wait_until(lambda: self._luns(server) == {new.lun.address})
        self.assertEqual(set(), old.initiators)
        self.assertEqual(old.path.read_bytes(), new.path.read_bytes())
        self.assertEqual({'running'}, self._states())

    @pytest.mark.long
    def test_a_server_does_not_boot_from_an_encrypted_volume(self):
        guest = peers.lab().guest.read_bytes()
        volume = self._volume(self.cinder.IMAGE_BACKED_VOL, guest,
                              encrypted=True)
        server = self._boot_from_volume()
        server = self._wait_for_state_change(server, 'ERROR')
        self.assertIn('encryption is not supported',
                      server['fault'].get('details', '')
                      + server['fault']['message'])
        self.assertEqual([], self.real.client.list_machines())
        self.assertEqual(set(), volume.initiators)


class VolumesByWebServiceTest(VolumesTest):
    backend = 'webservice'
