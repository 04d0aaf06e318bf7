# SPDX-License-Identifier: Apache-2.0
"""Volumes of servers on an ESX host through Nova's API.

Nova's own fixture stands for Cinder, and tells of targets that the fake host
finds.
"""

import fixtures
import pytest

from nova_hypervisors.tests.fakes.esx import storage
from nova_hypervisors.tests.functional.nova import esxbase

GIB = 2 ** 30


class ESXVolumesTest(esxbase.Base):
    def _volume(self, volume_id):
        """Have a volume, and let Cinder tell where it is."""
        lun = storage.Lun(f'iqn.2026-11.org.example:{volume_id}', GIB, 1)
        self.host.luns.append(lun)
        self.cinder.VOLUME_CONNECTION_INFO[volume_id] = {
            'driver_volume_type': 'iscsi', 'data': {
                'target_portal': f'{lun.address}:{lun.port}',
                'target_iqn': lun.iqn, 'target_lun': lun.lun}}
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop, volume_id)
        return lun

    def _attached(self, server):
        """Return the names of the storage's disks that a server has."""
        return [disk.backing.deviceName.rpartition('/')[2]
                for disk in self._machine(server).disks
                if hasattr(disk.backing, 'deviceName')]

    def _boot_from_volume(self):
        return self._wait_for_state_change(self.api.post_server({'server': {
            'name': 'from-volume', 'flavorRef': '1', 'networks': 'auto',
            'imageRef': '', 'block_device_mapping_v2': [{
                'boot_index': 0, 'uuid': self.cinder.IMAGE_BACKED_VOL,
                'source_type': 'volume', 'destination_type': 'volume'}]}}),
            'ACTIVE')

    @pytest.mark.feature('operation.rebuild-volume-backed')
    def test_a_server_is_rebuilt_in_its_volume(self):
        lun = self._volume(self.cinder.IMAGE_BACKED_VOL)
        server = self._boot_from_volume()
        self.assertEqual([lun.naa], self._attached(server))
        first = self._machine(server).ref._moId

        def reimage(*_, **__):
            """Do as Cinder does: write the image, and tell Nova."""
            assert self.host.storage.static_targets == []
            self.api.create_server_external_events([{
                'name': 'volume-reimaged', 'server_uuid': server['id'],
                'tag': self.cinder.IMAGE_BACKED_VOL}])

        self.useFixture(fixtures.MonkeyPatch(
            'nova.volume.cinder.API.reimage_volume', reimage))
        self._rebuild_server(server, '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6')
        self.assertEqual([lun.naa], self._attached(server))
        self.assertEqual('poweredOn', self._state(server))
        self.assertNotEqual(first, self._machine(server).ref._moId)

    def _places(self, server):
        """Return the controllers and units of a server's disks, by name."""
        return {getattr(disk.backing, 'deviceName', disk.backing.fileName)
                .rpartition('/')[2]: (disk.controllerKey, disk.unitNumber)
                for disk in self._machine(server).disks}

    def _boots(self, server):
        """Return the place of the disk that a server boots."""
        machine = self._machine(server)
        first = machine.config.bootOptions.bootOrder[0]
        return next((disk.controllerKey, disk.unitNumber) for disk
                    in machine.disks if disk.key == first.deviceKey)

    @pytest.mark.feature('operation.rescue.stable-device')
    def test_a_server_on_a_volume_is_rescued(self):
        lun = self._volume(self.cinder.IMAGE_BACKED_VOL)
        server = self._boot_from_volume()
        image_id = '76fa36fc-c930-4bf3-8c8a-ea2a2420deb6'
        self.glance.images[image_id]['properties'] |= {
            'hw_rescue_device': 'disk', 'hw_rescue_bus': 'scsi'}
        before = self._places(server)
        self.api.post_server_action(server['id'], {'rescue': {
            'rescue_image_ref': image_id}})
        server = self._wait_for_state_change(server, 'RESCUE')
        rescued = self._places(server)
        place = rescued.pop('rescue.vmdk')
        self.assertEqual(before, rescued)
        self.assertEqual(place, self._boots(server))
        server = self._unrescue_server(server)
        self.assertEqual(before, self._places(server))
        self.assertEqual(before[lun.naa], self._boots(server))

    @pytest.mark.feature('operation.extend-volume')
    def test_a_volume_grows(self):
        lun = self._volume(self.cinder.ISCSI_BACKED_VOL)
        server = self._create_server(networks='auto')
        self.api.post_server_volume(server['id'], {'volumeAttachment': {
            'volumeId': self.cinder.ISCSI_BACKED_VOL}})
        self._wait(lambda: self._attached(server) == [lun.naa])
        lun.size = 2 * GIB
        self.assertEqual(GIB, self._seen())
        self.api.create_server_external_events([{
            'name': 'volume-extended', 'server_uuid': server['id'],
            'tag': self.cinder.ISCSI_BACKED_VOL}])
        self._wait(lambda: self._seen() == 2 * GIB)

    def _seen(self):
        """Return how large the host takes the only volume to be."""
        disk, = self.host.storage.storageDeviceInfo.scsiLun
        return disk.capacity.block * disk.capacity.blockSize

    @pytest.mark.feature('operation.attach-tagged-volume')
    def test_a_guest_is_told_of_the_tag_of_a_volume(self):
        lun = self._volume(self.cinder.ISCSI_BACKED_VOL)
        server = self._create_server(networks='auto')
        self.api.post_server_volume(server['id'], {'volumeAttachment': {
            'volumeId': self.cinder.ISCSI_BACKED_VOL, 'tag': 'data'}})
        self._wait(lambda: self._tags(server) == {'/dev/sdb': ['data']})
        self.assertEqual([lun.naa], self._attached(server))
        self.api.delete_server_volume(server['id'],
                                      self.cinder.ISCSI_BACKED_VOL)
        self._wait(lambda: self._tags(server) == {})
        self.assertEqual([], self._attached(server))
