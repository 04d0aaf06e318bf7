# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: its networks, its storage adapter, its figures."""

import datetime

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers
from nova_hypervisors.tests.fakes import esx

H = vim.host
I = H.InternetScsiHba  # noqa: E741
D = vim.vm.device
IQN = 'iqn.2010-10.org.openstack:volume-1'


@pytest.fixture
def network(peer):
    return peer.host.configManager.networkSystem


@pytest.fixture
def storage(peer):
    return peer.host.configManager.storageSystem


def group(name='br100', vlan=100, switch='vSwitch0'):
    return H.PortGroup.Specification(
        name=name, vlanId=vlan, vswitchName=switch, policy=H.NetworkPolicy())


def test_port_group_shows_everywhere(peer, network):
    network.AddPortGroup(group())
    for info in (network.networkInfo, peer.host.config.network):
        found = {one.spec.name: one for one in info.portgroup}['br100']
        assert found.spec.vlanId == 100
        switch = {one.key: one for one in info.vswitch}[found.vswitch]
        assert switch.name == 'vSwitch0'
        nics = {one.key: one.device for one in info.pnic}
        assert [nics[key] for key in switch.pnic] == ['vmnic0']
    assert 'br100' in [one.name for one in peer.host.network]
    network.RemovePortGroup('br100')
    assert 'br100' not in [one.name for one in peer.host.network]


@pytest.mark.parametrize(('spec', 'fault'), [
    (group('VM Network'), vim.fault.AlreadyExists),
    (group(switch='vSwitch9'), vim.fault.NotFound),
    (group(vlan=5000), vmodl.fault.InvalidArgument),
    (group(vlan=-1), vmodl.fault.InvalidArgument),
    (group('x' * 81), vmodl.fault.InvalidArgument),
])
def test_port_group_is_refused(network, spec, fault):
    before = len(network.networkInfo.portgroup)
    with pytest.raises(fault):
        network.AddPortGroup(spec)
    assert len(network.networkInfo.portgroup) == before


def test_port_group_is_changed(network):
    network.AddPortGroup(group())
    network.UpdatePortGroup('br100', group(vlan=4095, switch='vSwitch1'))
    found = {one.spec.name: one.spec for one in network.networkInfo.portgroup}
    assert found['br100'].vlanId == 4095
    with pytest.raises(vim.fault.NotFound):
        network.UpdatePortGroup('nothing', group())


def test_port_group_in_use_stays(peer, network):
    network.AddPortGroup(group())
    one = peer.create('one', deviceChange=[esxpeers.nic('br100')])
    with pytest.raises(vim.fault.ResourceInUse):
        network.RemovePortGroup('br100')
    peer.wait(one.Destroy_Task())
    network.RemovePortGroup('br100')
    with pytest.raises(vim.fault.NotFound):
        network.RemovePortGroup('br100')


def test_switches_come_and_go(host, network):
    device = host.network.add_pnic()
    bridge = H.VirtualSwitch.BondBridge(nicDevice=[device])
    network.AddVirtualSwitch('vSwitch7', H.VirtualSwitch.Specification(
        numPorts=64, bridge=bridge))
    network.AddPortGroup(group(switch='vSwitch7'))
    with pytest.raises(vim.fault.ResourceInUse):
        network.RemoveVirtualSwitch('vSwitch7')
    network.RemovePortGroup('br100')
    network.RemoveVirtualSwitch('vSwitch7')
    with pytest.raises(vim.fault.NotFound):
        network.RemoveVirtualSwitch('vSwitch7')


def target(secret='', user='volume', **place):
    made = I.StaticTarget(**{'address': '127.0.0.1', 'port': 3260,
                             'iScsiName': IQN, **place})
    if secret:
        made.authenticationProperties = I.AuthenticationProperties(
            chapAuthEnabled=True, chapName=user, chapSecret=secret,
            chapInherited=False, chapAuthenticationType='chapRequired')
    return made


def seen(storage):
    return [one.canonicalName for one in storage.storageDeviceInfo.scsiLun]


def test_adapter_is_off_at_first(storage):
    assert not storage.storageDeviceInfo.softwareInternetScsiEnabled
    with pytest.raises(vim.fault.NotFound):
        storage.RescanHba('vmhba64')
    storage.UpdateSoftwareInternetScsiEnabled(True)
    [adapter] = storage.storageDeviceInfo.hostBusAdapter
    assert isinstance(adapter, I)
    assert (adapter.device, adapter.isSoftwareBased) == ('vmhba64', True)
    storage.UpdateSoftwareInternetScsiEnabled(False)
    assert not storage.storageDeviceInfo.hostBusAdapter


def test_disk_of_a_target_is_seen_after_a_rescan(host, storage):
    lun = esx.Lun(IQN, 1 << 30, lun=1, user='volume', secret='twelve chars')
    host.luns += [lun, esx.Lun('iqn.other', 1 << 30)]
    storage.UpdateSoftwareInternetScsiEnabled(True)
    storage.AddInternetScsiStaticTargets('vmhba64', [target('twelve chars')])
    assert not seen(storage)
    storage.RescanHba('vmhba64')
    assert seen(storage) == [lun.naa]
    info = storage.storageDeviceInfo
    [disk] = info.scsiLun
    assert disk.capacity.block * disk.capacity.blockSize == 1 << 30
    [found] = info.scsiTopology.adapter[0].target
    assert found.transport.iScsiName == IQN
    assert [(one.lun, one.scsiLun) for one in found.lun] == [(1, disk.key)]
    [adapter] = info.hostBusAdapter
    [shown] = adapter.configuredStaticTarget
    assert shown.authenticationProperties.chapName == 'volume'
    assert not shown.authenticationProperties.chapSecret
    storage.RemoveInternetScsiStaticTargets('vmhba64', [target()])
    assert seen(storage)
    storage.RescanHba('vmhba64')
    assert not seen(storage)
    with pytest.raises(vim.fault.NotFound):
        storage.RemoveInternetScsiStaticTargets('vmhba64', [target()])


@pytest.mark.parametrize('wrong', [
    target(), target('wrong secret'), target('twelve chars', 'other'),
    target('twelve chars', port=3261),
    target('twelve chars', iScsiName='iqn.other')])
def test_target_lets_nobody_else_in(host, storage, wrong):
    host.luns.append(esx.Lun(IQN, 1 << 30, user='volume',
                             secret='twelve chars'))
    storage.UpdateSoftwareInternetScsiEnabled(True)
    storage.AddInternetScsiStaticTargets('vmhba64', [wrong])
    storage.RescanHba('vmhba64')
    assert not seen(storage)


def test_target_is_given_another_secret(host, storage):
    host.luns.append(esx.Lun(IQN, 1 << 30, user='volume',
                             secret='twelve chars'))
    storage.UpdateSoftwareInternetScsiEnabled(True)
    storage.AddInternetScsiStaticTargets('vmhba64', [target('old')])
    new = target('twelve chars')
    storage.UpdateInternetScsiAuthenticationProperties(
        'vmhba64', new.authenticationProperties,
        I.TargetSet(staticTargets=[target()]))
    storage.RescanHba('vmhba64')
    assert seen(storage)


def test_send_targets_find_them_too(host, storage):
    host.luns.append(esx.Lun(IQN, 1 << 30))
    storage.UpdateSoftwareInternetScsiEnabled(True)
    places = [I.SendTarget(address='127.0.0.1', port=3260)]
    storage.AddInternetScsiSendTargets('vmhba64', places)
    storage.RescanHba('vmhba64')
    assert seen(storage)
    storage.RemoveInternetScsiSendTargets('vmhba64', places)
    storage.RescanHba('vmhba64')
    assert not seen(storage)


def mapping(device):
    return esxpeers.add(D.VirtualDisk(
        key=-1, controllerKey=1000, capacityInKB=0,
        backing=D.VirtualDisk.RawDiskMappingVer1BackingInfo(
            fileName='', deviceName=device, compatibilityMode='physicalMode',
            diskMode='independent_persistent')), 'create')


def test_device_is_mapped_raw(host, peer, storage):
    lun = esx.Lun(IQN, 1 << 30)
    host.luns.append(lun)
    storage.UpdateSoftwareInternetScsiEnabled(True)
    storage.AddInternetScsiStaticTargets('vmhba64', [target()])
    storage.RescanHba('vmhba64')
    one = peer.create('one', deviceChange=[esxpeers.controller()])
    device = f'/vmfs/devices/disks/{lun.naa}'
    peer.wait(one.ReconfigVM_Task(vim.vm.ConfigSpec(
        deviceChange=[mapping(device)])))
    [disk] = [item for item in one.config.hardware.device
              if isinstance(item, D.VirtualDisk)]
    assert disk.capacityInKB == 1 << 20
    assert disk.backing.deviceName == device
    assert disk.backing.compatibilityMode == 'physicalMode'
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.InvalidDeviceBacking):
        peer.wait(one.ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[
            mapping('/vmfs/devices/disks/naa.no')])))


def test_use_of_the_host_grows_with_what_runs(host, peer):
    used = peer.host.summary.quickStats.overallMemoryUsage
    one = peer.create('one', memoryMB=256)
    peer.wait(one.PowerOnVM_Task())
    assert peer.host.summary.quickStats.overallMemoryUsage == used + 256
    assert peer.host.hardware.cpuInfo.numCpuThreads == 32


def test_clock_and_manager_are_what_a_test_says(host, peer):
    host.clock_ahead = datetime.timedelta(hours=1)
    ahead = peer.si.CurrentTime() - datetime.datetime.now(datetime.UTC)
    assert 3500 < ahead.total_seconds() < 3700
    assert peer.host.summary.managementServerIp is None
    host.host_system.managed_by = '192.0.2.1'
    assert peer.host.summary.managementServerIp == '192.0.2.1'
    host.service.api_type = 'VirtualCenter'
    assert peer.si.RetrieveContent().about.apiType == 'VirtualCenter'


def test_datastore_out_of_reach(host, peer):
    store = peer.host.datastore[0]
    assert (store.summary.type, store.summary.accessible) == ('VMFS', True)
    host.datastore.accessible = False
    assert not store.summary.accessible
    with pytest.raises(vim.fault.InaccessibleDatastore):
        peer.files.MakeDirectory('[datastore1] a')


def test_hosts_share_a_datastore_and_its_locks(host, peer, tmp_path):
    host.add_datastore('shared', tmp_path / 'shared')
    with esx.running(tmp_path / 'other', beside=host) as other:
        other.add_datastore('shared', tmp_path / 'shared')
        second = esxpeers.Peer(other)
        one = peer.create('one', deviceChange=[
            esxpeers.controller(), esxpeers.disk(create=True)],
            files=vim.vm.FileInfo(vmPathName='[shared] one/one.vmx'))
        peer.wait(one.PowerOnVM_Task())
        two = second.wait(second.folder.RegisterVM_Task(
            '[shared] one/one.vmx', None, False, second.pool, second.host))
        with pytest.raises(vim.fault.FileLocked):
            second.wait(two.PowerOnVM_Task())
        one.PowerOffVM_Task()
        second.wait(two.PowerOnVM_Task())
        assert other.host_system.uuid != host.host_system.uuid
