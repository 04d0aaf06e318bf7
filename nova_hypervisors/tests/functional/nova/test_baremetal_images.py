# SPDX-License-Identifier: Apache-2.0
"""What images become on the disks of bare machines.

The machines are held in memory; their disks are real targets, which are
written as those of real machines are.
"""

import json
import shutil
import struct
import subprocess

import pytest

from lab import layout
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import configdrive
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import ramdiskmachine
from nova_hypervisors.tests import storage as storages
from nova_hypervisors.tests.functional.nova import baremetalbase
from nova_hypervisors.tests.functional.nova import test_config_drive

IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
SERVED = 'http://served.test'
MB = 1 << 20
SECTOR = 512
PARTITION_TABLE = 446


class Base(baremetalbase.Base):
    deploy_interface = 'ilo-iscsi'

    def setUp(self):
        self.folder = peers.short_folder('t')
        self.addCleanup(shutil.rmtree, self.folder)
        self.served = self.folder / 'served'
        self.served.mkdir()
        port = peers.free_port()
        self.flags(
            group='deploy', callback_address='127.0.0.1', callback_port=port,
            publisher='http', http_root=str(self.served), http_url=SERVED,
            disk_devices=['sda'])
        self.storage = storages.RealStorage(
            layout.Layout.from_environment(), self.folder)
        self.addCleanup(self.storage.close)
        self.machine = ramdiskmachine.RamdiskMachine(self._content,
                                                     self.folder)
        super().setUp()
        self.flags(group='baremetal', power_timeout=20)

    def _content(self, url):
        return (self.served / url.rpartition('/')[2]).read_bytes()

    def _add_nodes(self):
        super()._add_nodes()
        node, other = self.store.list_nodes()
        self.store.delete(other.uuid)
        self.ramdisk = ramdiskmachine.Ramdisk(self.machine, self.storage)
        self.addCleanup(self.ramdisk.close)
        self.node = self.store.update(
            node.uuid, boot_interface='virtual-media',
            deploy_interface=self.deploy_interface,
            driver_info=self._driver_info())

    def _driver_info(self):
        return {'deploy_iso': f'{SERVED}/deploy.iso',
                **self.ramdisk.driver_info}

    def _setup_compute_service(self):
        started = super()._setup_compute_service()
        machines = started.manager.driver._parts.inventory.services.machines
        machines.close()
        machines.get(('fake', self.node.uuid), lambda: self.machine)
        return started

    def _add_image(self, path, disk_format, image=IMAGE, **properties):
        """Let an image of Nova's fixture be this one."""
        self.glance.images[image].update(
            disk_format=disk_format, properties=properties,
            size=path.stat().st_size)
        self.glance._imagedata[image] = path.read_bytes()

    def _deploy(self, **arguments):
        return self._create_server(**{
            'flavor_id': self.flavor_id, 'networks': 'auto',
            'image_uuid': IMAGE, **arguments})


class ImagesTest(Base):
    def setUp(self):
        super().setUp()
        self.content = peers.lab().guest.read_bytes().ljust(
            3 * MB, b'\0') + b'the end'.ljust(MB, b'\0')
        self.raw = self.folder / 'disk'
        self.raw.write_bytes(self.content)

    def _converted(self, qemu_format):
        path = self.folder / f'disk.{qemu_format}'
        subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', qemu_format,
                        self.raw, path], check=True)
        return path

    def _is_written(self, disk_format, qemu_format):
        self._add_image(self._converted(qemu_format), disk_format)
        server = self._deploy()
        with self.ramdisk.disks[-1].path.open('rb') as disk:
            self.assertEqual(self.content, disk.read(len(self.content)))
        # It boots from that, and nothing is left in its drives.
        self.assertEqual((api.BootDevice.DISK, None), self.machine.boots[-1])
        self.assertEqual({'ACTIVE'}, {self.api.get_server(
            server['id'])['status']})
        self._delete_server(server)

    @pytest.mark.feature('image.raw', 'disk.full-copy')
    def test_raw(self):
        self._is_written('raw', 'raw')

    @pytest.mark.feature('image.qcow2', 'storage.image')
    def test_qcow2(self):
        self._is_written('qcow2', 'qcow2')

    @pytest.mark.feature('image.vdi')
    def test_vdi(self):
        self._is_written('vdi', 'vdi')

    @pytest.mark.feature('image.vmdk')
    def test_vmdk(self):
        self._is_written('vmdk', 'vmdk')

    @pytest.mark.feature('image.vhd')
    def test_vhd(self):
        self._is_written('vhd', 'vpc')

    @pytest.mark.feature('image.vhdx')
    def test_vhdx(self):
        self._is_written('vhdx', 'vhdx')

    @pytest.mark.feature('image.inspection')
    def test_one_that_names_a_file_of_the_host_is_refused(self):
        path = self.folder / 'child'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b',
                        self.raw, '-F', 'raw', path], check=True)
        self._add_image(path, 'qcow2')
        server = self._deploy(expected_state='ERROR')
        self.assertEqual([], self.ramdisk.disks)
        self._delete_server(server)
        self._is_clean(self.node.uuid)


class DiscTest(Base):
    deploy_interface = 'ramdisk-iso'

    def _driver_info(self):
        return {'deploy_iso': f'{SERVED}/deploy.iso'}

    @pytest.mark.feature('image.iso')
    def test_a_server_runs_from_its_disc(self):
        path = self.folder / 'image.iso'
        with path.open('wb') as target:
            configdrive.write_iso([('a', b'disc')], target)
        self._add_image(path, 'iso')
        server = self._deploy()
        device, url = self.machine.boots[-1]
        self.assertIs(api.BootDevice.CDROM, device)
        self.assertEqual(path.read_bytes(), self._content(url))
        self._delete_server(server)
        self._is_clean(self.node.uuid)


class ConfigDriveTest(Base):
    # The last one with which files may be sent along.
    microversion = '2.56'

    def _partition(self):
        """Return what the last partition of the disk holds."""
        with self.ramdisk.disks[-1].path.open('rb') as disk:
            table = disk.read(SECTOR)[PARTITION_TABLE:]
            start, sectors = max(struct.unpack_from('<II', table, entry + 8)
                                 for entry in range(0, 64, 16))
            disk.seek(start * SECTOR)
            return disk.read(sectors * SECTOR)

    @pytest.mark.feature('guest.setup.configdrive', 'guest.setup.inject.file',
                         'guest.setup.inject.networking')
    def test_it_is_a_partition_of_the_disk(self):
        self._add_image(peers.lab().guest, 'raw')
        request = self._build_server(
            flavor_id=self.flavor_id, networks='auto', image_uuid=IMAGE)
        request.update(config_drive=True, personality=[
            {'path': '/etc/motd', 'contents': 'aW5qZWN0ZWQ='}])
        server = self._wait_for_state_change(
            self.api.post_server({'server': request}), 'ACTIVE')
        path = self.folder / 'config'
        path.write_bytes(self._partition())
        data = json.loads(test_config_drive.read(
            path, 'latest/meta_data.json'))
        self.assertEqual(server['id'], data['uuid'])
        injected, = data['files']
        self.assertEqual(b'injected', test_config_drive.read(
            path, injected['content_path'].lstrip('/')))
        network = json.loads(test_config_drive.read(
            path, 'latest/network_data.json'))
        port, = self.store.get_node(self.node.uuid).ports
        self.assertEqual([port.address], [
            link['ethernet_mac_address'] for link in network['links']])
