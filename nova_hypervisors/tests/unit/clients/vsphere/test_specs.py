# SPDX-License-Identifier: Apache-2.0
"""Machines as arguments of the API: decided without a host."""

import types

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import details
from nova_hypervisors.clients.vsphere import specs

FOLDER = api.DatastorePath('ds', 'm')
GB = 1 << 30


def make(kind, **fields):
    return types.SimpleNamespace(kind=kind, **fields)


def machine(**changes):
    return specs.machine(make, api.MachineSpec(**{
        'uuid': 'u', 'name': 'm', 'path': FOLDER / 'm.vmx', 'vcpus': 2,
        'memory_mb': 512, **changes}))


def devices(made, *kinds):
    return [one.device for one in made.deviceChange
            if one.device.kind in kinds]


def disks(count, bus=api.DiskBus.LSI_LOGIC):
    return tuple(api.Disk(FOLDER / f'{number}.vmdk', size=GB, bus=bus)
                 for number in range(count))


def test_a_scsi_adapter_leaves_its_own_unit_out():
    made = machine(disks=disks(9))
    assert [one.unitNumber for one in devices(made, 'VirtualDisk')] == [
        0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert len(devices(made, 'VirtualLsiLogicController')) == 1


def test_a_second_adapter_is_added_when_one_is_full():
    made = machine(disks=disks(16))
    first, second = devices(made, 'VirtualLsiLogicController')
    assert (first.busNumber, second.busNumber) == (0, 1)
    last = devices(made, 'VirtualDisk')[-1]
    assert (last.controllerKey, last.unitNumber) == (second.key, 0)


def test_adapters_of_different_kinds_have_different_numbers():
    made = machine(disks=(*disks(1), *disks(1, api.DiskBus.PARAVIRTUAL),
                          *disks(1, api.DiskBus.IDE)))
    assert [(one.kind, one.busNumber) for one in devices(
        made, 'VirtualLsiLogicController', 'ParaVirtualSCSIController',
        'VirtualIDEController')] == [
            ('VirtualLsiLogicController', 0),
            ('ParaVirtualSCSIController', 1), ('VirtualIDEController', 0)]


def test_too_many_disks_are_refused():
    with pytest.raises(errors.InvalidArgument, match='ide'):
        machine(disks=disks(5, api.DiskBus.IDE))


def test_a_drive_shares_an_ide_adapter_with_disks():
    made = machine(disks=disks(1, api.DiskBus.IDE), cdrom=FOLDER / 'c.iso')
    [drive] = devices(made, 'VirtualCdrom')
    [disk] = devices(made, 'VirtualDisk')
    assert drive.controllerKey == disk.controllerKey
    assert (disk.unitNumber, drive.unitNumber) == (0, 1)


def test_keys_of_new_devices_differ():
    made = machine(disks=disks(3), nics=(
        api.Nic('fa:16:3e:00:00:01', 'a'), api.Nic('fa:16:3e:00:00:02', 'b')),
        cdrom=FOLDER / 'c.iso', serial_file=FOLDER / 'log')
    keys = [one.device.key for one in made.deviceChange]
    assert len(keys) == len(set(keys))
    assert all(key < 0 for key in keys)


@pytest.mark.parametrize(('disk', 'operation'), [
    (api.Disk(FOLDER / 'a.vmdk', GB), None),
    (api.Disk(FOLDER / 'a.vmdk', GB, create=True), 'create'),
    (api.Disk(FOLDER / 'a.vmdk', GB, parent=FOLDER / 'b.vmdk'), 'create'),
    (api.Disk(FOLDER / 'a.vmdk', GB, device='/vmfs/devices/disks/naa.1'),
     'create')])
def test_files_are_made_of_what_is_not_there(disk, operation):
    [change] = [one for one in machine(disks=(disk,)).deviceChange
                if one.device.kind == 'VirtualDisk']
    assert change.fileOperation == operation
    assert change.device.capacityInKB == GB // 1024


def test_a_size_is_rounded_up():
    assert [specs.in_kb(size) for size in (0, 1, 1024, 1025)] == [0, 1, 1, 2]


@pytest.mark.parametrize(('provisioning', 'thin', 'scrub'), [
    (api.Provisioning.THICK, False, False),
    (api.Provisioning.THIN, True, False),
    (api.Provisioning.EAGER_ZEROED, False, True)])
def test_a_new_disk_takes_room_as_it_is_to(provisioning, thin, scrub):
    [disk] = devices(machine(disks=(api.Disk(
        FOLDER / 'a', GB, create=True, provisioning=provisioning),)),
        'VirtualDisk')
    assert disk.backing.thinProvisioned is thin
    assert getattr(disk.backing, 'eagerlyScrub', False) is scrub


def test_limits_and_shares():
    made = machine(cpu=api.Allocation(100, 2000, api.Shares('custom', 7)),
                   memory=api.Allocation(reservation=256))
    assert (made.cpuAllocation.limit, made.cpuAllocation.reservation,
            made.cpuAllocation.shares.shares) == (2000, 100, 7)
    # The API's word for no limit.
    assert made.memoryAllocation.limit == -1


def test_what_is_not_said_is_left_to_the_host():
    made = machine()
    assert made.cpuAllocation is None
    assert made.memoryAllocation is None
    assert not hasattr(made, 'bootOptions')


def test_a_change_says_nothing_of_what_stays():
    made = specs.change(make, api.MachineChange(memory_mb=1),
                        details.Devices())
    assert {name: value for name, value in vars(made).items() if value} == {
        'kind': 'VirtualMachineConfigSpec', 'memoryMB': 1}


def test_a_disk_is_added_where_there_is_room():
    present = details.Devices(
        (details.Controller('VirtualLsiLogicController', 1000, 0),),
        (details.Place('VirtualDisk', 2000, 1000, 0),
         details.Place('VirtualDisk', 2001, 1000, 2)))
    made = specs.change(make, api.MachineChange(add_disks=disks(2)), present)
    assert [(one.controllerKey, one.unitNumber)
            for one in devices(made, 'VirtualDisk')] == [(1000, 1), (1000, 3)]


@pytest.mark.parametrize(('bus', 'adapter'), [
    (api.DiskBus.IDE, 'ide'), (api.DiskBus.BUS_LOGIC, 'busLogic'),
    (api.DiskBus.PARAVIRTUAL, 'lsiLogic'), (None, 'lsiLogic')])
def test_a_disk_by_itself(bus, adapter):
    made = specs.disk(make, api.Provisioning.THIN, bus, GB)
    assert (made.diskType, made.adapterType, made.capacityKb) == (
        'thin', adapter, GB // 1024)
