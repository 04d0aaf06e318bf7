# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host and vcsim do the same, where vcsim does what a host does.

pyVmomi asks both.  Where they differ on purpose is in ``vsphere_peers``.
"""

import contextlib

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests import vsphere_peers
from nova_hypervisors.tests.fakes import esx

D = vim.vm.device
POWER = ('PowerOnVM_Task', 'ResetVM_Task', 'PowerOnVM_Task',
         'PowerOffVM_Task', 'PowerOffVM_Task')


@pytest.fixture(scope='module', params=['fake', 'vcsim'])
def host(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == 'vcsim':
        with vsphere_peers.simulator(folder, '-vm', '0') as made:
            made.address = made.host
            yield made
        return
    with esx.running(folder / 'host') as made:
        yield made


@pytest.fixture
def store(peer):
    """The name of a datastore, with a folder ``t``."""
    name = peer.host.datastore[-1].name
    peer.files.MakeDirectory(f'[{name}] t', center(peer))
    yield name
    with contextlib.suppress(vim.fault.FileNotFound):
        peer.wait(peer.files.DeleteDatastoreFile_Task(f'[{name}] t',
                                                      center(peer)))


def center(peer):
    return peer.content.rootFolder.childEntity[0]


@pytest.fixture
def one(peer, store):
    made = peer.create(
        'one', files=vim.vm.FileInfo(vmPathName=f'[{store}] t/one.vmx'),
        deviceChange=[esxpeers.controller(),
                      esxpeers.disk(f'[{store}] t/new.vmdk', create=True),
                      esxpeers.nic()])
    yield made
    with contextlib.suppress(vmodl.MethodFault):
        peer.wait(made.PowerOffVM_Task())
    peer.wait(made.Destroy_Task())


def fault_of(function, *arguments):
    with pytest.raises(vmodl.MethodFault) as caught:
        function(*arguments)
    return type(caught.value).__name__.rpartition('.')[2]


def test_who_it_is(peer):
    about = peer.content.about
    assert (about.apiType, about.productLineId) == (
        'HostAgent', 'embeddedEsx')
    assert peer.content.rootFolder._moId == 'ha-folder-root'
    assert center(peer)._moId == 'ha-datacenter'
    assert peer.folder._moId == 'ha-folder-vm'
    assert peer.host._moId == 'ha-host'
    assert peer.content.propertyCollector._moId == 'ha-property-collector'
    assert peer.content.sessionManager._moId == 'ha-sessionmgr'


def test_sessions(host, peer):
    manager = peer.content.sessionManager
    assert fault_of(manager.Login, 'root', 'wrong') == 'InvalidLogin'
    assert fault_of(manager.Login, host.user, host.password) == 'InvalidLogin'
    key = manager.currentSession.key
    assert fault_of(manager.SessionIsActive, key, 'root') == 'NotImplemented'
    manager.Logout()
    assert fault_of(peer.si.CurrentTime) == 'NotAuthenticated'


def test_power(peer, one):
    found = []
    for name in POWER:
        try:
            peer.wait(getattr(one, name)())
            found.append(one.runtime.powerState)
        except vim.fault.InvalidPowerState as error:
            found.append((error.requestedState, error.existingState))
    assert found == ['poweredOn', 'poweredOn', ('poweredOn', 'poweredOn'),
                     'poweredOff', ('poweredOff', 'poweredOff')]


def test_machine_that_runs_is_not_destroyed(peer, one):
    peer.wait(one.PowerOnVM_Task())
    assert fault_of(
        lambda: peer.wait(one.Destroy_Task())) == 'InvalidPowerState'


def test_devices(peer, one):
    found = {type(device).__name__.rpartition('.')[2]: device
             for device in one.config.hardware.device}
    disk, scsi = found['VirtualDisk'], found['VirtualLsiLogicController']
    assert (disk.controllerKey, disk.unitNumber) == (scsi.key, 0)
    assert found['VirtualVmxnet3'].macAddress == 'fa:16:3e:00:00:01'
    assert {'VirtualIDEController', 'VirtualPCIController',
            'VirtualVideoCard'} <= set(found)


def test_what_is_not_there(peer, store):
    path = f'[{store}] t/no.vmdk'
    disks = peer.disks
    assert fault_of(lambda: peer.wait(disks.DeleteVirtualDisk_Task(
        path, center(peer)))) == 'FileNotFound'
    assert fault_of(lambda: peer.wait(disks.CopyVirtualDisk_Task(
        path, center(peer), f'[{store}] t/b.vmdk', center(peer)))) == (
            'FileNotFound')
    assert fault_of(lambda: peer.wait(peer.files.DeleteDatastoreFile_Task(
        path, center(peer)))) == 'FileNotFound'
    assert fault_of(peer.files.MakeDirectory, f'[{store}] no/no',
                    center(peer)) == 'FileNotFound'
    with pytest.raises(vim.fault.InvalidDatastore):
        peer.files.MakeDirectory('[nowhere] a', center(peer))
    assert fault_of(lambda: peer.create('two', deviceChange=[
        esxpeers.controller(), esxpeers.disk(path)], files=vim.vm.FileInfo(
            vmPathName=f'[{store}] t/two.vmx'))) == 'FileNotFound'


def test_what_is_there_already(peer, store):
    path = f'[{store}] t/disk.vmdk'
    peer.wait(peer.disks.CreateVirtualDisk_Task(
        path, center(peer), esxpeers.disk_spec()))
    assert fault_of(lambda: peer.wait(peer.disks.CreateVirtualDisk_Task(
        path, center(peer), esxpeers.disk_spec()))) == 'FileAlreadyExists'
    assert fault_of(peer.files.MakeDirectory, f'[{store}] t',
                    center(peer)) == 'FileAlreadyExists'


def test_stale_references(peer, store):
    machine = peer.create('two', files=vim.vm.FileInfo(
        vmPathName=f'[{store}] t/two.vmx'))
    machine.UnregisterVM()
    assert fault_of(machine.PowerOnVM_Task) == 'ManagedObjectNotFound'
    assert fault_of(peer.read, machine, vim.VirtualMachine, ['name']) == (
        'ManagedObjectNotFound')


def test_reading(peer, one):
    view = peer.machines_view()
    found = peer.read(view, vim.VirtualMachine, ['name'], esxpeers.in_view())
    assert [item.propSet[0].val for item in found.objects] == ['one']
    [item] = peer.read(one, vim.VirtualMachine, [
        'name', 'snapshot', 'config.hardware.memoryMB']).objects
    assert {prop.name: prop.val for prop in item.propSet} == {
        'name': 'one', 'config.hardware.memoryMB': 64}


def test_port_groups(peer):
    network = peer.host.configManager.networkSystem
    policy = vim.host.NetworkPolicy()
    network.AddPortGroup(vim.host.PortGroup.Specification(
        name='br100', vlanId=100, vswitchName='vSwitch0', policy=policy))
    assert 'br100' in groups(network)
    assert fault_of(network.AddPortGroup, vim.host.PortGroup.Specification(
        name='br101', vlanId=1, vswitchName='no', policy=policy)) == (
            'NotFound')
    network.RemovePortGroup('br100')
    assert fault_of(network.RemovePortGroup, 'br100') == 'NotFound'
    assert 'br100' not in groups(network)


def groups(network):
    return [one.spec.name for one in network.networkInfo.portgroup]


def test_searches(peer, store):
    spec = vim.host.DatastoreBrowser.SearchSpec(matchPattern=['*'])
    browser = peer.host.datastore[-1].browser
    peer.files.MakeDirectory(f'[{store}] t/a', center(peer))
    found = peer.wait(browser.SearchDatastore_Task(f'[{store}] t', spec))
    assert found.folderPath.rstrip('/') == f'[{store}] t'
    assert [one.path for one in found.file] == ['a']
    assert fault_of(lambda: peer.wait(browser.SearchDatastore_Task(
        f'[{store}] no', spec))) == 'FileNotFound'


def test_snapshots(peer, one):
    made = peer.wait(one.CreateSnapshot_Task('a', 'text', False, False))
    assert one.snapshot.currentSnapshot == made
    [tree] = one.snapshot.rootSnapshotList
    assert (tree.name, tree.description) == ('a', 'text')
    peer.wait(made.RemoveSnapshot_Task(False))
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        peer.wait(made.RemoveSnapshot_Task(False))
