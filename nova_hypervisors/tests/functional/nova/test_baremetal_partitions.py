# SPDX-License-Identifier: Apache-2.0
"""What flavors make of the disks of bare machines, and what is kept of images.

The machines are held in memory; their disks are real targets.
"""

import json
import os
import subprocess

import pytest

from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.functional.nova import baremetalbase
from nova_hypervisors.tests.functional.nova import test_baremetal_images

GB = 1 << 30
IMAGE = test_baremetal_images.IMAGE
SECTOR = 512


class PartitionsTest(baremetalbase.Patient, test_baremetal_images.Base):
    def setUp(self):
        super().setUp()
        self.ramdisk.size_mb, self.ramdisk.thin = 3072, True
        kernel, ramdisk = [image for image in self.glance.images
                           if image != IMAGE][:2]
        for image in (kernel, ramdisk):
            path = self.folder / 'part'
            path.write_bytes(b'a part of a system'.ljust(4096))
            self._add_image(path, 'raw', image)
        root = self.folder / 'root'
        with root.open('wb') as file:
            file.truncate(16 << 20)
        subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', root], check=True)
        self._add_image(root, 'raw', kernel_id=kernel, ramdisk_id=ramdisk)

    def _found(self):
        """Return the partitions by what is on them: label or type."""
        path = self.ramdisk.disks[-1].path
        table = json.loads(subprocess.run(
            ['sfdisk', '--json', path], check=True,
            capture_output=True).stdout)['partitiontable']
        found = {}
        for part in table['partitions']:
            start, size = (part[name] * SECTOR for name in ('start', 'size'))
            said = dict(line.split('=', 1) for line in subprocess.run(
                ['blkid', '-p', '-O', str(start), '-S', str(size), '-o',
                 'export', path], check=True, capture_output=True,
                text=True).stdout.splitlines() if '=' in line)
            found[said.get('LABEL') or said['TYPE']] = (
                said['TYPE'], start, size)
        return found

    @pytest.mark.feature('disk.blank', 'guest.disk.autoconfig')
    def test_a_flavor_makes_the_partitions(self):
        server = self._deploy(flavor_id=self._make_flavor(
            disk=1, ephemeral=1, swap=64))
        found = self._found()
        self.assertEqual(
            [('ext4', GB), ('swap', 64 << 20)],
            [(found[name][0], found[name][2])
             for name in ('ephemeral0', 'swap1')])
        # The root has no label.  It is the last one, and as large as the
        # flavor says: its system makes use of that.
        last = max(found, key=lambda name: found[name][1])
        self.assertEqual(('ext4', GB), (last, found[last][2]))
        self._delete_server(server)


class CacheTest(test_baremetal_images.Base):
    def setUp(self):
        super().setUp()
        self._add_image(test_baremetal_images.peers.lab().guest, 'raw')
        self.fetched = []
        download = self.glance.download

        def noted(*args, **kwargs):
            self.fetched.append(kwargs.get('trusted_certs'))
            return download(*args, **kwargs)

        self.glance.download = noted

    @pytest.mark.feature('operation.cache-images')
    def test_an_image_is_there_before_it_is_wanted(self):
        aggregate = self.api.post_aggregate({'aggregate': {'name': 'all'}})
        self.api.add_host_to_aggregate(aggregate['id'], baremetalnodes.HOST)
        self.api.api_post(f'/os-aggregates/{aggregate["id"]}/images',
                          {'cache': [{'id': IMAGE}]})
        folder = (self.driver._parts.inventory.services.deploying.settings
                  .images)
        self._wait(lambda: folder.exists() and any(
            path.suffix == '.raw' for path in folder.iterdir()))
        self._delete_server(self._deploy())
        self.assertEqual([None], self.fetched)
        self.assertEqual(1, len(self.ramdisk.disks))
        # It is forgotten when nobody has used it for long.
        context = builders.admin_context()
        self.driver.manage_image_cache(context, [])
        kept, = folder.iterdir()
        os.utime(kept, (0, 0))
        self.driver.manage_image_cache(context, [])
        self.assertEqual([], list(folder.iterdir()))

    @pytest.mark.feature('operation.trusted-certs')
    def test_certificates_are_checked_in_spite_of_the_cache(self):
        self.driver.cache_image(builders.admin_context(), IMAGE)
        request = self._build_server(
            flavor_id=self.flavor_id, networks='auto', image_uuid=IMAGE)
        request['trusted_image_certificates'] = ['one', 'two']
        self._wait_for_state_change(
            self.api.post_server({'server': request}), 'ACTIVE')
        self.assertEqual([None, ['one', 'two']], [
            certs and certs.ids for certs in self.fetched])
