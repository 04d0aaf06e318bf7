# SPDX-License-Identifier: Apache-2.0
"""Servers get another size where they are, and go back."""

import types

import pytest
from nova import exception
from nova.compute import task_states

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import spec

State = api.MachineState

# What is asked of VirtualBox to grow a server, in order, but for looking.
STEPS = ('configure_machine', 'clone_disk', 'resize_disk', 'detach_disk',
         'close_medium', 'move_disk', 'move_disk', 'attach_disk', 'start')


def swap(size_mb):
    return {'swap': {'device_name': '/dev/sdc', 'swap_size': size_mb}}


@pytest.fixture
def server(spawn):
    return spawn(block_device_info=swap(8))


@pytest.fixture
def depart(parts, server):
    def depart(root_gb=2, memory_mb=128, **changes):
        flavor = builders.instance(
            root_gb=root_gb, memory_mb=memory_mb, **changes).flavor
        parts.migrations.depart(server, flavor, True, 0, 0)
        server.flavor = flavor
    return depart


@pytest.fixture
def arrive(parts, asked, server):
    def arrive(swap_mb=8, power_on=True):
        parts.migrations.arrive(
            asked(server, power_on=power_on,
                  block_device_info=swap(swap_mb)), True, '')
    return arrive


@pytest.fixture
def world(vbox, server, parts):
    """Return what a user would see of a server, and of its files."""
    def world():
        machine = vbox.machines[server.uuid]
        folder = parts.files.instance(server.uuid).folder
        return types.SimpleNamespace(
            state=machine.state, memory_mb=machine.spec.memory_mb,
            disks={port: (disk.path.rpartition('/')[2],
                          vbox.media[disk.path].capacity_mb)
                   for port, disk in machine.disks.items()},
            files={path.name for path in folder.glob('*.vdi')})
    return world


BEFORE = {spec.ROOT_PORT: ('root.vdi', 1), 2: ('swap.vdi', 8)}


def test_it_grows(depart, arrive, parts, world, server):
    depart()
    assert world().state is State.OFF
    arrive(swap_mb=16)
    parts.migrations.confirm(server, True)
    found = world()
    assert (found.state, found.memory_mb) == (State.RUNNING, 128)
    assert found.disks == {spec.ROOT_PORT: ('root.vdi', 2048),
                           2: ('swap.vdi', 16)}
    assert found.files == {'root.vdi', 'swap.vdi'}


def test_it_goes_back(depart, arrive, parts, world, server):
    depart()
    arrive(swap_mb=0)
    server.task_state = task_states.RESIZE_REVERTING
    parts.vms.destroy(server, destroy_disks=False)
    assert world().state is State.OFF
    parts.migrations.revert(server, power_on=True)
    found = world()
    assert (found.state, found.memory_mb) == (State.RUNNING, 64)
    assert found.disks == BEFORE
    assert found.files == {'root.vdi', 'swap.vdi'}


def test_it_can_be_done_again(depart, arrive, parts, world, server):
    for root_gb in (2, 2, 3):
        depart(root_gb=root_gb)
        arrive()
        parts.migrations.confirm(server, True)
    assert world().disks[spec.ROOT_PORT] == ('root.vdi', 3072)


def test_it_stays_off_if_it_was(depart, arrive, parts, world, server):
    parts.power.power_off(server, 0, 0)
    depart()
    arrive(power_on=False)
    assert world().state is State.OFF


def test_one_that_is_deleted_goes_with_all_that_was_kept(
        depart, arrive, parts, vbox, server):
    before = set(vbox.media)
    depart()
    arrive()
    parts.migrations.confirm(server, True)
    parts.vms.destroy(server, destroy_disks=True)
    assert vbox.machines == {}
    assert set(vbox.media) <= before
    assert not parts.files.instance(server.uuid).folder.exists()


# A machine that is off is so, whatever is said of its power-off.
@pytest.mark.parametrize(('name', 'after'), [
    ('power_off', False), ('take_snapshot', False), ('take_snapshot', True)])
def test_one_that_cannot_leave_goes_on(depart, world, client, name, after):
    client.fail(name, after)
    with pytest.raises(exception.InstanceFaultRollback, match='injected'):
        depart()
    found = world()
    assert (found.state, found.memory_mb) == (State.RUNNING, 64)
    assert found.disks == BEFORE
    depart()


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('step', range(len(STEPS)),
                         ids=lambda step: STEPS[step])
def test_one_that_cannot_grow_is_what_it_was(depart, arrive, world, client,
                                             step, after):
    depart()
    client.fail(STEPS[step], after, STEPS[:step].count(STEPS[step]))
    with pytest.raises(errors.ClientError, match='injected'):
        arrive()
    found = world()
    assert (found.state, found.memory_mb) == (State.OFF, 64)
    assert found.disks == BEFORE
    assert found.files == {'root.vdi', 'swap.vdi'}


@pytest.mark.parametrize('name', ['restore_snapshot', 'delete_snapshot',
                                  'close_medium', 'move_disk'])
def test_going_back_can_be_tried_again(depart, arrive, parts, world, client,
                                       server, name):
    depart()
    arrive(swap_mb=16)
    client.fail(name)
    with pytest.raises(errors.ClientError, match='injected'):
        parts.migrations.revert(server, power_on=True)
    parts.migrations.revert(server, power_on=True)
    found = world()
    assert (found.state, found.memory_mb) == (State.RUNNING, 64)
    assert found.disks == BEFORE
    assert found.files == {'root.vdi', 'swap.vdi'}


@pytest.mark.parametrize(('changes', 'what'), [
    ({'root_gb': 0}, 'root disk has 1 GB'),
], ids=['root'])
def test_a_disk_cannot_shrink(depart, world, changes, what):
    with pytest.raises(exception.InstanceFaultRollback, match=what):
        depart(**changes)
    assert world().state is State.RUNNING
