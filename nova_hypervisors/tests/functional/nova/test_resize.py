# SPDX-License-Identifier: Apache-2.0
"""Servers get another size on the host that they are on."""

from pathlib import Path

import pytest

from nova_hypervisors.tests.functional.nova import base


class ResizeTest(base.Base):
    # A refusal must not reach the API.
    CAST_AS_CALL = False

    def setUp(self):
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.small = self._create_flavor(
            memory_mb=64, vcpu=1, disk=1, ephemeral=0, swap=8)
        self.server = self._create_server(flavor_id=self.small,
                                          networks='auto')
        self._boots(self.server)

    def _settings(self):
        return self.real.client.machine_settings(self.server['id'])

    def _capacities(self):
        """Return the sizes of the server's disks, by their files' names."""
        sizes = {medium.path: medium.capacity_mb
                 for medium in self.real.client.list_media()}
        return {Path(disk.path).name: sizes[disk.path]
                for disk in self._settings().disks}

    def _resize(self, **changes):
        flavor = self._create_flavor(**{
            'memory_mb': 96, 'vcpu': 1, 'disk': 1, 'ephemeral': 0, 'swap': 8,
            **changes})
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': flavor}})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        self.assertEqual(96, self._settings().memory_mb)
        self.assertEqual({'running'}, self._states())
        self._boots(self.server)

    def _files(self):
        return {path.name for path in
                (self.folder / 'i' / self.server['id']).glob('*.vdi')}

    @pytest.mark.feature('operation.resize')
    def test_a_server_keeps_its_new_size(self):
        self._resize(disk=2, swap=16)
        self.assertEqual({'root.vdi': 2048, 'swap.vdi': 16},
                         self._capacities())
        self._confirm_resize(self.server)
        self.assertEqual((), self._settings().snapshots)
        self.assertEqual({'root.vdi': 2048, 'swap.vdi': 16},
                         self._capacities())
        self.assertEqual({'root.vdi', 'swap.vdi'}, self._files())
        self.assertEqual({'running'}, self._states())
        self._resize(disk=3, swap=0)
        self._confirm_resize(self.server)
        self.assertEqual({'root.vdi': 3072}, self._capacities())
        self._delete_server(self.server)
        self.assertEqual([], self.real.client.list_media())

    @pytest.mark.feature('operation.resize')
    def test_a_server_goes_back_to_its_former_size(self):
        before = self._settings()
        self._resize(disk=2, swap=0)
        self.api.post_server_action(self.server['id'],
                                    {'revertResize': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        found = self._settings()
        self.assertEqual(64, found.memory_mb)
        self.assertEqual(before.disks, found.disks)
        self.assertEqual((), found.snapshots)
        self.assertEqual({'root.vdi': 1024, 'swap.vdi': 8},
                         self._capacities())
        self.assertEqual({'root.vdi', 'swap.vdi'}, self._files())
        self._wait_for_server_parameter(self.server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertEqual({'running'}, self._states())

    @pytest.mark.long
    def test_a_disk_that_keeps_its_size_is_not_copied(self):
        self._resize()
        self._confirm_resize(self.server)
        parents = {medium.path: medium.parent
                   for medium in self.real.client.list_media()}
        root = self._settings().disks[0].path
        self.assertIn('_1.vdi', parents[root])
        self.assertEqual(self.server['id'], Path(root).parent.name)

    @pytest.mark.long
    def test_a_smaller_disk_is_refused_and_the_server_goes_on(self):
        self._resize(disk=2)
        self._confirm_resize(self.server)
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': self.small}})
        # It has a task as soon as the API has answered.
        self._wait_for_server_parameter(
            self.server, {'status': 'ACTIVE', 'OS-EXT-STS:task_state': None})
        self.assertEqual({'running'}, self._states())
        self.assertEqual(96, self._settings().memory_mb)


@pytest.mark.long
class ResizeByWebServiceTest(ResizeTest):
    backend = 'webservice'
