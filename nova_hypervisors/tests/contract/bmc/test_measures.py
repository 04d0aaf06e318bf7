# SPDX-License-Identifier: Apache-2.0
"""Calls of each kind of controller are told to who asks by HTTP."""

import contextlib
import datetime
import http.client
import types

import pytest
from prometheus_client import parser

from nova_hypervisors.baremetal import backend
from nova_hypervisors.clients import errors
from nova_hypervisors.common import availability
from nova_hypervisors.common import health
from nova_hypervisors.common import metrics
from nova_hypervisors.tests import peers

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def measures():
    return metrics.Metrics('baremetal')


@pytest.fixture
def told(measures):
    """Return what /metrics says of a metric, by operation and error."""
    port = peers.free_port()
    endpoint = health.Endpoint(
        '127.0.0.1', port, lambda: availability.Standing(
            availability.State.ANSWERS, NOW, None), measures)
    endpoint.start()

    def told(name):
        with contextlib.closing(http.client.HTTPConnection(
                '127.0.0.1', port, timeout=5)) as asked:
            asked.request('GET', '/metrics')
            text = asked.getresponse().read().decode()
        return {
            (sample.labels['operation'], sample.labels.get('error')):
            sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f'nova_hypervisors_{name}'}
    yield told
    endpoint.stop()


@pytest.fixture
def watched(peer, measures):
    """A machine of each kind, as a driver has it, and its kind."""
    machines = backend.Machines(measures.observe)
    made = machines.get('any', lambda: peer.machine)
    kind = type(peer.machine).__module__.rpartition('.')[2]
    return types.SimpleNamespace(machine=made, kind=kind)


def test_each_call_is_counted(watched, told):
    watched.machine.power()
    watched.machine.power()
    watched.machine.boot_devices()
    assert told('calls_total') == {
        (f'{watched.kind}.power', None): 2,
        (f'{watched.kind}.boot_devices', None): 1}
    assert told('call_seconds_count')[f'{watched.kind}.power', None] == 2
    assert told('errors_total') == {}


def test_one_that_fails_too(watched, told):
    # It is off, and asked for what only a running machine can do.
    with pytest.raises(errors.ClientError) as caught:
        watched.machine.nmi()
    assert told('errors_total') == {
        (f'{watched.kind}.nmi', type(caught.value).__name__): 1}
