# SPDX-License-Identifier: Apache-2.0
"""The command that understands an incident again."""

import json

import pytest

from nova_hypervisors.tests import incidents


@pytest.fixture
def path(short_path, config):
    """A file of a real failure, whose hypervisor is a double."""
    leak = incidents.Leak(short_path, config)
    leak.vboxmanage('list', 'vms', said='"a machine"')
    return leak.fail()


@pytest.fixture
def change(path):
    def change(old, new):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
    return change


def test_the_same_error(run, path):
    status, output, said = run('replay', str(path))
    assert status == 0
    assert 'spawn of server' in said
    assert ('replayed: MachineNotFound: startvm: Could not find a registered '
            "machine named 'x'\nthe same error\n") in said
    assert [line.split('|')[5].strip() for line in output.splitlines()[3:5]
            ] == ['list', 'startvm']


def test_it_is_a_list_like_others(run, path):
    status, output, _ = run('replay', str(path), '--format', 'json')
    assert status == 0
    calls = json.loads(output)
    assert [call['Replayed'] for call in calls] == ['the same', 'the same']
    assert calls[0]['Recorded'] == 'ok'
    assert calls[1]['Recorded'].startswith('MachineNotFound: ')


def test_another_error(run, path, change):
    change('0x80bb0001', '0x80bb0002')
    status, output, said = run('replay', str(path), '--format', 'json')
    assert status == 1
    assert 'replayed: InvalidState: startvm: ' in said
    assert said.endswith('NOT the same error\n')
    assert json.loads(output)[1]['Replayed'].startswith('InvalidState: ')


def test_a_file_that_cannot_be_used(run, path, change):
    change('"format": 1', '"format": 99')
    status, output, said = run('replay', str(path))
    assert (status, output) == (2, '')
    assert 'format is 99' in said


def test_one_that_is_not_there(run):
    status, output, said = run('replay', '/no/such/file')
    assert (status, output) == (2, '')
    assert '/no/such/file cannot be read: No such file' in said
