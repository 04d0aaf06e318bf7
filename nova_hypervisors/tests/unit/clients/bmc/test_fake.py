# SPDX-License-Identifier: Apache-2.0
"""What only the machine in memory can tell: what it has booted."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake

Device = api.BootDevice
URL = 'http://192.0.2.1/image'


@pytest.fixture
def machine():
    return fake.FakeMachine()


class TestBoots:
    def test_the_disk_by_itself(self, machine):
        machine.power_on()
        assert machine.boots == [(Device.DISK, None)]

    def test_media_before_the_disk(self, machine):
        machine.insert_media(api.MediaKind.CDROM, URL)
        machine.power_on()
        assert machine.boots == [(Device.CDROM, URL)]

    def test_once(self, machine):
        machine.set_boot(Device.DISK, persistent=True)
        machine.set_boot(Device.PXE)
        machine.power_on()
        machine.reset()
        assert machine.boots == [(Device.PXE, None), (Device.DISK, None)]

    def test_what_is_on_does_not_boot_again(self, machine):
        machine.power_on()
        machine.power_on()
        assert len(machine.boots) == 1


class TestTroubles:
    def test_a_call_fails_once(self, machine):
        machine.fail_next['power'] = errors.Unreachable('nobody there')
        with pytest.raises(errors.Unreachable):
            machine.power()
        assert machine.power() is api.Power.OFF

    def test_an_operating_system_that_does_not_listen(self, machine):
        machine.power_on()
        machine.ignores_power_button = True
        machine.power_off(soft=True)
        assert machine.power() is api.Power.ON

    def test_no_licence(self, machine):
        machine.has_licence = False
        with pytest.raises(errors.Unsupported):
            machine.insert_media(api.MediaKind.CDROM, URL)
        assert not any(media.inserted for media in machine.media())
