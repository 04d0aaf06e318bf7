# SPDX-License-Identifier: Apache-2.0
"""VMRC consoles: what the host says to their tickets and passwords."""

import base64
import json

import pytest

from nova_hypervisors import conf
from nova_hypervisors.tests import esxpeers
from nova_hypervisors.vmwareapi import directory
from nova_hypervisors.vmwareapi import vmrc


@pytest.fixture
def find(config, spawn):
    """Return what the client of a new server's console is told."""
    instance = spawn()

    def find(kind):
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
    machine, = client.list_machines()
    assert find(vmrc.Kind.SESSION)['vm_id'] == machine.ref
    assert find(vmrc.Kind.CREDENTIALS)['vm_id'] == str(machine.path)
