# SPDX-License-Identifier: Apache-2.0
"""Asking a nova-compute how it is, as a monitor does."""

import contextlib
import http.client
import json

from prometheus_client import parser

from nova_hypervisors import conf
from nova_hypervisors.common import checks
from nova_hypervisors.common import health
from nova_hypervisors.tests import peers


class AsksForHealth:
    """A mixin for tests with Nova in one process."""

    def _listen(self):
        """Let it be asked; before Nova starts."""
        self.flags(group='health', listen_port=peers.free_port())

    def _get(self, path):
        """Return the status and the text."""
        with contextlib.closing(http.client.HTTPConnection(
                '127.0.0.1', conf.CONF.health.listen_port,
                timeout=5)) as asked:
            asked.request('GET', path)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()

    def _metric(self, name, **labels):
        """Return a metric's value by HTTP; None if it is not there."""
        found = {}
        for family in parser.text_string_to_metric_families(
                self._get('/metrics')[1]):
            found.update({
                frozenset(sample.labels.items()): sample.value
                for sample in family.samples
                if sample.name == f'nova_hypervisors_{name}'})
        wanted = {'hypervisor': self.compute.manager.driver.column, **labels}
        return found.get(frozenset(wanted.items()))

    def _health(self):
        """Return the status, and what the hypervisor is."""
        status, text = self._get('/healthz')
        return status, json.loads(text)['hypervisor']

    def _wait_for_health(self, *expected, timeout_s=60):
        peers.wait_until(lambda: self._health() == expected,
                         timeout_s=timeout_s)

    def _check(self):
        """Return what ``check --live`` finds."""
        results = checks.Results()
        health.check(conf.CONF, results)
        return {result.name: result.outcome for result in results}
