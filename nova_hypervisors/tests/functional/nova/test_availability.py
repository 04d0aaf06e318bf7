# SPDX-License-Identifier: Apache-2.0
"""The service while VirtualBox is gone, through Nova's API."""

import time

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.scheduler.client import report

from nova_hypervisors.tests import peers
from nova_hypervisors.tests.functional.nova import asking
from nova_hypervisors.tests.functional.nova import base

_SEEN_S = 10


class AvailabilityTest(asking.AsksForHealth, base.Base):
    """VirtualBox's web service is killed: nothing starts it anew."""

    backend = 'webservice'

    def setUp(self):
        super().setUp()
        self.addCleanup(self._revive)
        self.gone = False

    def _configure(self):
        self._listen()

    def _kill(self):
        self.service.stop()
        self.gone = True

    def _revive(self):
        if self.gone:
            self.service.start()
            self.gone = False

    def _service(self):
        service, = self.api.get_services(binary='nova-compute')
        return service

    def _wait_for(self, status, timeout_s=60):
        peers.wait_until(lambda: self._service()['status'] == status,
                         timeout_s=timeout_s)

    def _traits(self):
        context = nova_context.get_admin_context()
        node, = objects.ComputeNodeList.get_all(context)
        return report.SchedulerReportClient().get_provider_traits(
            context, node.uuid).traits

    def test_a_host_whose_virtualbox_is_gone_takes_no_servers(self):
        before = time.monotonic()
        self._kill()
        self._wait_for('disabled', _SEEN_S)
        self.assertLess(time.monotonic() - before, _SEEN_S)
        self.assertEqual((503, 'gone'), self._health())
        self.assertIn('AUTO: the hypervisor does not answer',
                      self._service()['disabled_reason'])
        peers.wait_until(
            lambda: 'COMPUTE_STATUS_DISABLED' in self._traits())
        server = self._create_server(networks='none', expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self._revive()
        self._wait_for('enabled')
        self.assertEqual((200, 'answers'), self._health())
        peers.wait_until(
            lambda: 'COMPUTE_STATUS_DISABLED' not in self._traits())
        self._create_server(networks='none')
        self.assertEqual({'running'}, self._states())
        self.assertIn('operation="IWebsessionManager_logon"',
                      self._get('/metrics')[1])

    def test_what_an_operator_has_disabled_stays_so(self):
        self.api.put_service(self._service()['id'], {
            'status': 'disabled', 'disabled_reason': 'a fan is broken'})
        self._kill()
        # As long as the other test allows for being seen.
        time.sleep(_SEEN_S)
        self._revive()
        peers.wait_until(self._answers, timeout_s=60)
        self.assertEqual('a fan is broken',
                         self._service()['disabled_reason'])
        self.assertEqual('disabled', self._service()['status'])

    def _answers(self):
        try:
            self.compute.manager.driver.list_instances()
        except exception.NovaException:
            return False
        return True
