# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: machines are started and end."""

import time

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

POWER = {'PowerOnVM_Task': 'poweredOn', 'PowerOffVM_Task': 'poweredOff',
         'SuspendVM_Task': 'suspended', 'ResetVM_Task': 'poweredOn'}

ALLOWED = {'poweredOff': {'PowerOnVM_Task'},
           'poweredOn': {'PowerOffVM_Task', 'SuspendVM_Task', 'ResetVM_Task'},
           'suspended': {'PowerOnVM_Task', 'PowerOffVM_Task'}}


@pytest.mark.parametrize('state', ALLOWED)
@pytest.mark.parametrize('method', POWER)
def test_power_goes_its_ways_and_no_others(peer, one, state, method):
    if state != 'poweredOff':
        peer.wait(one.PowerOnVM_Task())
    if state == 'suspended':
        peer.wait(one.SuspendVM_Task())
    if method in ALLOWED[state]:
        peer.wait(getattr(one, method)())
        assert one.runtime.powerState == POWER[method]
        return
    with pytest.raises(vim.fault.InvalidPowerState) as caught:
        peer.wait(getattr(one, method)())
    assert caught.value.existingState == state


def test_guest_is_asked_only_where_tools_run(host, peer, one):
    with pytest.raises(vim.fault.InvalidPowerState):
        one.ShutdownGuest()
    peer.wait(one.PowerOnVM_Task())
    for method in (one.ShutdownGuest, one.RebootGuest):
        with pytest.raises(vim.fault.ToolsUnavailable):
            method()
    host.run_tools(one._moId)
    assert one.guest.toolsRunningStatus == 'guestToolsRunning'
    one.ShutdownGuest()
    until(lambda: one.runtime.powerState == 'poweredOff')
    assert one.guest.toolsRunningStatus == 'guestToolsNotRunning'


def until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_guest_may_refuse_to_go_down(host, peer, one):
    peer.wait(one.PowerOnVM_Task())
    host.run_tools(one._moId)
    host.guests_obey = False
    one.ShutdownGuest()
    time.sleep(0.1)
    assert one.runtime.powerState == 'poweredOn'
    assert host.machine(one._moId).pressed == 1


def test_swap_file_takes_room_while_it_runs(host, peer, one):
    free = host.datastore.free
    peer.wait(one.PowerOnVM_Task())
    assert host.datastore.free == free - (64 << 20)
    peer.wait(one.PowerOffVM_Task())
    host.fill_datastore(free=1 << 20)
    with pytest.raises(vim.fault.NoDiskSpace):
        peer.wait(one.PowerOnVM_Task())


def test_machine_that_runs_stays(host, peer, one):
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.InvalidPowerState):
        peer.wait(one.Destroy_Task())
    with pytest.raises(vim.fault.InvalidPowerState):
        one.UnregisterVM()
    peer.wait(one.PowerOffVM_Task())
    peer.wait(one.Destroy_Task())
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        one.PowerOnVM_Task()
    assert not (host.datastore.folder / 'one').exists()


def test_maintenance_waits_for_what_runs(host, peer, one):
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.Timedout):
        peer.wait(peer.host.EnterMaintenanceMode_Task(1, False))
    task = peer.host.EnterMaintenanceMode_Task(0, False)
    time.sleep(0.1)
    assert task.info.state == 'running'
    host.guest_powers_off(one._moId)
    peer.wait(task)
    assert peer.host.runtime.inMaintenanceMode
    with pytest.raises(vim.fault.InvalidState):
        peer.wait(one.PowerOnVM_Task())
    peer.wait(peer.host.ExitMaintenanceMode_Task(0))
    peer.wait(one.PowerOnVM_Task())


def test_start_waits_for_an_answer(host, peer, one):
    host.ask_next(one._moId)
    task = one.PowerOnVM_Task()
    until(lambda: one.runtime.question)
    question = one.runtime.question
    assert task.info.state == 'running'
    assert one.runtime.powerState == 'poweredOff'
    with pytest.raises(vmodl.fault.InvalidArgument):
        one.AnswerVM(question.id, '9')
    one.AnswerVM(question.id, '1')
    peer.wait(task)
    assert one.runtime.question is None
    assert one.runtime.powerState == 'poweredOn'
    with pytest.raises(vim.fault.ConcurrentAccess):
        one.AnswerVM(question.id, '1')


@pytest.mark.parametrize(('name', 'amount', 'fault'), [
    ('memoryAllocation', 40 << 10, vim.fault.InsufficientMemoryResourcesFault),
    ('cpuAllocation', 20_000, vim.fault.InsufficientCpuResourcesFault)])
def test_what_is_reserved_is_given_once(peer, name, amount, fault):
    share = vim.ResourceAllocationInfo(reservation=amount)
    one, two = (peer.create(machine, **{name: share})
                for machine in ('one', 'two'))
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(fault):
        peer.wait(two.PowerOnVM_Task())
    peer.wait(one.PowerOffVM_Task())
    peer.wait(two.PowerOnVM_Task())
