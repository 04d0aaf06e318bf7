# SPDX-License-Identifier: Apache-2.0
"""The host's service, through Nova's API and its own periodic tasks."""

import pytest
from nova import context as nova_context
from nova import objects
from nova.scheduler.client import report

from nova_hypervisors.tests.functional.nova import base

DISABLED = 'COMPUTE_STATUS_DISABLED'


class HostTest(base.Base):
    def setUp(self):
        self.flags(compute_monitors=['cpu.virt_driver'])
        super().setUp()

    def _set(self, status):
        service, = self.api.get_services(binary='nova-compute')
        return self.api.put_service(service['id'], {'status': status})

    def _traits(self):
        context = nova_context.get_admin_context()
        node, = objects.ComputeNodeList.get_all(context)
        return report.SchedulerReportClient().get_provider_traits(
            context, node.uuid).traits

    @pytest.mark.feature('operation.service-control')
    def test_a_host_that_is_disabled_takes_no_servers(self):
        self._set('disabled')
        self.assertIn(DISABLED, self._traits())
        server = self._create_server(networks='none', expected_state='ERROR')
        self.assertIn('No valid host', server['fault']['message'])
        self.assertEqual([], self.real.client.list_machines())
        self._set('enabled')
        self.assertNotIn(DISABLED, self._traits())
        self._create_server(networks='none')
        self.assertEqual({'running'}, self._states())

    @pytest.mark.feature('operation.maintenance-mode')
    def test_nor_does_one_in_maintenance(self):
        with self._older_api():
            answer = self._maintain('enable')
            self.assertEqual('on_maintenance', answer['maintenance_mode'])
            service, = self.api.get_services(binary='nova-compute')
            self.assertEqual('disabled', service['status'])
            self.assertEqual('maintenance mode', service['disabled_reason'])
            answer = self._maintain('disable')
            self.assertEqual('off_maintenance', answer['maintenance_mode'])
            service, = self.api.get_services(binary='nova-compute')
            self.assertEqual('enabled', service['status'])

    @pytest.mark.long
    def test_maintenance_does_not_enable_what_somebody_has_disabled(self):
        service, = self.api.get_services(binary='nova-compute')
        self.api.put_service(service['id'], {
            'status': 'disabled', 'disabled_reason': 'a fan is broken'})
        with self._older_api():
            self._maintain('enable')
            self._maintain('disable')
        service, = self.api.get_services(binary='nova-compute')
        self.assertEqual('a fan is broken', service['disabled_reason'])

    def _older_api(self):
        # Its microversion is the last one that has the call.
        return base.microversion(self.api, '2.42')

    def _maintain(self, word):
        return self.api.api_put('/os-hosts/here',
                                {'maintenance_mode': word}).body

    @pytest.mark.feature('operation.host-cpu-stats')
    def test_the_host_s_processors_are_watched(self):
        context = nova_context.get_admin_context()
        self.compute.manager.update_available_resource(context)
        node, = objects.ComputeNodeList.get_all(context)
        self.assertIn('cpu.user.percent', node.metrics)
        stats = self.compute.manager.driver.get_host_cpu_stats()
        self.assertGreater(stats['user'], 0)
        self.assertGreater(stats['idle'], stats['iowait'])

    @pytest.mark.feature('operation.hung-reboots')
    def test_a_reboot_that_hangs_is_done_hard(self):
        server = self._create_server(networks='none')
        self._boots(server)
        self._is_rebooted_when_it_hangs(
            server, lambda: self._started(server))
        self.assertEqual({'running'}, self._states())

    def _started(self, server):
        """Return what tells one start of a server from the next."""
        folder = self.real.client.machine_settings(server['id']).folder
        return (folder / 'Logs/VBox.log').read_text().splitlines()[0]


class HostByWebServiceTest(HostTest):
    backend = 'webservice'
