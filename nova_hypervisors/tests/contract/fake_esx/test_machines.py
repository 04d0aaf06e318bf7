# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: machines, their devices, power and end."""

import re

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers

D = vim.vm.device
ROOT = '[datastore1] one/one.vmdk'


def devices(machine, kind):
    return [device for device in machine.config.hardware.device
            if isinstance(device, kind)]


def change(peer, machine, *specs, **config):
    return peer.wait(machine.ReconfigVM_Task(
        vim.vm.ConfigSpec(deviceChange=list(specs), **config)))


def test_machine_is_what_was_asked_for(host, peer):
    one = peer.create(
        'one', uuid='5F6FD0A7-7AC1-4A1B-9F10-012345670001', numCPUs=4,
        numCoresPerSocket=2, memoryMB=256, firmware='efi', annotation='a note',
        deviceChange=[esxpeers.controller(),
                      esxpeers.disk(create=True, size_kb=2048),
                      esxpeers.nic(mac='FA:16:3E:00:00:09')])
    config = one.config
    assert config.uuid == '5f6fd0a7-7ac1-4a1b-9f10-012345670001'
    assert config.hardware.numCPU == 4
    assert config.firmware == 'efi'
    assert one.summary.config.memorySizeMB == 256
    [disk] = devices(one, D.VirtualDisk)
    assert (disk.key, disk.controllerKey) == (2000, 1000)
    assert disk.backing.fileName == ROOT
    flat = host.datastore.folder / 'one/one-flat.vmdk'
    assert flat.stat().st_size == 2048 * 1024
    [card] = devices(one, D.VirtualEthernetCard)
    assert (card.key, card.macAddress) == (4000, 'fa:16:3e:00:00:09')
    assert card.backing.network.name == 'VM Network'
    assert {ref.name for ref in one.network} == {'VM Network'}
    names = {item.name for item in one.layoutEx.file}
    assert names == {'[datastore1] one/one.vmx', ROOT,
                     '[datastore1] one/one-flat.vmdk'}


def test_datastore_alone_gives_a_folder_of_its_own(host, peer):
    (host.datastore.folder / 'one').mkdir()
    made = peer.create('one', files=vim.vm.FileInfo(
        vmPathName='[datastore1]'))
    assert made.config.files.vmPathName == '[datastore1] one_1/one.vmx'


def test_name_and_file_are_taken_once(peer, one):
    with pytest.raises(vim.fault.DuplicateName):
        peer.create('one', files=vim.vm.FileInfo(
            vmPathName='[datastore1] two/two.vmx'))
    with pytest.raises(vim.fault.FileAlreadyExists):
        peer.create('two', files=vim.vm.FileInfo(
            vmPathName='[datastore1] one/one.vmx'))
    other = peer.create('other')
    with pytest.raises(vim.fault.DuplicateName):
        peer.wait(other.Rename_Task('one'))
    peer.wait(other.Rename_Task('new'))
    assert other.name == 'new'


@pytest.mark.parametrize(('config', 'name'), [
    ({'memoryMB': 63}, 'memoryMB'),
    ({'numCPUs': 64}, 'numCPUs'),
    ({'numCPUs': 3, 'numCoresPerSocket': 2}, 'numCoresPerSocket'),
    ({'guestId': 'debian'}, 'guestId'),
    ({'uuid': 'x'}, 'uuid'),
    ({'name': 'x' * 81}, 'name'),
    ({'cpuAllocation': vim.ResourceAllocationInfo(reservation=9, limit=8)},
     'cpuAllocation.limit'),
])
def test_bad_values_are_named_and_leave_nothing(host, peer, config, name):
    with pytest.raises(vmodl.fault.InvalidArgument) as caught:
        peer.create(**{'name': 'one', **config})
    assert caught.value.invalidProperty == f'configSpec.{name}'
    assert not list(host.datastore.folder.iterdir())
    assert not host.machines()


@pytest.mark.parametrize(('spec', 'fault'), [
    (esxpeers.disk(create=True, at=1003), vim.fault.InvalidDeviceSpec),
    (esxpeers.disk(create=True, unit=7), vim.fault.InvalidDeviceSpec),
    (esxpeers.disk(create=True, unit=16), vim.fault.InvalidDeviceSpec),
    (esxpeers.disk(create=True, unit=0), vim.fault.InvalidDeviceSpec),
    (esxpeers.disk('[datastore1] no/no.vmdk', unit=1),
     vim.fault.FileNotFound),
    (esxpeers.disk('[datastore1] no/no.vmdk', unit=1, create=True),
     vim.fault.FileNotFound),
    (esxpeers.disk('[nowhere] no.vmdk', unit=1),
     vim.fault.InvalidDatastorePath),
    (esxpeers.disk('', unit=1, create=True, parent='[datastore1] no.vmdk'),
     vim.fault.FileNotFound),
    (esxpeers.nic('nothing'), vim.fault.InvalidDeviceBacking),
    (esxpeers.nic(mac='no'), vim.fault.InvalidDeviceSpec),
    (esxpeers.controller(), vim.fault.InvalidDeviceSpec),
])
def test_bad_device_undoes_the_whole_change(host, peer, spec, fault):
    with pytest.raises(fault) as caught:
        peer.create('one', deviceChange=[
            esxpeers.controller(), esxpeers.disk(create=True), spec])
    assert getattr(caught.value, 'deviceIndex', 2) == 2
    assert not list(host.datastore.folder.iterdir())


def files(host, name='one'):
    return sorted(path.name for path in
                  (host.datastore.folder / name).iterdir())


def test_bad_device_undoes_a_change_of_a_machine(host, peer, one):
    before = files(host)
    with pytest.raises(vim.fault.InvalidDeviceBacking):
        change(peer, one, esxpeers.disk(create=True, at=1000, unit=1),
               esxpeers.nic('nothing'))
    assert files(host) == before
    assert len(devices(one, D.VirtualDisk)) == 1


def test_locked_disk_undoes_a_change_of_a_machine(host, peer, one):
    two = peer.create('two', deviceChange=[esxpeers.controller()])
    for machine in (one, two):
        peer.wait(machine.PowerOnVM_Task())
    before = files(host, 'two')
    with pytest.raises(vim.fault.FileLocked):
        change(peer, two, esxpeers.disk(create=True, at=1000, unit=1),
               esxpeers.disk(ROOT, at=1000, unit=2))
    assert files(host, 'two') == before
    assert not devices(two, D.VirtualDisk)


def test_option_is_replaced_by_its_key_and_taken_away(host, peer, one):
    def options():
        return [(item.key, item.value) for item in one.config.extraConfig]

    for value, wanted in (('a', [('machine.id', 'a')]),
                          ('b', [('machine.id', 'b')]), ('', [])):
        change(peer, one, extraConfig=[
            vim.option.OptionValue(key='machine.id', value=value)])
        assert options() == wanted


def test_devices_come_and_go_while_it_runs(host, peer, one):
    peer.wait(one.PowerOnVM_Task())
    change(peer, one, esxpeers.disk(create=True, at=1000, unit=1),
           esxpeers.nic(mac='fa:16:3e:00:00:02'))
    [_, disk] = devices(one, D.VirtualDisk)
    [_, card] = devices(one, D.VirtualEthernetCard)
    assert disk.backing.fileName == '[datastore1] one/one_1.vmdk'
    assert card.connectable.connected
    with pytest.raises(vim.fault.FileLocked):
        peer.wait(peer.disks.DeleteVirtualDisk_Task(disk.backing.fileName))
    change(peer, one, D.VirtualDeviceSpec(operation='remove', device=disk),
           D.VirtualDeviceSpec(operation='remove', device=card))
    assert len(devices(one, D.VirtualDisk)) == 1
    assert (host.datastore.folder / 'one/one_1.vmdk').exists()
    peer.wait(peer.disks.DeleteVirtualDisk_Task(disk.backing.fileName))


def test_removed_disk_can_be_destroyed(host, peer, one):
    [disk] = devices(one, D.VirtualDisk)
    change(peer, one, D.VirtualDeviceSpec(
        operation='remove', fileOperation='destroy', device=disk))
    assert not (host.datastore.folder / 'one/one.vmdk').exists()
    assert not (host.datastore.folder / 'one/one-flat.vmdk').exists()


def test_ide_needs_a_machine_that_is_off(host, peer, one):
    (host.datastore.folder / 'config.iso').write_bytes(b'iso')
    drive = esxpeers.add(D.VirtualCdrom(
        key=-1, controllerKey=200, unitNumber=0,
        backing=D.VirtualCdrom.IsoBackingInfo(
            fileName='[datastore1] config.iso')))
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.InvalidPowerState):
        change(peer, one, drive)
    peer.wait(one.PowerOffVM_Task())
    change(peer, one, drive)
    [made] = devices(one, D.VirtualCdrom)
    assert made.key == 3000
    made.backing.fileName = '[datastore1] nothing.iso'
    with pytest.raises(vim.fault.FileNotFound):
        change(peer, one, D.VirtualDeviceSpec(operation='edit', device=made))


def test_processors_and_memory_are_changed_while_it_is_off(peer, one):
    change(peer, one, numCPUs=2, memoryMB=128)
    assert one.config.hardware.numCPU == 2
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.MemoryHotPlugNotSupported):
        change(peer, one, memoryMB=256)
    with pytest.raises(vim.fault.CpuHotPlugNotSupported):
        change(peer, one, numCPUs=4)


def test_disk_grows_by_a_change(host, peer, one):
    [disk] = devices(one, D.VirtualDisk)
    disk.capacityInKB = 4096
    disk.capacityInBytes = None
    change(peer, one, D.VirtualDeviceSpec(operation='edit', device=disk))
    flat = host.datastore.folder / 'one/one-flat.vmdk'
    assert flat.stat().st_size == 4096 * 1024
    [disk] = devices(one, D.VirtualDisk)
    assert disk.capacityInKB == 4096


def test_registered_again_it_is_the_same_by_its_vmx(host, peer):
    one = peer.create(
        'one', guestId='debian12_64Guest', memoryMB=128, numCPUs=2,
        firmware='efi', annotation='it is "quoted"\nand long', extraConfig=[
            vim.option.OptionValue(key='machine.id', value='a;b')],
        deviceChange=[esxpeers.controller(), esxpeers.disk(create=True),
                      esxpeers.nic()])
    before = one.config
    one.UnregisterVM()
    other = peer.wait(peer.folder.RegisterVM_Task(
        '[datastore1] one/one.vmx', None, False, peer.pool, peer.host))
    assert other._moId != one._moId
    after = other.config
    for name in ('name', 'guestId', 'uuid', 'instanceUuid', 'firmware',
                 'annotation'):
        assert getattr(after, name) == getattr(before, name)
    assert after.hardware.memoryMB == 128
    assert [item.value for item in after.extraConfig] == ['a;b']
    assert devices(other, D.VirtualDisk)[0].backing.fileName == ROOT
    assert devices(other, D.VirtualEthernetCard)[0].macAddress == (
        'fa:16:3e:00:00:01')
    with pytest.raises(vim.fault.AlreadyExists):
        peer.wait(peer.folder.RegisterVM_Task(
            '[datastore1] one/one.vmx', 'two', False, peer.pool, peer.host))
    with pytest.raises(vim.fault.FileNotFound):
        peer.wait(peer.folder.RegisterVM_Task(
            '[datastore1] no/no.vmx', 'two', False, peer.pool, peer.host))


def test_host_does_not_clone(peer, one):
    spec = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(), powerOn=False,
                            template=False)
    with pytest.raises(vmodl.fault.NotSupported):
        one.CloneVM_Task(peer.folder, 'two', spec)


def test_console_tickets_and_screen(host, peer, one):
    with pytest.raises(vim.fault.InvalidPowerState):
        one.AcquireTicket('webmks')
    peer.wait(one.PowerOnVM_Task())
    ticket = one.AcquireTicket('webmks')
    assert re.fullmatch(
        rf'wss://127\.0\.0\.1:{host.port}/ticket/\w+', ticket.url)
    assert one.AcquireTicket('mks').port == 902
    with pytest.raises(vmodl.fault.InvalidArgument):
        one.AcquireTicket('vnc')
    path = peer.wait(one.CreateScreenshot_Task())
    assert path == '[datastore1] one/one-0.png'
    picture = host.datastore.folder / 'one/one-0.png'
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_machine_whose_files_went_is_inaccessible(peer, one):
    peer.wait(peer.files.DeleteDatastoreFile_Task('[datastore1] one'))
    assert one.runtime.connectionState == 'inaccessible'
    with pytest.raises(vim.fault.InvalidState):
        peer.wait(one.PowerOnVM_Task())
    peer.wait(one.Destroy_Task())
    assert not peer.folder.childEntity


def test_machine_is_registered_whatever_is_missing(host, peer, one):
    one.UnregisterVM()
    peer.wait(peer.disks.DeleteVirtualDisk_Task(ROOT))
    host.network.RemovePortGroup('VM Network')
    other = peer.wait(peer.folder.RegisterVM_Task(
        '[datastore1] one/one.vmx', None, False, peer.pool, peer.host))
    assert devices(other, D.VirtualDisk)[0].backing.fileName == ROOT
    assert not other.network
    with pytest.raises(vim.fault.FileNotFound):
        peer.wait(other.PowerOnVM_Task())
