# SPDX-License-Identifier: Apache-2.0
"""Servers go on elsewhere when their host is lost, and shelved ones too."""

import pytest

from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import hosts


class EvacuateTest(hosts.TwoHosts):
    shared = True

    def _lose(self, host):
        """Let a host's service and its machines die."""
        compute = self.computes[host.name]
        compute.stop()
        compute.manager.driver.cleanup_host(host.name)
        for uuid in host.states():
            host.real.crash(uuid)
        self.admin_api.put_service(
            self._service_of(host),
            {'forced_down': True})

    def _service_of(self, host):
        return self.admin_api.get_services(
            host=host.name, binary='nova-compute')[0]['id']

    def _return(self, host):
        # In this order: Nova does not take one back that has not cleaned up.
        self._start(host)
        self.admin_api.put_service(self._service_of(host),
                                   {'forced_down': False})

    @pytest.mark.feature('operation.evacuate')
    def test_the_host_that_comes_back_deletes_nothing(self):
        uuid = self.server['id']
        inode = (self.here.instances / uuid / 'root.vdi').stat().st_ino
        self._lose(self.here)
        self._evacuate_server(self.server, None,
                              expected_host='there', expected_state='SHUTOFF')
        self.assertIn(uuid, self.there.states())
        self.api.post_server_action(uuid, {'os-start': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self.assertEqual({uuid: 'running'}, self.there.states())
        self._return(self.here)
        self.assertEqual({}, self.here.states())
        self.assertEqual(
            inode, (self.there.instances / uuid / 'root.vdi').stat().st_ino)
        self._reboot_server(self.server, hard=True)
        peers.wait_until(
            lambda: 'running' in self.there.states().values(), timeout_s=60)
        self._boots(self.server)
        self._delete_server(self.server)
        self.assertFalse((self.there.instances / uuid).exists())


class EvacuateByWebServiceTest(EvacuateTest):
    backend = 'webservice'


class ShelveTest(hosts.TwoHosts):
    @pytest.mark.feature('operation.shelve')
    def test_a_server_is_put_away_and_taken_out(self):
        self.flags(shelved_offload_time=0)
        self._shelve_server(self.server)
        self.assertEqual({}, self.here.states())
        self.assertFalse((self.here.instances / self.server['id']).exists())
        self._unshelve_server(self.server)
        self.assertEqual(
            {'running'}, {*self.here.states().values(),
                          *self.there.states().values()})
        self._boots(self.server)


class ShelveByWebServiceTest(ShelveTest):
    backend = 'webservice'
