# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told, as Prometheus' own parser reads it."""

import datetime

import pytest
from prometheus_client import parser

from nova_hypervisors.baremetal import states
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import availability
from nova_hypervisors.common import metrics
from nova_hypervisors.common import resources

SERVER = '11111111-2222-4333-8444-555555555555'


@pytest.fixture
def measures():
    return metrics.Metrics('vmware-esx')


def samples(measures, name):
    """Return a metric's values by its labels', in the order of their names.

    The hypervisor is left out.
    """
    found = {}
    for family in parser.text_string_to_metric_families(
            measures.text().decode()):
        for sample in family.samples:
            if sample.name == f'nova_hypervisors_{name}':
                assert sample.labels.pop('hypervisor') == 'vmware-esx'
                found[tuple(value for _, value in sorted(
                    sample.labels.items()))] = sample.value
    return found


def standing(state):
    return availability.Standing(
        state, datetime.datetime.now(datetime.UTC), None)


def test_calls_are_counted_by_operation(measures):
    measures.observe('Login', 0.2, '')
    measures.observe('Login', 0.2, '')
    measures.observe('PowerOnVM_Task', 0.2, '')
    assert samples(measures, 'calls_total') == {
        ('Login',): 2, ('PowerOnVM_Task',): 1}
    assert samples(measures, 'errors_total') == {}


def test_those_that_fail_by_the_class_of_error_too(measures):
    measures.observe('Login', 0.2, 'Unreachable')
    measures.observe('Login', 0.2, '')
    measures.observe('Login', 0.2, 'Forbidden')
    assert samples(measures, 'calls_total') == {('Login',): 3}
    assert samples(measures, 'errors_total') == {
        ('Unreachable', 'Login'): 1, ('Forbidden', 'Login'): 1}


def test_how_long_they_took(measures):
    measures.observe('Login', 0.2, '')
    measures.observe('Login', 7, 'TimedOut')
    assert samples(measures, 'call_seconds_count') == {('Login',): 2}
    assert samples(measures, 'call_seconds_sum') == {('Login',): 7.2}
    buckets = samples(measures, 'call_seconds_bucket')
    at_most = {le: count for (le, _), count in buckets.items()}
    assert (at_most['0.1'], at_most['0.25'], at_most['10.0']) == (0, 1, 2)


def test_two_of_them_know_nothing_of_one_another(measures):
    metrics.Metrics('baremetal').observe('Login', 1, '')
    assert samples(measures, 'calls_total') == {}


@pytest.mark.parametrize(('state', 'expected'), [
    (availability.State.ANSWERS, {(): 1}),
    (availability.State.GONE, {(): 0}),
    (availability.State.UNKNOWN, {})])
def test_whether_the_hypervisor_answers(measures, state, expected):
    measures.show_hypervisor(lambda: standing(state))
    assert samples(measures, 'hypervisor_up') == expected


def test_servers_have_their_states(measures):
    seen = {SERVER: api.MachineState.RUNNING}
    measures.show_servers(lambda: seen)
    assert samples(measures, 'server_state') == {(SERVER, 'running'): 1}
    seen[SERVER] = api.MachineState.PAUSED
    assert samples(measures, 'server_state') == {(SERVER, 'paused'): 1}
    seen.clear()
    assert samples(measures, 'server_state') == {}


def test_nodes_are_counted(measures):
    measures.show_nodes(lambda: {(states.AVAILABLE, False): 3,
                                 (states.ACTIVE, True): 1})
    assert samples(measures, 'nodes') == {
        ('false', 'available'): 3, ('true', 'active'): 1}


def test_sessions(measures):
    open_ones = [1]
    measures.show_sessions(lambda: len(open_ones))
    assert samples(measures, 'sessions') == {(): 1}
    open_ones.clear()
    assert samples(measures, 'sessions') == {(): 0}


def test_images_that_were_looked_for(measures):
    for fetched in (True, False, False):
        measures.look_up(fetched)
    assert samples(measures, 'image_cache_lookups_total') == {
        ('hit',): 2, ('miss',): 1}


def test_what_is_in_the_image_cache(measures, tmp_path):
    folder = tmp_path / 'cache'
    measures.show_image_cache(folder)
    assert samples(measures, 'image_cache_files') == {(): 0}
    folder.mkdir()
    (folder / 'a.vdi').write_bytes(b'12345')
    (folder / 'a_1.vdi').write_bytes(b'123')
    assert samples(measures, 'image_cache_files') == {(): 2}
    assert samples(measures, 'image_cache_bytes') == {(): 8}


def test_the_space_that_was_seen_last(measures):
    seen = {}
    measures.show_spaces(lambda: seen)
    assert samples(measures, 'datastore_free_bytes') == {}
    seen['fast'] = resources.Space(100, 40)
    assert samples(measures, 'datastore_capacity_bytes') == {('fast',): 100}
    assert samples(measures, 'datastore_free_bytes') == {('fast',): 40}


def test_what_cannot_be_told_keeps_nothing_else_back(measures):
    def count():
        raise errors.Unreachable('no way to the database')

    measures.show_nodes(count)
    measures.observe('Login', 0.2, '')
    assert samples(measures, 'nodes') == {}
    assert samples(measures, 'calls_total') == {('Login',): 1}
