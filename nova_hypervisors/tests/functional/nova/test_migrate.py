# SPDX-License-Identifier: Apache-2.0
"""Servers go to another host while they are off."""

from unittest import mock

import pytest

from nova_hypervisors.tests.functional.nova import hosts
from nova_hypervisors.virtualbox import transfers


class MigrateTest(hosts.TwoHosts):
    """The other host sees no folder of this one, and fetches all."""

    def setUp(self):
        super().setUp()
        blind = mock.patch.object(transfers, '_reads', return_value=None)
        blind.start()
        self.addCleanup(blind.stop)

    @pytest.mark.feature('operation.resize')
    def test_a_server_gets_another_size_on_another_host(self):
        flavor = self._create_flavor(memory_mb=96, vcpu=1, disk=2,
                                     ephemeral=0, swap=0)
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': flavor}})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        uuid = self.server['id']
        self.assertEqual('there', self._host_of(self.server))
        self.assertEqual({uuid: 'off'}, self.here.states())
        self.assertEqual({uuid: 'running'}, self.there.states())
        self.assertEqual(
            96, self.there.real.client.machine_settings(uuid).memory_mb)
        self.assertEqual([2048], [medium.capacity_mb for medium
                                  in self.there.real.client.list_media()])
        self._boots(self.server)
        self._confirm_resize(self.server)
        self.assertEqual({}, self.here.states())
        self.assertEqual([], self.here.real.client.list_media())
        self.assertFalse((self.here.instances / uuid).exists())
        self.assertEqual({uuid: 'running'}, self.there.states())
        self._delete_server(self.server)
        self.assertEqual({}, self.there.states())
        self.assertEqual([], self.there.real.client.list_media())

    @pytest.mark.feature('operation.resize')
    def test_a_server_comes_back_after_its_host_has_started_anew(self):
        before = self.here.real.client.machine_settings(self.server['id'])
        self._migrate_server(self.server)
        self._boots(self.server)
        self._restart(self.here)
        self.api.post_server_action(self.server['id'],
                                    {'revertResize': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self._wait_for_server_parameter(self.server,
                                        {'OS-EXT-STS:task_state': None})
        uuid = self.server['id']
        self.assertEqual('here', self._host_of(self.server))
        self.assertEqual({uuid: 'running'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self.assertEqual([], self.there.real.client.list_media())
        self.assertEqual(
            before.disks,
            self.here.real.client.machine_settings(uuid).disks)
        self.assertEqual({'root.vdi'}, self.here.files(self.server))
        self.assertFalse((self.there.instances / uuid).exists())
        self._boots(self.server)


class MigrateByWebServiceTest(MigrateTest):
    backend = 'webservice'


@pytest.mark.long
class MigrateOnSharedStorageTest(hosts.TwoHosts):
    """Both have the same folder: neither takes the other's files away."""

    shared = True

    def _migrated(self):
        self._migrate_server(self.server)
        self._boots(self.server)
        self.assertEqual({self.server['id']: 'running'}, self.there.states())

    def test_a_server_stays(self):
        self._migrated()
        self._confirm_resize(self.server)
        self.assertEqual({}, self.here.states())
        self.assertEqual({self.server['id']: 'running'}, self.there.states())
        self.assertEqual({'root.vdi'}, self.there.files(self.server))
        self._reboot_server(self.server, hard=True)
        self._boots(self.server)

    def test_a_server_comes_back(self):
        before = self.here.real.client.machine_settings(self.server['id'])
        self._migrated()
        self.api.post_server_action(self.server['id'],
                                    {'revertResize': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        uuid = self.server['id']
        self.assertEqual({uuid: 'running'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self.assertEqual(
            before.disks,
            self.here.real.client.machine_settings(uuid).disks)
        self._boots(self.server)


class MigrateOnSharedStorageByWebServiceTest(MigrateOnSharedStorageTest):
    backend = 'webservice'
