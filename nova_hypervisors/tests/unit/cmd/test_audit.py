# SPDX-License-Identifier: Apache-2.0
"""The audit as an operator asks for it, of a VirtualBox in memory."""

import contextlib
import json
import os
import threading
import uuid

import oslo_messaging
import pytest

from nova_hypervisors import conf
from nova_hypervisors.common import conductor
from nova_hypervisors.tests.fakes import faulty
from nova_hypervisors.tests.fakes import servers as fake_servers
from nova_hypervisors.tests.fakes import vbox as fake
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import machines

LONG_AGO = 1_000_000_000


@pytest.fixture
def vbox():
    return fake.FakeVBox()


@pytest.fixture
def client(vbox):
    return faulty.FaultyClient(vbox)


@pytest.fixture
def servers(monkeypatch, client):
    """Nova and VirtualBox, which the command finds by itself."""
    found = fake_servers.FakeServers()
    monkeypatch.setattr(factory, 'make_client', lambda conf: client)
    monkeypatch.setattr(conductor, 'connected',
                        lambda conf: contextlib.nullcontext(found))
    return found


@pytest.fixture
def audit(run, tmp_path, servers):
    """Run the command; give its status, and its rows as JSON has them."""
    path = tmp_path / 'nova.conf'

    def audit(*words, driver='nova_hypervisors.VirtualBoxDriver'):
        path.write_text(f'[DEFAULT]\ncompute_driver = {driver}\n'
                        f'state_path = {tmp_path}/state\n'
                        f'instances_path = {tmp_path}/i\nhost = here\n')
        status, output, errors = run('audit', '--config-file', str(path),
                                     '-f', 'json', *words)
        conf.CONF.reset()
        return status, json.loads(output) if output else errors

    return audit


@pytest.fixture
def folder(tmp_path, servers):
    """Have an old folder of a server that Nova has deleted."""
    path = tmp_path / 'i' / str(uuid.uuid4())
    path.mkdir(parents=True)
    os.utime(path, (LONG_AGO, LONG_AGO))
    servers.deletes(path.name)
    return path


@pytest.fixture
def gone(servers):
    """Have a server that has no machine."""
    found = str(uuid.uuid4())
    servers.has(found)
    return found


def results(rows):
    return [row['Result'] for row in rows]


def test_nothing_is_found(audit):
    assert audit() == (0, [])


def test_nodes_are_audited_too(audit, gone):
    status, (row,) = audit(driver='nova_hypervisors.BareMetalDriver')
    assert (status, row['Kind']) == (1, 'server')
    assert 'no node has it' in row['Why']


def test_what_is_found_is_shown_and_stays(audit, folder):
    status, (row,) = audit()
    assert status == 1
    assert (row['Kind'], row['What']) == ('folder', str(folder))
    assert 'Nova has deleted the server' in row['Why']
    assert (row['Fix'], row['Result']) == ('it is deleted', 'found')
    assert folder.exists()


def test_fix_alone_changes_nothing(audit, folder):
    status, rows = audit('--fix')
    assert (status, results(rows)) == (1, ['not done: --yes does it'])
    assert folder.exists()


def test_fix_with_yes_mends_it(audit, folder):
    status, rows = audit('--fix', '--yes')
    assert (status, results(rows)) == (0, ['fixed'])
    assert not folder.exists()


def test_yes_alone_is_refused(audit, folder):
    status, errors = audit('--yes')
    assert status == 1
    assert 'say --fix --yes' in errors
    assert folder.exists()


def test_what_cannot_be_mended_is_left(audit, gone):
    status, rows = audit('--fix', '--yes')
    assert (status, results(rows)) == (1, ['cannot be fixed'])
    assert gone in rows[0]['What']


def test_what_is_left_alone_is_no_failure(audit, servers, gone):
    servers.changes(gone, task_state='rebuilding')
    status, rows = audit('--fix', '--yes')
    assert (status, results(rows)) == (
        0, ['left alone: Nova is at a task with the server: rebuilding'])


def test_a_fix_that_fails_does_not_keep_the_others(audit, folder, vbox,
                                                   client):
    machines.Machines(vbox).claim(str(uuid.uuid4()))
    client.fail('set_extradata')
    status, rows = audit('--fix', '--yes')
    assert status == 1
    assert sorted(results(rows)) == [
        'FAILED: set_extradata: injected fault', 'fixed']
    assert not folder.exists()


def test_a_failure_counts_though_a_later_fix_succeeds(audit, vbox, client,
                                                      servers):
    for _ in range(2):
        machines.Machines(vbox).claim(str(uuid.uuid4()))
    client.fail('set_extradata')
    status, rows = audit('--fix', '--yes')
    assert status == 1
    assert results(rows) == ['FAILED: set_extradata: injected fault', 'fixed']
    assert audit('--fix', '--yes')[0] == 0


@pytest.mark.parametrize('driver', ['libvirt.LibvirtDriver',
                                    'VirtualBoxDriver'])
def test_other_drivers_are_none_of_ours(audit, driver):
    status, errors = audit(driver=driver)
    assert status == 1
    assert f'compute_driver is {driver!r}' in errors


def test_a_conductor_that_is_silent_is_not_waited_for():
    with pytest.raises(conductor.Unreachable, match='nothing in 0 s'):
        conductor.ask(threading.Event().wait, limit_s=0.01)


def test_a_conductor_that_answers_is_asked():
    answers = []
    conductor.ask(lambda: answers.append('yes'))
    assert answers == ['yes']


def test_a_conductor_that_refuses_is_told_of():
    def refuse():
        raise oslo_messaging.MessageDeliveryFailure('nobody is there')
    with pytest.raises(conductor.Unreachable,
                       match=r'nobody is there\. Is it running'):
        conductor.ask(refuse)
