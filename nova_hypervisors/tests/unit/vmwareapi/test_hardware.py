# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders
from nova_hypervisors.vmwareapi import hardware


def plan(extra_specs=None, system_metadata=None, **properties):
    instance = builders.instance(extra_specs=extra_specs or {})
    instance.system_metadata.update(system_metadata or {})
    return hardware.plan(instance, builders.image_meta(**properties))


def test_a_plain_server():
    found = plan()
    assert found == hardware.Hardware(
        guest_id='otherGuest64', firmware='bios', secure_boot=False,
        cores_per_socket=1, cpu=api.Allocation(), memory=api.Allocation(),
        disk_io=api.Allocation(),
        disk_bus=api.DiskBus.LSI_LOGIC, provisioning=api.Provisioning.THICK,
        nic_model=api.NicModel.E1000, power_on=True)


@pytest.mark.parametrize(('properties', 'field', 'value'), [
    ({'vmware_adaptertype': 'ide'}, 'disk_bus', api.DiskBus.IDE),
    ({'vmware_adaptertype': 'lsiLogicsas'}, 'disk_bus',
     api.DiskBus.LSI_LOGIC_SAS),
    ({'vmware_adaptertype': 'busLogic'}, 'disk_bus', api.DiskBus.BUS_LOGIC),
    ({'vmware_adaptertype': 'paraVirtual'}, 'disk_bus',
     api.DiskBus.PARAVIRTUAL),
    ({'vmware_disktype': 'thin'}, 'provisioning', api.Provisioning.THIN),
    ({'vmware_disktype': 'streamOptimized'}, 'provisioning',
     api.Provisioning.THICK),
    ({'hw_vif_model': 'VirtualVmxnet3'}, 'nic_model', api.NicModel.VMXNET3),
    ({'hw_vif_model': 'pcnet'}, 'nic_model', api.NicModel.PCNET32),
    ({'hw_firmware_type': 'uefi'}, 'firmware', 'efi'),
    ({'os_type': 'linux'}, 'guest_id', 'otherLinux64Guest'),
])
def test_images_say_what_they_need(properties, field, value):
    assert getattr(plan(**properties), field) == value


def test_the_guest_is_what_the_image_calls_it():
    assert plan(system_metadata={
        'image_vmware_ostype': 'debian10_64Guest',
    }).guest_id == 'debian10_64Guest'


def test_flavors_reserve_and_limit():
    found = plan({'quota:cpu_reservation': '500', 'quota:cpu_limit': '1000',
                  'quota:memory_shares_level': 'custom',
                  'quota:memory_shares_share': '40'})
    assert found.cpu == api.Allocation(500, 1000)
    assert found.memory == api.Allocation(shares=api.Shares('custom', 40))


@pytest.mark.parametrize(('extra_specs', 'wanted'), [
    ({'quota:disk_io_limit': '100', 'quota:disk_io_reservation': '20'},
     api.Allocation(20, 100)),
    ({'quota:disk_total_iops_sec': '70'}, api.Allocation(limit=70)),
    ({'quota:disk_io_limit': '0', 'quota:disk_io_shares_level': 'normal'},
     api.Allocation())])
def test_flavors_limit_disks(extra_specs, wanted):
    assert plan(extra_specs).disk_io == wanted


@pytest.mark.parametrize(('extra_specs', 'message'), [
    ({'quota:cpu_limit': 'much'}, "quota:cpu_limit of the flavor is 'much'"),
    ({'quota:cpu_shares_level': 'top'}, 'low, normal, high, custom'),
    ({'quota:disk_io_limit': 'low'}, "quota:disk_io_limit .* is 'low'"),
    ({'quota:disk_io_limit': '5', 'quota:disk_total_iops_sec': '5'},
     'take one out'),
    ({'quota:disk_io_shares_level': 'custom'}, '200 to 4000'),
    ({'quota:disk_read_iops_sec': '5'}, 'count together'),
    ({'quota:disk_total_bytes_sec': '5'},
     r'quota:disk_total_bytes_sec \(5\) of the flavor.*quota:disk_io_limit'),
    ({'quota:vif_outbound_average': '5'}, 'distributed switches'),
    ({'vmware:power_on': 'maybe'}, 'may be true or false'),
    ({'os:secure_boot': 'required'}, 'hw_firmware_type=uefi'),
])
def test_what_cannot_be_is_refused(extra_specs, message):
    with pytest.raises(exception.InvalidInput, match=message):
        plan(extra_specs)


@pytest.mark.parametrize('properties', [
    {'hw_disk_bus': 'virtio'}, {'hw_vif_model': 'virtio'},
    {'hw_disk_bus': 'scsi', 'hw_scsi_model': 'virtio-scsi'}])
def test_what_no_host_has_is_refused(properties):
    with pytest.raises(exception.UnsupportedHardware, match='virtio'):
        plan(**properties)


def test_a_server_need_not_be_started():
    assert not plan({'vmware:power_on': 'false'}).power_on
    assert not plan(system_metadata={
        'image_vmware_power_on': 'no'}).power_on
