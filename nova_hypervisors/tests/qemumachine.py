# SPDX-License-Identifier: Apache-2.0
"""The lab's QEMU machine as one behind a BMC, and interfaces to it."""

from __future__ import annotations

from typing import Any

from lab.baremetal import qemu
from nova_hypervisors.baremetal.management import machine as management
from nova_hypervisors.baremetal.power import machine as power
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

_KEY = 'the machine of QEMU'


class QEMUMachine:
    """Implements clients/bmc/api.py's Machine.

    :ivar licence: whether its virtual media may be used
    :ivar has_floppy: whether it has such a drive
    """

    def __init__(self, machine: qemu.Machine) -> None:
        self.qemu = machine
        self.licence = True
        self.has_floppy = True
        self.persistent: bool | None = None

    def power(self) -> api.Power:
        return api.Power.ON if self.qemu.on else api.Power.OFF

    def power_on(self) -> None:
        self.qemu.power_on()

    def power_off(self, soft: bool = False) -> None:
        if soft:
            self.qemu.press_button()
        else:
            self.qemu.power_off()

    def reset(self, soft: bool = False) -> None:
        if soft:
            raise errors.Unsupported('it has no soft reset')
        self.qemu.reset()

    def nmi(self) -> None:
        self.qemu.nmi()

    def boot_devices(self) -> frozenset[api.BootDevice]:
        return frozenset((api.BootDevice.DISK, api.BootDevice.PXE,
                          api.BootDevice.CDROM))

    def boot(self) -> api.Boot:
        once = self.qemu.boot_once
        return api.Boot(api.BootDevice(once or self.qemu.boot), not once)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        if persistent:
            self.qemu.boot, self.qemu.boot_once = device.value, None
        else:
            self.qemu.boot_once = device.value

    def boot_mode(self) -> api.BootMode:
        return api.BootMode.UEFI if self.qemu.uefi else api.BootMode.BIOS

    def set_boot_mode(self, mode: api.BootMode) -> None:
        self.qemu.uefi = mode is api.BootMode.UEFI

    def secure_boot(self) -> bool | None:
        return None

    def set_secure_boot(self, wanted: bool) -> None:
        raise errors.Unsupported('it cannot check signatures')

    def media(self) -> tuple[api.Media, ...]:
        return tuple(
            api.Media(api.MediaKind(drive), url is not None, url)
            for drive, url in self.qemu.urls.items()
            if drive != 'floppy' or self.has_floppy)

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        try:
            self.qemu.insert(kind.value, url)
        except OSError as error:
            raise errors.ClientError(f'it cannot be fetched: {error}',
                                     operation='insert media') from None

    def eject_media(self, kind: api.MediaKind) -> None:
        if self.qemu.urls[kind.value] is not None:
            self.qemu.eject(kind.value)

    def insist_on_media(self) -> None:
        if not self.licence:
            raise errors.Unsupported('there is no licence for virtual media')

    def sensors(self) -> dict[str, Any]:
        raise errors.Unsupported('it measures nothing')

    def close(self) -> None:
        pass


class QEMUPower(power.MachinePower):
    """Reaches the one machine that a test has put into the services."""

    def machine(self, node):
        return self.services.machines.get(_KEY, _nobody)


class QEMUManagement(management.MachineManagement):
    def machine(self, node):
        return self.services.machines.get(_KEY, _nobody)


class Direct:
    """No controller in between."""

    power = QEMUPower
    management = QEMUManagement


def put(services, machine: QEMUMachine) -> None:
    services.machines.get(_KEY, lambda: machine)


def _nobody():
    raise AssertionError('there is no machine')
