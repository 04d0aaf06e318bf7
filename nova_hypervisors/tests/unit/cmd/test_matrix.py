# SPDX-License-Identifier: Apache-2.0
"""That the command shows what the renderers make; these have own tests."""

import configparser
import json

import pytest

from nova_hypervisors.capabilities import registry

COLUMNS = sorted(registry.COLUMNS)
ONE = 'virtualbox-vboxmanage'
TITLES = [feature.title for feature in registry.FEATURES]


@pytest.fixture
def matrix(run):
    def matrix(*words):
        status, output, errors = run('matrix', *words)
        assert (status, errors) == (0, '')
        return output
    return matrix


def test_a_table_for_people_is_the_default(matrix):
    output = matrix()
    assert output == matrix('-f', 'table')
    for text in (*TITLES, *registry.COLUMNS.values()):
        assert text in output


def test_json_is_for_programs(matrix):
    features = json.loads(matrix('-f', 'json'))['features']
    assert [feature['title'] for feature in features] == TITLES
    assert sorted(features[0]['support']) == COLUMNS


def test_markdown_is_for_the_readme(matrix):
    rows = [line for line in matrix('-f', 'markdown').splitlines()
            if line.startswith('| ')]
    assert len(rows) == len(TITLES) + 1
    assert all(row.count('|') == len(COLUMNS) + 2 for row in rows)


def test_ini_is_for_sphinx(matrix):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(matrix('-f', 'ini'))
    assert parser[f'driver.{ONE}']['title'] == registry.COLUMNS[ONE]
    assert {feature.key for feature in registry.FEATURES} <= {
        *parser.sections()}


@pytest.mark.parametrize('chosen', [[ONE], [ONE, 'baremetal']])
def test_only_the_drivers_that_are_asked_for(matrix, chosen):
    words = [word for name in chosen for word in ('--driver', name)]
    features = json.loads(matrix('-f', 'json', *words))['features']
    assert all(list(feature['support']) == chosen for feature in features)


def test_one_driver_is_shown_with_its_notes(matrix):
    output = matrix('--driver', ONE)
    for heading in ('Level', 'Proofs', 'Note'):
        assert heading in output
    notes = [feature.support[ONE].note.split()[0]
             for feature in registry.FEATURES if feature.support[ONE].note]
    assert all(word in output for word in notes)


@pytest.mark.parametrize('words', [
    ('--driver', 'nonsense'), ('-f', 'nonsense')])
def test_what_there_is_not_is_refused(run, words):
    status, output, errors = run('matrix', *words)
    assert status == 2
    assert output == ''
    assert "invalid choice: 'nonsense'" in errors


def test_the_command_says_what_it_can_do(run):
    status, output, _ = run('--help')
    assert not status
    for name in ('check', 'link', 'matrix'):
        assert name in output
