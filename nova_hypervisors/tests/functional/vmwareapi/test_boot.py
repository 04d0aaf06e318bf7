# SPDX-License-Identifier: Apache-2.0
"""What a server boots from, as the host has it."""

import pytest
from nova import exception

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.fixture
def order(host, details):
    """Return the devices that a server's machine tries, by their addresses."""

    def order(instance):
        config = host.machine(details(instance).machine.ref).config
        named = {device.key: getattr(device, 'macAddress', None) or 'disk'
                 for device in config.hardware.device}
        return [named[one.deviceKey]
                for one in config.bootOptions.bootOrder]

    return order


VIF = builders.vif()
NETWORK = [VIF['address'], 'disk']


@pytest.mark.feature('boot.order')
def test_from_the_network_first(spawn, driver, image, order):
    instance = spawn(builders.instance(
        image, extra_specs={'vmware:boot': 'network'}), [VIF])
    assert order(instance) == NETWORK
    driver.reboot(CONTEXT, instance, [VIF], 'HARD')
    assert order(instance) == NETWORK
    meta = builders.image_meta()
    meta.id = image
    driver.rescue(CONTEXT, instance, [VIF], meta, '', {}, None)
    assert order(instance) == ['disk']
    driver.unrescue(CONTEXT, instance)
    assert order(instance) == NETWORK


def test_the_host_s_own_order_is_not_touched(spawn, image, order):
    assert order(spawn(vifs=[VIF])) == []


@pytest.mark.feature('boot.once')
def test_from_the_network_once(spawn, driver, image, order):
    instance = spawn(builders.instance(
        image, extra_specs={'vmware:boot_once': 'network'}), [VIF])
    assert order(instance) == NETWORK
    driver.power_off(instance)
    driver.power_on(CONTEXT, instance, [VIF])
    assert order(instance) == ['disk']


@pytest.mark.feature('boot.once')
def test_the_first_start_is_the_one_that_is_special(spawn, driver, image,
                                                    order):
    instance = spawn(builders.instance(image, system_metadata={
        'image_vmware_power_on': 'false',
        'image_vmware_boot_once': 'network'}), [VIF])
    driver.power_on(CONTEXT, instance, [VIF])
    assert order(instance) == NETWORK
    driver.reboot(CONTEXT, instance, [VIF], 'HARD')
    assert order(instance) == ['disk']


@pytest.mark.parametrize('name', ['boot', 'boot_once'])
def test_a_property_that_is_nonsense_is_named(driver, spawn, image, name):
    with pytest.raises(exception.InvalidInput,
                       match=f"vmware:{name} .*'nonsense'"):
        spawn(builders.instance(
            image, extra_specs={f'vmware:{name}': 'nonsense'}))
    assert driver.list_instances() == []


@pytest.mark.feature('operation.trigger-crash-dump')
def test_a_guest_gets_an_nmi(spawn, driver, host, details):
    instance = spawn()
    driver.trigger_crash_dump(instance)
    assert host.machine(details(instance).machine.ref).interrupts == 1
    driver.power_off(instance)
    with pytest.raises(exception.NovaException, match='poweredOff'):
        driver.trigger_crash_dump(instance)
