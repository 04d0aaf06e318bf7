# SPDX-License-Identifier: Apache-2.0
"""VMRC consoles: what the host says to their tickets and passwords."""

import base64
import json

import pytest

from nova_hypervisors import conf
from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests import peers
from nova_hypervisors.vmwareapi import directory
from nova_hypervisors.vmwareapi import vmrc


@pytest.fixture
def find(config, spawn):
    """Return what the client of a server's console is told."""
    instances = []

    def find(kind):
        instance = instances[0] if instances else spawn()
        instances[:] = [instance]
        console = directory.find(conf.CONF, instance.uuid, kind)
        return json.loads(base64.b64decode(console.password))
    return find


@pytest.fixture
def log_in(host):
    """Log in as a VMRC client does; return the host's status."""
    def log_in(method, *values):
        body = ''.join(f'<{name}>{value}</{name}>' for name, value in values)
        return esxpeers.Raw(host).call(
            method, ('SessionManager', 'ha-sessionmgr'), body).status_code
    return log_in


@pytest.mark.feature('console.vmrc')
def test_a_ticket_logs_in_once(find, log_in):
    told = find(vmrc.Kind.SESSION)
    ticket = ('cloneTicket', told['password'])
    assert log_in('CloneSession', ticket) == 200
    assert log_in('CloneSession', ticket) == 500


def test_each_call_gives_another_ticket(find):
    assert find(vmrc.Kind.SESSION) != find(vmrc.Kind.SESSION)


def test_credentials_log_in_as_often_as_one_likes(find, log_in):
    told = find(vmrc.Kind.CREDENTIALS)
    for _ in range(2):
        assert log_in('Login', ('userName', told['username']),
                      ('password', told['password'])) == 200


def test_the_machine_is_named_as_each_way_needs_it(find, client):
    told = [find(kind)['vm_id'] for kind in (vmrc.Kind.SESSION,
                                             vmrc.Kind.CREDENTIALS)]
    peers.wait_until(client.list_machines, timeout_s=20)
    machine, = client.list_machines()
    assert told == [machine.ref, str(machine.path)]
