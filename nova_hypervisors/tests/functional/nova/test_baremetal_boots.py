# SPDX-License-Identifier: Apache-2.0
"""How flavors and images let nodes boot, through Nova's API."""

import pytest

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests.functional.nova import baremetalbase

IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
DISK, CDROM, PXE = (api.BootDevice.DISK, api.BootDevice.CDROM,
                    api.BootDevice.PXE)
UEFI, BIOS = api.BootMode.UEFI, api.BootMode.BIOS


class Base(baremetalbase.Base):
    def _add_nodes(self):
        super()._add_nodes()
        self.node, other = self.store.list_nodes()
        self.store.delete(other.uuid)

    @property
    def machine(self):
        return self._machine(self.node)

    def _make_with(self, extra_spec=None, expected_state='ACTIVE', **image):
        """Make a server by extra specs and by properties of its image."""
        self.glance.images[IMAGE]['properties'].update(image)
        return self._create_server(
            flavor_id=self._make_flavor(extra_spec), networks='auto',
            image_uuid=IMAGE, expected_state=expected_state)

    def _devices(self):
        """Return what the machine booted from, but for the ramdisk."""
        return [device for device, url in self.machine.boots if not url]

    def _restart(self, server):
        self.api.post_server_action(server['id'],
                                    {'reboot': {'type': 'HARD'}})
        self._wait_for_server_parameter(
            server, {'status': 'ACTIVE', 'OS-EXT-STS:task_state': None})

    def _delete(self, server):
        self._delete_server(server)
        self._is_clean(self.node.uuid)
        self.assertEqual(api.Boot(DISK, persistent=True),
                         self.machine.boot())
        self.assertEqual((BIOS, False), (self.machine.boot_mode(),
                                         self.machine.secure_boot()))


class BootTest(Base):
    @pytest.mark.feature('boot.order')
    def test_a_flavor_lets_it_boot_from_the_network(self):
        server = self._make_with({'baremetal:boot': 'network'})
        self._restart(server)
        self.assertEqual([PXE, PXE], self._devices())
        self._delete(server)

    @pytest.mark.feature('boot.once')
    def test_an_image_lets_it_boot_from_the_network_once(self):
        server = self._make_with(baremetal_boot_once='network')
        self._restart(server)
        self.assertEqual([PXE, DISK], self._devices())
        self._delete(server)

    @pytest.mark.feature('boot.provision-only', 'boot.once')
    def test_one_that_is_made_and_not_started(self):
        server = self._make_with({'baremetal:power_on': 'false',
                                  'baremetal:boot_once': 'network'})
        # Nova believes that it runs until it is told.
        self._wait_for_state_change(server, 'SHUTOFF')
        self.assertIs(api.Power.OFF, self.machine.power())
        self.assertEqual([], self._devices())
        # The first start is the one that is special.
        self.api.post_server_action(server['id'], {'os-start': None})
        self._wait_for_state_change(server, 'ACTIVE')
        self._restart(server)
        self.assertEqual([PXE, DISK], self._devices())
        self._delete(server)

    def test_what_cannot_be_is_named(self):
        server = self._make_with({'baremetal:boot': 'tape'},
                                 expected_state='ERROR')
        self.assertIn("baremetal_boot (of the image) is 'tape'",
                      server['fault']['message'])
        self.assertEqual([], self.machine.boots)
        self._delete_server(server)
        self._is_clean(self.node.uuid)


class FirmwareTest(Base):
    @pytest.mark.feature('operation.uefi-boot')
    def test_an_image_wants_uefi(self):
        server = self._make_with({'baremetal:boot_mode': 'bios'},
                                 hw_firmware_type='uefi')
        self.assertIs(UEFI, self.machine.boot_mode())
        self._delete(server)

    @pytest.mark.feature('operation.secure-boot')
    def test_an_image_wants_signatures_checked(self):
        server = self._make_with(hw_firmware_type='uefi',
                                 os_secure_boot='required')
        self.assertEqual((UEFI, True), (self.machine.boot_mode(),
                                        self.machine.secure_boot()))
        self._delete(server)

    def test_a_node_s_own_secure_boot_stays(self):
        self.store.update(self.node.uuid, properties={
            'capabilities': {'boot_mode': 'uefi', 'secure_boot': 'true'}})
        self.machine.set_boot_mode(UEFI)
        server = self._make_with()
        self._delete_server(server)
        self._is_clean(self.node.uuid)
        self.assertEqual((UEFI, True), (self.machine.boot_mode(),
                                        self.machine.secure_boot()))


class FibreChannelTest(Base):
    WWPNS = ('20:00:00:25:b5:00:00:01', '20:00:00:25:b5:00:00:02')

    def setUp(self):
        super().setUp()
        volume = self.cinder.IMAGE_BACKED_VOL
        self.cinder.VOLUME_CONNECTION_INFO[volume] = {
            'driver_volume_type': 'fibre_channel',
            'data': {'target_wwn': ['50:06:01:60:3b:de:10:01'],
                     'target_lun': 0}}
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop, volume)

    def _add_nodes(self):
        super()._add_nodes()
        self.store.update(self.node.uuid, deploy_interface='volume',
                          properties={**self.node.properties,
                                      'wwpns': list(self.WWPNS)})

    def _from_volume(self, *more, state='ACTIVE'):
        disks = [{'boot_index': index, 'uuid': volume,
                  'source_type': 'volume', 'destination_type': 'volume'}
                 for index, volume in enumerate((
                     self.cinder.IMAGE_BACKED_VOL, *more))]
        return self._wait_for_state_change(self.api.post_server({'server': {
            'name': 'one', 'flavorRef': self.flavor_id, 'networks': 'auto',
            'imageRef': '', 'block_device_mapping_v2': disks}}), state)

    @pytest.mark.feature('storage.block.backend.fibrechannel')
    def test_its_adapter_boots_what_the_storage_shows_it(self):
        server = self._from_volume()
        (attachment,) = self.cinder.volume_to_attachment[
            self.cinder.IMAGE_BACKED_VOL].values()
        self.assertEqual(list(self.WWPNS), attachment['connector']['wwpns'])
        # Nothing was written: no ramdisk has run.
        self.assertEqual([(DISK, None)], self.machine.boots)
        self._restart(server)
        self.assertEqual([(DISK, None)] * 2, self.machine.boots)
        self._delete(server)
        self.assertFalse(self.cinder.volume_to_attachment[
            self.cinder.IMAGE_BACKED_VOL])

    @pytest.mark.feature('operation.rescue.stable-device')
    def test_it_is_rescued_from_a_disc_with_its_volume_as_it_is(self):
        server = self._from_volume()
        self.glance.images[IMAGE]['properties'].update(
            hw_rescue_device='cdrom', hw_rescue_bus='sata')
        self.api.post_server_action(server['id'], {
            'rescue': {'rescue_image_ref': IMAGE}})
        self._wait_for_state_change(server, 'RESCUE')
        device, url = self.machine.boots[-1]
        self.assertIs(CDROM, device)
        self.assertIn(IMAGE, url)
        self._unrescue_server(server)
        self.assertEqual((DISK, None), self.machine.boots[-1])
        self.assertFalse(any(one.inserted for one in self.machine.media()))
        self._delete(server)

    def test_a_volume_beside_it_is_refused(self):
        server = self._from_volume(self.cinder.ISCSI_BACKED_VOL,
                                   state='ERROR')
        self._was_refused(server, 'none beside it')

    def test_an_image_is_refused_without_a_disk(self):
        server = self._make_with(expected_state='ERROR')
        self._was_refused(server, 'the server has to run from a volume')

    def test_a_boot_interface_that_knows_no_iscsi(self):
        self.cinder.VOLUME_CONNECTION_INFO[self.cinder.IMAGE_BACKED_VOL] = {
            'driver_volume_type': 'iscsi', 'data': {
                'target_portal': '192.0.2.1:3260', 'target_iqn': 'iqn.x:y',
                'target_lun': 1}}
        server = self._from_volume(state='ERROR')
        self._was_refused(server, "'fake' boots no volumes")

    def _was_refused(self, server, reason):
        self.assertIn(reason, '\n'.join(
            str(step.error) for step in self.store.list_steps(
                self.node.uuid)))
        self.assertEqual([], self.machine.boots)
        self._delete_server(server)
        self._is_clean(self.node.uuid)
