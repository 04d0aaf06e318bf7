# SPDX-License-Identifier: Apache-2.0
"""Running machines go on in another VirtualBox, by every client."""

import dataclasses
import types

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.contract import machines
from nova_hypervisors.tests.fakes import vbox

State = api.MachineState


@pytest.fixture
def other(request, peer):
    """The other VirtualBox, reached in the same way."""
    if isinstance(peer.client, vbox.FakeVBox):
        yield vbox.FakeVBox()
        return
    real = request.getfixturevalue('other_virtualbox')
    backend = request.node.callspec.params['peer']
    yield (request.getfixturevalue('other_web_service').client
           if backend == 'webservice' else real.client)
    real.clear()


@pytest.fixture
def pair(make, client, other, peer):
    """A machine that runs, and its like that is off."""
    spec = make(disk=True, nics=(machines.NIC,))
    disk, = client.machine_settings(spec.uuid).disks
    client.start(spec.uuid)
    there = dataclasses.replace(spec, folder=peer.folder / 'there')

    def prepare(**changes):
        other.create_machine(dataclasses.replace(there, **changes))
        other.attach_disk(spec.uuid, 0, disk.path)

    return types.SimpleNamespace(
        uuid=spec.uuid, prepare=prepare,
        target=api.TeleportTarget('127.0.0.1', peers.free_port(), 'se cret'))


def test_it_goes_on_there(pair, client, other):
    pair.prepare()
    other.await_teleport(pair.uuid, pair.target)
    assert other.machine_state(pair.uuid) is State.ARRIVING
    assert other.machine_states()[pair.uuid] is State.ARRIVING
    client.teleport(pair.uuid, pair.target)
    assert client.machine_state(pair.uuid) is State.DEPARTED
    assert client.machine_states()[pair.uuid] is State.DEPARTED
    assert other.machine_state(pair.uuid) is State.RUNNING
    client.unregister_machine(pair.uuid)
    # What has come once does not wait when it is started again.
    other.power_off(pair.uuid)
    other.start(pair.uuid)
    assert other.machine_state(pair.uuid) is State.RUNNING


def test_unlike_hardware_goes_on_where_it_is(pair, client, other):
    pair.prepare(memory_mb=96)
    other.await_teleport(pair.uuid, pair.target)
    with pytest.raises(errors.ClientError, match='MISMATCH'):
        client.teleport(pair.uuid, pair.target)
    assert client.machine_state(pair.uuid) is State.RUNNING
    peers.wait_until(lambda: other.machine_state(pair.uuid) is State.OFF)


def test_another_password_goes_on_where_it_is(pair, client, other):
    pair.prepare()
    other.await_teleport(pair.uuid, pair.target)
    with pytest.raises(errors.ClientError, match='assword'):
        client.teleport(pair.uuid, dataclasses.replace(
            pair.target, password='another'))
    assert client.machine_state(pair.uuid) is State.RUNNING
    other.end_waiting(pair.uuid)


def test_nobody_waits(pair, client):
    with pytest.raises(errors.NotListening):
        client.teleport(pair.uuid, pair.target)
    assert client.machine_state(pair.uuid) is State.RUNNING


def test_one_that_waits_is_ended(pair, other):
    pair.prepare()
    other.await_teleport(pair.uuid, pair.target)
    other.end_waiting(pair.uuid)
    assert other.machine_state(pair.uuid) is State.ABORTED
    other.end_waiting(pair.uuid)
    other.delete_machine(pair.uuid)
