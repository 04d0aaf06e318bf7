# SPDX-License-Identifier: Apache-2.0
"""Servers go on at another ESX host when theirs is lost."""

import pytest
from nova.tests.functional.api import client

from nova_hypervisors.tests.functional.nova import esxhosts


class ESXEvacuateTest(esxhosts.TwoHosts):
    linked = False

    def setUp(self):
        self.flags(group='vmware', linked_clone=self.linked)
        super().setUp()

    def _disk(self):
        return (self.here.esx.datastores[-1].folder / 'nova'
                / self.server['id'] / 'root-flat.vmdk')

    def _mark(self):
        """Let the server's guest write something."""
        with self._disk().open('r+b') as disk:
            disk.seek(3 << 20)
            disk.write(b'written by the guest')

    def _written(self):
        with self._disk().open('rb') as disk:
            disk.seek(3 << 20)
            return disk.read(20)

    @pytest.mark.feature('operation.evacuate')
    def test_the_host_that_comes_back_deletes_nothing(self):
        uuid = self.server['id']
        if not self.linked:
            self._mark()
        self._lose(self.here)
        self._evacuate_server(self.server, None,
                              expected_host='there', expected_state='SHUTOFF')
        self.assertIn(uuid, self.there.states())
        self.api.post_server_action(uuid, {'os-start': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertEqual({uuid: 'poweredOn'}, self.there.states())
        self._return(self.here)
        self.assertEqual({}, self.here.states())
        if not self.linked:
            self.assertEqual(b'written by the guest', self._written())
        self._reboot_server(self.server, hard=True)
        self.assertEqual({uuid: 'poweredOn'}, self.there.states())
        # Nothing is of another host's image any more.
        machine, = self.there.esx.machines()
        self.assertIsNone(machine.disks[0].backing.parent)
        # The probe has gone.
        self.assertEqual([uuid], [path.name for path in (
            self.here.esx.datastores[-1].folder / 'nova').iterdir()])
        self._delete_server(self.server)
        self.assertEqual(set(), self._files(self.server))

    def test_a_server_that_runs_is_left_to_its_host(self):
        """Whoever says that the host is lost may be wrong."""
        compute = self.computes['here']
        compute.stop()
        compute.manager.driver.cleanup_host('here')
        self.admin_api.put_service(self._service_of(self.here),
                                   {'forced_down': True})
        before = self._files(self.server)
        # What is sent to a service ends in these tests before it answers.
        with self.assertRaises(client.OpenStackApiException):
            self.api.post_server_action(self.server['id'], {'evacuate': {}})
        server = self._wait_for_state_change(self.server, 'ERROR')
        self.assertIn('lock', server['fault']['message'])
        self.assertEqual({self.server['id']: 'poweredOn'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self.assertEqual(before, self._files(self.server))


class ESXEvacuateLinkedTest(ESXEvacuateTest):
    linked = True
    # The machine is the same.
    test_a_server_that_runs_is_left_to_its_host = None
