# SPDX-License-Identifier: Apache-2.0
"""Servers go to another host without a stop."""

import dataclasses
import re
import threading
from unittest import mock

import fixtures
import pytest
from nova import objects
from nova.tests.functional.api import client

from nova_hypervisors.clients import errors
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import narrowlink
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import hosts


class LiveMigrateTest(hosts.TwoHosts):
    shared = True

    def _beats(self):
        """Return what the guest has counted on its serial port."""
        log = (self.here.instances / self.server['id'] / 'console.log')
        return [int(number, 16) for number
                in re.findall(r'beat ([0-9a-f]{4})\n', log.read_text())]

    def _count_on(self):
        last = self._beats()[-1]
        peers.wait_until(lambda: self._beats()[-1] > last + 2, timeout_s=60)

    @pytest.mark.feature('operation.live-migrate')
    def test_the_guest_counts_on(self):
        uuid = self.server['id']
        before = self.here.real.client.machine_settings(uuid)
        instance = objects.Instance.get_by_uuid(builders.admin_context(),
                                                uuid)
        self.assertIn('root.vdi', self.computes['here'].manager.driver
                      .get_instance_disk_info(instance))
        self._live_migrate(self.server, host='there')
        self.assertEqual('there', self._host_of(self.server))
        self.assertEqual({}, self.here.states())
        self.assertEqual({uuid: 'running'}, self.there.states())
        self._count_on()
        self.assertEqual(list(range(1, self._beats()[-1] + 1)),
                         self._beats())
        after = self.there.real.client.machine_settings(uuid)
        self.assertEqual((before.disks, before.nics),
                         (after.disks, after.nics))
        self.assertEqual([], self.here.real.client.list_media())
        # ... and back, and from a start of its own.
        self._live_migrate(self.server, host='here')
        self.assertEqual({uuid: 'running'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self._count_on()
        self.assertEqual(list(range(1, self._beats()[-1] + 1)),
                         self._beats())
        self._reboot_server(self.server, hard=True)
        self._boots(self.server)
        self._delete_server(self.server)
        for host in (self.here, self.there):
            self.assertEqual({}, host.states())
            self.assertEqual([], host.real.client.list_media())

    @pytest.mark.feature('operation.live-migrate')
    def test_a_server_that_cannot_go_stays(self):
        uuid = self.server['id']
        driver = self.computes['here'].manager.driver
        with mock.patch.object(
                driver._parts.client, 'teleport',
                side_effect=errors.ClientError('injected fault')):
            self._live_migrate(self.server, 'failed', host='there')
        self.assertEqual('here', self._host_of(self.server))
        self.assertEqual({uuid: 'running'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self.assertEqual([], self.there.real.client.list_media())
        self._count_on()
        self.assertEqual(list(range(1, self._beats()[-1] + 1)),
                         self._beats())
        self._live_migrate(self.server, host='there')
        self.assertEqual({uuid: 'running'}, self.there.states())


class LiveMigrateByWebServiceTest(LiveMigrateTest):
    backend = 'webservice'


class OnItsWayTest(hosts.TwoHosts):
    """A server that is busy, and a network that is slow."""

    shared = True

    def setUp(self):
        super().setUp()
        self.links = []
        client = self.computes['here'].manager.driver._parts.client
        teleport = client.teleport

        def slowly(uuid, target):
            link = narrowlink.NarrowLink(target.address, target.port)
            self.addCleanup(link.close)
            self.links.append(link)
            teleport(uuid, dataclasses.replace(
                target, address='127.0.0.1', port=link.port))

        self.useFixture(fixtures.MockPatchObject(client, 'teleport', slowly))

    def _fill(self):
        novatest.fill(self.glance, peers.lab().busy_guest)

    def _leave(self):
        """Let the server go, and return its migration on its way."""
        # In these tests of Nova a cast is a call, which ends when it is done.
        leaving = threading.Thread(
            target=self.api.post_server_action, args=(
                self.server['id'], {'os-migrateLive': {
                    'host': 'there', 'block_migration': 'auto'}}))
        leaving.start()
        self.addCleanup(leaving.join)
        peers.wait_until(lambda: self.links and self.links[0].held.is_set(),
                         timeout_s=60)
        return self._migrations()[0]

    def _migrations(self):
        return self.api.api_get(
            f'/servers/{self.server["id"]}/migrations').body['migrations']

    def _percent(self):
        return self.here.real.client.machine_settings(
            self.server['id']).execution_percent

    def _abort(self, migration):
        threading.Timer(1, self.links[0].let_go).start()
        self.api.api_delete(
            f'/servers/{self.server["id"]}/migrations/{migration["id"]}')
        self._wait_for_migration_status(self.server, ['cancelled'])
        self._wait_for_server_parameter(self.server, {
            'OS-EXT-STS:task_state': None, 'status': 'ACTIVE'})

    @pytest.mark.feature('operation.abort-in-progress-live-migration')
    def test_it_stays_if_it_is_told_to(self):
        self._abort(self._leave())
        uuid = self.server['id']
        self.assertEqual('here', self._host_of(self.server))
        self.assertEqual({uuid: 'running'}, self.here.states())
        peers.wait_until(lambda: self.there.states() == {})
        self.assertEqual([], self.there.real.client.list_media())
        self._delete_server(self.server)
        self.assertEqual([], self.here.real.client.list_media())

    @pytest.mark.feature('operation.force-live-migration-to-complete')
    def test_it_is_slowed_down_on_its_way(self):
        migration = self._leave()
        self.api.api_post(
            f'/servers/{self.server["id"]}/migrations/{migration["id"]}'
            '/action', {'force_complete': None})
        peers.wait_until(lambda: self._percent() == 1)
        self._abort(migration)
        self.assertEqual(100, self._percent())


class OnItsWayByWebServiceTest(OnItsWayTest):
    backend = 'webservice'


@pytest.mark.long
class NotSharedTest(hosts.TwoHosts):
    def test_a_server_with_disks_here_stays(self):
        error = self.assertRaises(
            client.OpenStackApiException, self.api.post_server_action,
            self.server['id'], {'os-migrateLive': {
                'host': 'there', 'block_migration': 'auto'}})
        self.assertIn('NoValidHost', str(error))
        self._wait_for_server_parameter(self.server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertEqual({self.server['id']: 'running'}, self.here.states())
        self.assertEqual({}, self.there.states())
