# SPDX-License-Identifier: Apache-2.0
"""What images and flavors choose, as the host has it."""

import pytest
from nova import exception
from nova.compute import power_state
from nova.compute import provider_tree

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.common import devices
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.mark.feature('hardware.disk-bus')
@pytest.mark.parametrize('bus', api.DiskBus)
def test_disk_buses(spawn, details, image, bus):
    instance = spawn(builders.instance(image), image_meta=builders.image_meta(
        vmware_adaptertype=bus.value))
    assert [disk.bus for disk in details(instance).disks] == [bus]


@pytest.mark.feature('hardware.vif-model')
@pytest.mark.parametrize('model', api.NicModel)
def test_adapters(spawn, details, image, model):
    instance = spawn(
        builders.instance(image), [builders.vif()],
        image_meta=builders.image_meta(hw_vif_model=model.value))
    assert [nic.model for nic in details(instance).nics] == [model]


@pytest.mark.feature('hardware.os-type')
def test_the_guest(spawn, details, image):
    instance = builders.instance(image, system_metadata={
        'image_vmware_ostype': 'debian10_64Guest'})
    assert details(spawn(instance)).guest_id == 'debian10_64Guest'


@pytest.mark.feature('operation.uefi-boot', 'operation.secure-boot')
def test_firmware(spawn, details, image, host):
    instance = spawn(
        builders.instance(image, extra_specs={'os:secure_boot': 'required'}),
        image_meta=builders.image_meta(hw_firmware_type='uefi'))
    found = details(instance)
    assert found.firmware == 'efi'
    machine = host.machine(found.machine.ref)
    assert machine.config.bootOptions.efiSecureBootEnabled is True


@pytest.mark.feature('boot.provision-only')
def test_a_server_that_is_not_to_be_started(spawn, driver, image):
    instance = spawn(builders.instance(
        image, extra_specs={'vmware:power_on': 'false'}))
    assert driver.get_info(instance).state == power_state.SHUTDOWN


def test_limits(spawn, image, host, details):
    instance = spawn(builders.instance(image, extra_specs={
        'quota:cpu_limit': '700', 'quota:memory_reservation': '32',
        'quota:cpu_shares_level': 'high'}))
    config = host.machine(details(instance).machine.ref).config
    assert config.cpuAllocation.limit == 700
    assert config.cpuAllocation.shares.level == 'high'
    assert config.memoryAllocation.reservation == 32


@pytest.mark.feature('guest.setup.inject.networking')
def test_the_guest_is_told_its_addresses(spawn, details):
    found = details(spawn(vifs=[builders.vif()]))
    assert found.extra_config['machine.id'].startswith('fa:16:3e:00:00:01;')


@pytest.mark.feature('operation.device-tags')
def test_tags_are_kept(spawn, records, image):
    instance = builders.instance(image)
    vif = builders.vif()
    records.known = devices.Tags({vif['id']: 'front'}, {})
    spawn(instance, [vif])
    device, = instance.device_metadata.devices
    assert (device.mac, device.tags) == (vif['address'], ['front'])


@pytest.mark.feature('network.several-adapters')
def test_as_many_adapters_as_there_is_room_for(spawn, driver, image, details):
    vifs = [builders.vif(address=f'fa:16:3e:00:00:{number:02x}')
            for number in range(11)]
    with pytest.raises(exception.VirtualInterfacePlugException,
                       match='at most 10 network adapters, not 11'):
        spawn(vifs=vifs)
    assert driver.list_instances() == []
    instance = spawn(vifs=vifs[:10])
    assert [nic.mac for nic in details(instance).nics] == [
        vif['address'] for vif in vifs[:10]]
    with pytest.raises(exception.NovaException, match='not 11'):
        driver.attach_interface(CONTEXT, instance, builders.image_meta(),
                                vifs[10])
    assert len(details(instance).nics) == 10


@pytest.mark.feature('guest.disk.rate-limit')
def test_each_disk_of_a_server_is_limited(spawn, driver, image, host, details):
    instance = builders.instance(image, extra_specs={
        'quota:disk_io_limit': '100', 'quota:disk_io_shares_level': 'high'})
    swap = {'swap': {'device_name': '/dev/sdb', 'swap_size': 8}}
    spawn(instance, block_device_info=swap)
    limit = api.Allocation(limit=100, shares=api.Shares('high'))
    assert [disk.io for disk in details(instance).disks] == [limit, limit]
    # Another flavor has another limit.
    driver.power_off(instance)
    instance.old_flavor = instance.flavor
    instance.flavor = builders.instance(root_gb=2).flavor
    driver.finish_migration(
        CONTEXT, builders.migration(), instance, '', [],
        builders.image_meta(), True, {}, swap)
    assert [disk.io for disk in details(instance).disks] == [
        api.Allocation(), api.Allocation()]


@pytest.mark.feature('operation.report-cpu-traits')
def test_the_processors_are_told_of(driver):
    tree = provider_tree.ProviderTree()
    tree.new_root('here', 'd5b3dd1a-5a1e-4e3e-b3d4-4c2b5d0e1f23')
    driver.update_provider_tree(tree, 'here')
    traits = tree.data('here').traits
    assert {'HW_CPU_X86_AVX2', 'HW_CPU_X86_AESNI', 'HW_CPU_X86_SSE2',
            'HW_CPU_X86_ABM'} <= traits
    assert not {'HW_CPU_X86_AVX512F', 'HW_CPU_X86_VMX',
                'HW_CPU_X86_SSE4A'} & traits
