# SPDX-License-Identifier: Apache-2.0
"""Running machines go on in another VirtualBox, by every client."""

import dataclasses
import threading
import types
from concurrent import futures

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import narrowlink
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
def guest(request):
    """What the machine runs."""
    return getattr(peers.lab(), getattr(request, 'param', 'guest'))


@pytest.fixture
def pair(make, client, other, peer, guest):
    """A machine that runs, and its like that is off."""
    spec = make(nics=(machines.NIC,))
    disk = peers.make_vdi(peer.folder / 'root.vdi', guest)
    client.attach_disk(spec.uuid, 0, disk)
    client.start(spec.uuid)
    there = dataclasses.replace(spec, folder=peer.folder / 'there')

    def prepare(**changes):
        other.create_machine(dataclasses.replace(there, **changes))
        other.attach_disk(spec.uuid, 0, disk)

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


@pytest.fixture
def held(pair, client, other):
    """Begin a teleport and return when it is on its way, and stays there."""
    pair.prepare()
    other.await_teleport(pair.uuid, pair.target)
    link = narrowlink.NarrowLink(pair.target.address, pair.target.port)
    with futures.ThreadPoolExecutor(1) as threads:
        if isinstance(client, vbox.FakeVBox):
            client.holds = True
            gone = threads.submit(client.teleport, pair.uuid, pair.target)
            peers.wait_until(lambda: client.leaving)
        else:
            gone = threads.submit(
                client.teleport, pair.uuid,
                dataclasses.replace(pair.target, port=link.port))
            assert link.held.wait(30)
        yield types.SimpleNamespace(uuid=pair.uuid, link=link, gone=gone)
        link.close()
        if isinstance(client, vbox.FakeVBox):
            client.holds = False
            for stop in client.leaving.values():
                stop.set()


@pytest.mark.parametrize('guest', ['busy_guest'], indirect=True)
def test_one_that_is_on_its_way_stays(held, client, other):
    # What is in the buffers has to come through.
    threading.Timer(1, held.link.let_go).start()
    client.abort_teleport(held.uuid)
    with pytest.raises(errors.Cancelled):
        held.gone.result(60)
    assert client.machine_state(held.uuid) is State.RUNNING
    peers.wait_until(lambda: other.machine_state(held.uuid) is State.OFF)
    with pytest.raises(errors.InvalidState, match='not on its way'):
        client.abort_teleport(held.uuid)


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
