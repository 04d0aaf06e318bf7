# SPDX-License-Identifier: Apache-2.0
"""Nodes of bare metal, checked as an operator would."""

import pytest

from nova_hypervisors import checking
from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.common import checks
from nova_hypervisors.tests import baremetalnodes

OK, WARNING, FAILED = checks.Outcome


@pytest.fixture
def check(tmp_path):
    """Check a host that has some nodes."""
    def check(*nodes, text=''):
        conf.CONF.reset()
        path = tmp_path / 'nova.conf'
        path.write_text(
            '[DEFAULT]\ncompute_driver = nova_hypervisors.BareMetalDriver\n'
            f'state_path = {tmp_path}\nhost = {baremetalnodes.HOST}\n{text}')
        conf.CONF([], project='nova', default_config_files=[str(path)])
        here = factory.make_inventory(conf.CONF)
        if 'connection' not in text:
            here.database.upgrade()
            if nodes:
                here.store.create(*nodes)
        here.database.close()
        conf.CONF.reset()
        return checking.run([str(path)])
    yield check
    conf.CONF.reset()


def of(results, name):
    return [(one.outcome, one.details) for one in results
            if one.name == name]


def test_nodes_that_answer_are_fine(check):
    results = check(baremetalnodes.make_node('a'),
                    baremetalnodes.make_node('b'))
    assert {one.outcome for one in results} == {OK}
    assert of(results, 'node a') == [(OK, 'it answers, and is off')]
    (_, flavor), = of(results, 'resource class')
    assert flavor.startswith('2 nodes; a flavor for them has '
                             'resources:CUSTOM_BAREMETAL_SMALL=1')


def test_all_that_is_wrong_with_a_node_is_said(check):
    results = check(baremetalnodes.make_node(
        'a', driver_info={'serial_console': 'x', 'ilo': 1}))
    assert [outcome for outcome, _ in of(results, 'node a')] == [
        FAILED, FAILED]


def test_what_keeps_servers_off_is_said(check):
    results = check(
        baremetalnodes.make_node('a', maintenance=True, ports=(),
                                 maintenance_reason='fan'),
        baremetalnodes.make_node('b', provision_state='clean failed',
                                 last_error='no answer'))
    first, second, answers = of(results, 'node a')
    assert first == (WARNING, 'it is in maintenance and gets no server: fan')
    assert second[0] is WARNING
    assert 'has no ports' in second[1]
    assert answers[0] is OK
    assert of(results, 'node b')[0] == (
        WARNING, 'it is clean failed: no answer')


def test_a_host_without_nodes_is_told_what_to_do(check):
    (outcome, details), = of(check(), 'nodes')
    assert outcome is WARNING
    assert '"nova-hypervisors node create"' in details
    (_, details), = of(check(baremetalnodes.make_node(
        service_host='there')), 'nodes')
    assert 'but to there: use "nova-hypervisors node set' in details


@pytest.mark.parametrize(('text', 'outcome', 'words'), [
    ('connection = sqlite://', FAILED, 'in memory'),
    ('connection = nonsense', FAILED, 'no URL of a database'),
    ('clean_steps = power_off,nothing', FAILED, 'no clean step nothing'),
    ('automated_clean = false', WARNING, 'the data of the one before'),
    ('clean_steps =', WARNING, 'nothing is cleaned')])
def test_options_that_do_not_go(check, text, outcome, words):
    found = of(check(text=f'[baremetal]\n{text}\n'), 'options')
    assert outcome in [one for one, _ in found]
    assert words in str(found)


def test_a_database_that_does_not_answer_is_said_without_its_password(check):
    (outcome, details), = of(check(
        text='[baremetal]\nconnection = '
             'mysql+pymysql://nova:geheim@127.0.0.1:1/nodes\n'), 'database')
    assert outcome is FAILED
    assert 'geheim' not in details
