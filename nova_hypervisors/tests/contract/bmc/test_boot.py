# SPDX-License-Identifier: Apache-2.0
"""What a machine boots from is set alike, whatever its BMC."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

Device = api.BootDevice
Mode = api.BootMode


class TestBoot:
    def test_every_machine_boots_from_disk_and_network(self, machine):
        assert {Device.DISK, Device.PXE} <= machine.boot_devices()

    def test_every_device_that_it_takes(self, peer, machine):
        for device in machine.boot_devices() - peer.unknown:
            machine.set_boot(device, persistent=True)
            assert peer.device() is device

    def test_one_that_it_does_not_take(self, machine):
        for device in set(Device) - machine.boot_devices():
            with pytest.raises(errors.Unsupported):
                machine.set_boot(device)
        assert machine.boot_devices() <= set(Device)

    def test_for_good(self, peer, machine):
        machine.set_boot(Device.PXE, persistent=True)
        assert peer.device() is Device.PXE
        assert machine.boot().persistent in (True, None)
        machine.power_on()
        peer.wait_for(api.Power.ON)
        assert peer.device() is Device.PXE

    def test_once(self, peer, machine):
        machine.set_boot(Device.DISK, persistent=True)
        machine.set_boot(Device.PXE)
        assert peer.device() is Device.PXE
        if peer.once:
            assert machine.boot().persistent is False

    def test_once_is_over_when_it_has_started(self, peer, machine):
        machine.set_boot(Device.DISK, persistent=True)
        machine.set_boot(Device.PXE)
        machine.power_on()
        peer.wait_for(api.Power.ON)
        if peer.once:
            assert peer.device() in (Device.DISK, None)
        else:
            assert peer.device() is Device.PXE

    def test_while_it_runs(self, peer, machine):
        machine.power_on()
        peer.wait_for(api.Power.ON)
        machine.set_boot(Device.PXE, persistent=True)
        assert peer.device() is Device.PXE
        machine.power_off()
        peer.wait_for(api.Power.OFF)
        machine.power_on()
        peer.wait_for(api.Power.ON)
        assert peer.device() is Device.PXE

    def test_boot_mode(self, peer, machine):
        if not peer.boot_modes:
            with pytest.raises(errors.Unsupported):
                machine.set_boot_mode(Mode.UEFI)
            return
        for mode in (Mode.UEFI, Mode.BIOS):
            machine.set_boot_mode(mode)
            assert machine.boot_mode() is mode

    def test_secure_boot(self, peer, machine):
        if not peer.secure_boot:
            with pytest.raises(errors.Unsupported):
                machine.set_secure_boot(True)
            return
        machine.set_boot_mode(Mode.UEFI)
        for wanted in (True, False):
            machine.set_secure_boot(wanted)
            assert machine.secure_boot() is wanted
        machine.set_boot_mode(Mode.BIOS)
