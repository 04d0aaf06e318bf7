# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: what is read of it, watched and waited for."""

import threading
import time

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx

PC = vmodl.query.PropertyCollector
VM = vim.VirtualMachine


@pytest.fixture
def host(tmp_path):
    with esx.running(tmp_path / 'host', machines=3) as made:
        yield made


@pytest.fixture
def collector(peer):
    return peer.content.propertyCollector


def names(result):
    return sorted(one.propSet[0].val for one in result.objects)


def test_view_has_all_machines_and_those_that_come(peer):
    view = peer.machines_view()
    found = peer.read(view, VM, ['name'], esxpeers.in_view())
    assert names(found) == ['machine-0', 'machine-1', 'machine-2']
    peer.create('other')
    assert 'other' in names(peer.read(view, VM, ['name'],
                                      esxpeers.in_view()))
    view.DestroyView()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        peer.read(view, VM, ['name'], esxpeers.in_view())


def test_recursive_traversal_ends(peer):
    """It goes from what a TraversalSpec's type says, and from nothing else."""
    again = PC.SelectionSpec(name='folder')
    folder = PC.TraversalSpec(
        name='folder', type=vim.Folder, path='childEntity', skip=False,
        selectSet=[again, PC.TraversalSpec(
            name='center', type=vim.Datacenter, path='vmFolder', skip=False,
            selectSet=[again])])
    found = peer.read(peer.content.rootFolder, VM, ['name'], (folder,))
    assert len(found.objects) == 3
    bad = PC.TraversalSpec(type=vim.Folder, path='childEntity', skip=False,
                           selectSet=[PC.SelectionSpec(name='nobody')])
    with pytest.raises(vmodl.fault.InvalidArgument):
        peer.read(peer.content.rootFolder, VM, ['name'], (bad,))


def test_nothing_found_is_no_result_at_all(host, peer):
    for one in peer.folder.childEntity:
        one.UnregisterVM()
    found = peer.read(peer.machines_view(), VM, ['name'], esxpeers.in_view())
    assert found is None


def test_pages_are_followed_and_cancelled(host, peer, collector):
    view = peer.machines_view()
    page = peer.read(view, VM, ['name'], esxpeers.in_view(), maxObjects=2)
    assert len(page.objects) == 2
    rest = collector.ContinueRetrievePropertiesEx(page.token)
    assert len(rest.objects) == 1
    assert rest.token is None
    with pytest.raises(vmodl.fault.InvalidArgument):
        collector.ContinueRetrievePropertiesEx(page.token)
    host.page_size = 1
    page = peer.read(view, VM, ['name'], esxpeers.in_view())
    collector.CancelRetrievePropertiesEx(page.token)
    with pytest.raises(vmodl.fault.InvalidArgument):
        collector.ContinueRetrievePropertiesEx(page.token)


def test_paths_go_deep_and_by_key(peer):
    peer.create('deep', extraConfig=[
        vim.option.OptionValue(key='machine.id', value='a;b')])
    [one] = [ref for ref in peer.folder.childEntity if ref.name == 'deep']
    [found] = peer.read(one, VM, [
        'config.hardware.memoryMB', 'config.extraConfig["machine.id"]',
        'config.extraConfig["nothing"]', 'config.hardware.device[200]',
        'runtime.powerState', 'snapshot.currentSnapshot']).objects
    values = {item.name: item.val for item in found.propSet}
    assert values['config.hardware.memoryMB'] == 64
    assert values['config.extraConfig["machine.id"]'].value == 'a;b'
    assert values['runtime.powerState'] == 'poweredOff'
    device = values['config.hardware.device[200]']
    assert isinstance(device, vim.vm.device.VirtualIDEController)
    assert len(values) == 4


@pytest.mark.parametrize('path', ['nothing', 'config.nothing', 'snapshot.no',
                                  'runtime.powerState.x', 'config..name'])
def test_path_that_is_none_is_refused(peer, path):
    with pytest.raises(vmodl.query.InvalidProperty):
        peer.read(peer.folder.childEntity[0], VM, [path])


def test_all_properties_of_everything_can_be_sent(host, peer, collector):
    """What the types want to be there is there, or it could not be sent."""
    peer.create('whole', deviceChange=[
        esxpeers.controller(), esxpeers.disk(create=True), esxpeers.nic()])
    for thing in list(host.objects.values()):
        spec = PC.FilterSpec(
            objectSet=[PC.ObjectSpec(obj=thing.ref)],
            propSet=[PC.PropertySpec(type=type(thing.ref), all=True)])
        [found] = collector.RetrievePropertiesEx(
            [spec], PC.RetrieveOptions()).objects
        assert found.obj._moId == thing.ref._moId
        assert not found.missingSet


def test_what_has_gone_is_a_fault_or_is_left_out(peer, collector):
    one = peer.folder.childEntity[0]
    one.UnregisterVM()
    spec = esxpeers.selection(one, VM, ['name'])
    with pytest.raises(vmodl.fault.ManagedObjectNotFound) as caught:
        collector.RetrievePropertiesEx([spec], PC.RetrieveOptions())
    assert caught.value.obj._moId == one._moId
    spec.reportMissingObjectsInResults = True
    assert collector.RetrievePropertiesEx(
        [spec], PC.RetrieveOptions()) is None


def changes(update):
    return {(one.kind, one.obj._moId): {
        change.name: change.val for change in one.changeSet}
        for part in update.filterSet for one in part.objectSet}


def watch(peer, collector):
    view = peer.machines_view()
    collector.CreateFilter(esxpeers.selection(
        view, VM, ['name', 'runtime.powerState'], esxpeers.in_view()), False)
    return collector.WaitForUpdatesEx('', PC.WaitOptions(maxWaitSeconds=0))


def test_first_update_tells_all_and_later_ones_what_changed(peer, collector):
    first = watch(peer, collector)
    assert changes(first)['enter', '1'] == {
        'name': 'machine-0', 'runtime.powerState': 'poweredOff'}
    assert len(changes(first)) == 3
    none = PC.WaitOptions(maxWaitSeconds=0)
    assert collector.WaitForUpdatesEx(first.version, none) is None
    one, two, _ = peer.folder.childEntity
    peer.wait(one.PowerOnVM_Task())
    two.UnregisterVM()
    peer.create('other')
    second = collector.WaitForUpdatesEx(first.version, none)
    assert changes(second) == {
        ('modify', '1'): {'runtime.powerState': 'poweredOn'},
        ('leave', '2'): {},
        ('enter', '4'): {'name': 'other', 'runtime.powerState': 'poweredOff'},
    }


def test_lost_answer_is_repeated_and_unknown_versions_refused(
        peer, collector):
    first = watch(peer, collector)
    none = PC.WaitOptions(maxWaitSeconds=0)
    peer.wait(peer.folder.childEntity[0].PowerOnVM_Task())
    second = collector.WaitForUpdatesEx(first.version, none)
    again = collector.WaitForUpdatesEx(first.version, none)
    assert again.version == second.version
    assert changes(again) == changes(second)
    with pytest.raises(vmodl.query.InvalidCollectorVersion):
        collector.WaitForUpdatesEx('77', none)
    assert len(changes(collector.WaitForUpdatesEx('', none))) == 3


def test_update_is_cut_where_the_limit_is(peer, collector):
    watch(peer, collector)
    options = PC.WaitOptions(maxWaitSeconds=0, maxObjectUpdates=2)
    part = collector.WaitForUpdatesEx('', options)
    assert part.truncated
    rest = collector.WaitForUpdatesEx(part.version, options)
    assert not rest.truncated
    assert len(changes(part)) + len(changes(rest)) == 3


def test_waiting_ends_when_something_happens(host, peer, collector):
    first = watch(peer, collector)
    timer = threading.Timer(0.2, host.guest_powers_off, args=('1',))
    peer.wait(peer.folder.childEntity[0].PowerOnVM_Task())
    first = collector.WaitForUpdatesEx(first.version)
    timer.start()
    start = time.monotonic()
    update = collector.WaitForUpdatesEx(
        first.version, PC.WaitOptions(maxWaitSeconds=10))
    assert 0.1 < time.monotonic() - start < 2
    assert changes(update) == {
        ('modify', '1'): {'runtime.powerState': 'poweredOff'}}


def test_waiting_ends_with_the_session_and_when_cancelled(
        host, peer, collector):
    first = watch(peer, collector)
    threading.Timer(0.1, collector.CancelWaitForUpdates).start()
    with pytest.raises(vmodl.fault.RequestCanceled):
        collector.WaitForUpdatesEx(first.version)
    threading.Timer(0.1, host.expire_sessions).start()
    with pytest.raises(vim.fault.NotAuthenticated):
        collector.WaitForUpdatesEx(first.version)


def test_filters_end_with_their_session(host, peer, collector):
    watch(peer, collector)
    [one] = collector.filter
    other = esxpeers.Peer(host)
    assert not other.content.propertyCollector.filter
    peer.content.sessionManager.Logout()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        type(one)(one._moId, other.stub).Destroy()


def test_own_collectors_are_apart(peer, collector):
    first = watch(peer, collector)
    other = collector.CreatePropertyCollector()
    own = esxpeers.selection(peer.folder.childEntity[0], VM, ['name'])
    made = other.CreateFilter(own, False)
    assert len(changes(other.WaitForUpdatesEx(''))) == 1
    assert len(collector.filter) == 1
    made.Destroy()
    assert not other.filter
    other.Destroy()
    assert collector.WaitForUpdatesEx(
        first.version, PC.WaitOptions(maxWaitSeconds=0)) is None


def test_task_takes_its_time_and_can_be_cancelled(host, peer):
    host.task_seconds = 0.3
    one = peer.folder.childEntity[0]
    start = time.monotonic()
    task = one.PowerOnVM_Task()
    assert time.monotonic() - start < 0.2
    assert task.info.state in ('queued', 'running')
    assert task._moId in [
        ref._moId for ref in peer.content.taskManager.recentTask]
    with pytest.raises(vim.fault.TaskInProgress):
        one.PowerOffVM_Task()
    peer.wait(task)
    assert one.runtime.powerState == 'poweredOn'
    task = one.PowerOffVM_Task()
    task.CancelTask()
    with pytest.raises(vmodl.fault.RequestCanceled):
        peer.wait(task)
    assert one.runtime.powerState == 'poweredOn'


def test_task_fails_with_its_fault_or_its_method_does(host, peer):
    one = peer.folder.childEntity[0]
    with pytest.raises(vim.fault.InvalidPowerState) as caught:
        peer.wait(one.PowerOffVM_Task())
    assert caught.value.existingState == 'poweredOff'
    host.faults_at_once = True
    with pytest.raises(vim.fault.InvalidPowerState):
        one.PowerOffVM_Task()


def test_machines_are_found(peer):
    index = peer.content.searchIndex
    one = peer.create('one', uuid='5f6fd0a7-7ac1-4a1b-9f10-012345670001',
                      instanceUuid='5F6FD0A7-7AC1-4A1B-9F10-012345670002')
    first = '5f6fd0a7-7ac1-4a1b-9f10-012345670001'
    second = '5f6fd0a7-7ac1-4a1b-9f10-012345670002'
    assert index.FindByUuid(None, first, True, False)._moId == one._moId
    assert index.FindByUuid(None, second, True, True)._moId == one._moId
    assert index.FindByUuid(None, second, True, False) is None
    assert len(index.FindAllByUuid(None, first, True, False)) == 1
    found = index.FindByInventoryPath('/ha-datacenter/vm/one')
    assert found._moId == one._moId
    center = peer.content.rootFolder.childEntity[0]
    found = index.FindByDatastorePath(center, '[datastore1] one/one.vmx')
    assert found._moId == one._moId
