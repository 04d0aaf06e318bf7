# SPDX-License-Identifier: Apache-2.0
"""Ironic's conductor says what to boot from, to machines of each type."""

import pytest
from ironic.common import exception
from ironic.conductor import utils as conductor_utils

from nova_hypervisors.tests.fakes.ribcl import machine as ribcl_machine


@pytest.fixture
def task(conductor, node):
    with conductor.task(node) as task:
        yield task


@pytest.fixture
def ilo_task(conductor, ilo4_machine):
    node = conductor.enroll('ilo4', **ilo4_machine.driver_info)
    with conductor.task(node) as task:
        yield task


def test_boot_devices(task):
    management = task.driver.management
    devices = management.get_supported_boot_devices(task)
    assert {'cdrom', 'disk', 'pxe'} <= set(devices)
    for device in ('cdrom', 'disk'):
        for persistent in (True, False):
            conductor_utils.node_set_boot_device(task, device, persistent)
            assert management.get_boot_device(task) == {
                'boot_device': device, 'persistent': persistent}


def test_a_device_that_there_is_not(task):
    with pytest.raises(exception.InvalidParameterValue,
                       match="'safe' is none of cdrom, disk"):
        task.driver.management.set_boot_device(task, 'safe')


def test_boot_modes(task, machine):
    management = task.driver.management
    assert management.get_supported_boot_modes(task) == ['bios', 'uefi']
    if machine.modes:
        for mode in ('uefi', 'bios'):
            management.set_boot_mode(task, mode)
            assert management.get_boot_mode(task) == mode
    else:
        with pytest.raises(exception.UnsupportedDriverExtension):
            management.set_boot_mode(task, 'uefi')


def test_secure_boot(ilo_task, ilo):
    management = ilo_task.driver.management
    with pytest.raises(exception.UnsupportedDriverExtension):
        management.get_secure_boot_state(ilo_task)
    with pytest.raises(exception.UnsupportedDriverExtension,
                       match='Gen8'):
        management.set_secure_boot_state(ilo_task, True)


def test_secure_boot_of_gen9(ilo_task, ilo):
    ilo.machine.model = ribcl_machine.GEN9
    ilo_task.driver.management.set_secure_boot_state(ilo_task, True)
    assert ilo.machine.next_secure_boot is True


def test_virtual_media(task, machine, images):
    management = task.driver.management
    management.attach_virtual_media(task, 'cdrom', images.url('image.iso'))
    found = {drive['media_types'][0]: drive['inserted']
             for drive in management.get_virtual_media(task)}
    assert found == {name: name == 'cdrom' for name in machine.drives}
    management.detach_virtual_media(task)
    assert not any(drive['inserted']
                   for drive in management.get_virtual_media(task))


def test_a_drive_that_there_is_not(task):
    with pytest.raises(exception.InvalidParameterValue,
                       match="'disk' is none of cdrom, floppy"):
        task.driver.management.attach_virtual_media(
            task, 'disk', 'http://192.0.2.1/image')


def test_sensors(task, machine):
    management = task.driver.management
    if not machine.sensors:
        with pytest.raises(exception.UnsupportedDriverExtension):
            management.get_sensors_data(task)
        return
    found = management.get_sensors_data(task)
    reading = found['Temperature'][f'01-Inlet Ambient@{task.node.uuid}']
    assert reading == {'Sensor ID': '01-Inlet Ambient', 'Sensor Reading': 16,
                       'Units': 'Celsius', 'Status': 'OK'}


def test_nmi(ilo_task, ilo):
    management = ilo_task.driver.management
    with pytest.raises(exception.UnsupportedDriverExtension, match='Gen8'):
        management.inject_nmi(ilo_task)


def test_nmi_of_gen9(ilo_task, ilo):
    ilo.machine.model = ribcl_machine.GEN9
    ilo.machine.switch('ON')
    ilo_task.driver.management.inject_nmi(ilo_task)
    assert ilo.machine.nmis == 1
