# SPDX-License-Identifier: Apache-2.0
"""Each call of each operation fails in turn, on the real VirtualBox.

Whatever fails, Nova is told so; what is done again then works; and what is
deleted at the end leaves nothing.
"""

import contextlib

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import faulty

CONTEXT = builders.admin_context()
State = api.MachineState

# Twice as fast.  What fails is the same for both.
pytestmark = [pytest.mark.by_web_service, pytest.mark.long]


def _failure(act):
    try:
        act()
    except exception.NovaException as failure:
        return str(failure)
    return None


@pytest.fixture
def client(make_client):
    return faulty.FaultyClient(make_client())


@pytest.fixture
def driver(config, make_driver, client):
    # Only what the tests do is to be counted.
    config.config(group='virtualbox', state_poll_interval=3600)
    return make_driver(client=client)


@pytest.fixture
def sweep(client):
    """Break each call of an action in turn, and do it again unbroken."""

    def sweep(act, back=lambda: None):
        client.arm(0)
        act()
        calls = tuple(client.calls)
        back()
        for number, name in enumerate(calls, 1):
            for after, error in ((False, errors.ClientError),
                                 (True, errors.ConnectionLost)):
                client.arm(number, after, error)
                failure = _failure(act)
                assert failure in (None, f'{name}: injected fault')
                client.arm(0)
                if failure is None:
                    # It was not minded: Nova does not ask twice then.
                    back()
                act()
                back()
        return calls

    return sweep


@pytest.fixture
def state(real_virtualbox):
    return real_virtualbox.client.machine_state


@pytest.fixture(autouse=True)
def nothing_is_left_of(request, driver, spawn, client, left_over):
    """Delete the test's servers at its end, and look what is there."""
    made = []
    yield made
    client.arm(0)
    for instance in made:
        driver.destroy(CONTEXT, instance, [])
    assert left_over() == []


@pytest.fixture
def server(spawn, nothing_is_left_of):
    instance = spawn(vifs=[builders.vif()])
    nothing_is_left_of.append(instance)
    return instance


def test_off_and_on(driver, sweep, server, state):
    sweep(lambda: driver.power_off(server),
          lambda: driver.power_on(CONTEXT, server, []))
    driver.power_off(server)
    sweep(lambda: driver.power_on(CONTEXT, server, []),
          lambda: driver.power_off(server))
    driver.power_on(CONTEXT, server, [])
    assert state(server.uuid) is State.RUNNING


def test_hard_reboot(driver, sweep, server, state):
    sweep(lambda: driver.reboot(CONTEXT, server, [], 'HARD'))
    assert state(server.uuid) is State.RUNNING


def test_pause_and_unpause(driver, sweep, server, state):
    sweep(lambda: driver.pause(server), lambda: driver.unpause(server))
    driver.pause(server)
    sweep(lambda: driver.unpause(server), lambda: driver.pause(server))
    driver.unpause(server)
    assert state(server.uuid) is State.RUNNING


def test_suspend_and_resume(driver, sweep, server, spawn, state):
    def anew():
        # The interpreter's process dies when it saves for the fourth time.
        driver.destroy(CONTEXT, server, [])
        spawn(server)

    def suspended():
        anew()
        driver.suspend(CONTEXT, server)

    sweep(lambda: driver.suspend(CONTEXT, server), anew)
    suspended()
    sweep(lambda: driver.resume(CONTEXT, server, []), suspended)
    driver.resume(CONTEXT, server, [])
    assert state(server.uuid) is State.RUNNING


def test_snapshot(driver, sweep, server, image_api, real_virtualbox):
    uploaded = image_api.add('qcow2', peers.lab().guest)

    def snapshot():
        driver.snapshot(CONTEXT, server, uploaded,
                        builders.snapshot_states()[0])

    sweep(snapshot)
    # The one that could not be deleted goes when the next has been taken.
    assert real_virtualbox.client.machine_settings(
        server.uuid).snapshots == ()


def test_rescue_and_unrescue(driver, sweep, server, image, state):
    def rescue():
        driver.rescue(CONTEXT, server, [], builders.image_meta(), 'secret',
                      {}, None)

    server.image_ref = image
    sweep(rescue, lambda: driver.unrescue(CONTEXT, server))
    rescue()
    sweep(lambda: driver.unrescue(CONTEXT, server), rescue)
    driver.unrescue(CONTEXT, server)
    assert state(server.uuid) is State.RUNNING


def test_an_adapter_in_and_out(driver, sweep, server, real_virtualbox):
    second = builders.vif(address='fa:16:3e:00:00:02')
    meta = builders.image_meta()
    driver.power_off(server)
    sweep(lambda: driver.attach_interface(CONTEXT, server, meta, second),
          lambda: driver.detach_interface(CONTEXT, server, second))
    driver.attach_interface(CONTEXT, server, meta, second)
    sweep(lambda: driver.detach_interface(CONTEXT, server, second),
          lambda: driver.attach_interface(CONTEXT, server, meta, second))
    found = real_virtualbox.client.machine_settings(server.uuid)
    assert [nic.mac for nic in found.nics] == [
        'fa:16:3e:00:00:01', second['address']]


def test_a_volume_in_and_out(driver, sweep, server, storage, real_virtualbox):
    volume = storage.add()

    def attach():
        driver.attach_volume(CONTEXT, volume.connection_info(), server,
                             '/dev/sdb')

    def detach():
        driver.detach_volume(CONTEXT, volume.connection_info(), server,
                             '/dev/sdb')

    def detached():
        # What was detached, and nobody could tell, is not there any more.
        with contextlib.suppress(exception.DiskNotFound):
            detach()

    sweep(attach, detach)
    attach()
    sweep(detached, attach)
    detach()
    assert volume.initiators == set()
    assert [disk.lun for disk in real_virtualbox.client.machine_settings(
        server.uuid).disks] == [None]


def test_destroy(driver, spawn, client, left_over):
    def destroy():
        driver.destroy(CONTEXT, instance, [])
        driver.cleanup(CONTEXT, instance, [])

    number = 0
    more = True
    while more:
        number += 1
        for after, error in ((False, errors.ClientError),
                             (True, errors.ConnectionLost)):
            client.arm(0)
            instance = spawn(vifs=[builders.vif()])
            client.arm(number, after, error)
            assert 'injected fault' in (_failure(destroy) or 'injected fault')
            more = len(client.calls) >= number
            client.arm(0)
            destroy()
            assert left_over() == []
    assert number > 2
