# SPDX-License-Identifier: Apache-2.0
"""From "create a server" to what the system on its volume says of itself.

Nova is whole and in one process, the machine is QEMU, whose network card has
iPXE, and the storage is a real one.  Nova's own fixture stands for Cinder, and
tells of targets that are there.
"""

import shutil
import stat

import pytest

from lab import layout
from lab.baremetal import guests
from lab.baremetal import qemu
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import storage as storages
from nova_hypervisors.tests.functional.baremetal import conftest
from nova_hypervisors.tests.functional.baremetal import qemubase


class Base(qemubase.Base):
    boot_interface: str

    def setUp(self):
        self.tftp = self.folder / 'tftp'
        self.tftp.mkdir()
        self.flags(group='pxe', tftp_root=str(self.tftp), loader='ipxe',
                   dhcp='none')
        self.qemu.qemu.network = f',tftp={self.tftp},bootfile=boot.ipxe'
        # One that the storage sees.
        folder = peers.short_folder('t')
        self.addCleanup(shutil.rmtree, folder)
        self.storage = storages.RealStorage(
            layout.Layout.from_environment(), folder)
        self.addCleanup(self.storage.close)
        super().setUp()

    def _add_nodes(self):
        super()._add_nodes()
        self.node = self.store.update(
            self.node.uuid, boot_interface=self.boot_interface,
            deploy_interface='volume', driver_info={},
            ports=(nodes.Port(qemu.ADDRESS),))

    def _make_volume(self, chap=True):
        """Make a volume with a system, and let Cinder tell where it is."""
        volume = self.storage.add(
            64, (self.built / 'bios.raw').read_bytes(), chap)
        self.cinder.VOLUME_CONNECTION_INFO[self.cinder.IMAGE_BACKED_VOL] = (
            volume.connection_info(
                target_portal=f'{qemu.HOST}:{self.storage.port}'))
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop,
                        self.cinder.IMAGE_BACKED_VOL)
        return volume

    def _boot_from_volume(self):
        return self._wait_for_state_change(
            self.api.post_server({'server': {
                'name': 'from-volume', 'flavorRef': self.flavor_id,
                'networks': 'auto', 'imageRef': '',
                'block_device_mapping_v2': [{
                    'boot_index': 0, 'uuid': self.cinder.IMAGE_BACKED_VOL,
                    'source_type': 'volume',
                    'destination_type': 'volume'}]}}), 'ACTIVE')

    def _speaks(self, times):
        peers.wait_until(
            lambda: self.qemu.qemu.console().count(guests.HELLO) == times,
            timeout_s=qemubase.SPOKEN_S)

    def _is_gone(self, before):
        peers.wait_until(lambda: self.store.get_node(
            self.node.uuid).provision_state == 'available', timeout_s=60)
        self.assertFalse(self.qemu.qemu.on)
        self.assertEqual({'deploy.iso'}, {
            path.name for path in self.web_server.folder.iterdir()})
        self.assertEqual({None}, set(self.qemu.qemu.urls.values()))
        self.assertEqual('disk', self.qemu.qemu.boot)
        # Its own disk was never touched.
        self.assertIn(conftest.STALE, before)
        self.assertEqual(before, self.qemu.qemu.disk.read_bytes())


class NetworkTest(Base):
    boot_interface = 'pxe'

    @pytest.mark.feature(
        'storage.block', 'storage.block.boot', 'storage.block.backend.iscsi',
        'storage.block.backend.iscsi.auth.chap')
    def test_a_server_runs_from_a_volume(self):
        disk = self.qemu.qemu.disk
        before = disk.read_bytes()
        volume = self._make_volume()
        server = self._boot_from_volume()
        peers.wait_until(lambda: volume.initiators)
        self.assertEqual(
            {f'iqn.2026-11.org.nova-hypervisors:{self.node.uuid}'},
            {name.split()[0] for name in volume.initiators})
        self._speaks(1)
        self.assertIn('image=bios', self.qemu.qemu.console())
        self._is_told_to_no_others()
        # It goes off by itself when it has said what it has to say.
        self._wait_for_state_change(server, 'SHUTOFF')
        self.api.post_server_action(server['id'], {'os-start': None})
        self._speaks(2)
        self._delete_server(server)
        self._is_gone(before)
        # What is there for all nodes.
        self.assertEqual({'boot.ipxe'}, {
            path.name for path in self.tftp.iterdir()})

    def _is_told_to_no_others(self):
        """See that nobody else reads the secret, or what holds it."""
        told = list(self.tftp.glob('??-??-*.ipxe'))
        self.assertEqual([0o640], [stat.S_IMODE(path.stat().st_mode)
                                   for path in told])
        for path in self.folder.rglob('nodes.db*'):
            self.assertNotIn(storages.SECRET.encode(), path.read_bytes())
        self.assertNotIn(storages.SECRET, str(
            self.store.get_node(self.node.uuid)))


class DiscTest(Base):
    boot_interface = 'virtual-media'

    @pytest.mark.long
    def test_a_server_runs_from_a_volume_by_a_disc(self):
        before = self.qemu.qemu.disk.read_bytes()
        # A target that asks for nothing.
        self._make_volume(chap=False)
        server = self._boot_from_volume()
        self._speaks(1)
        self.assertIn('image=bios', self.qemu.qemu.console())
        self._wait_for_state_change(server, 'SHUTOFF')
        self._delete_server(server)
        self._is_gone(before)
