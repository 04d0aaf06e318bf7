# SPDX-License-Identifier: Apache-2.0
"""Ironic's hardware types: which interfaces go with which machine."""

from __future__ import annotations

from typing import Any
from typing import ClassVar

from ironic.drivers import generic

from nova_hypervisors.ironic import boot
from nova_hypervisors.ironic import management
from nova_hypervisors.ironic import power


class MachineHardware(generic.GenericHardware):
    """What they do alike: all but one interface of each kind is Ironic's."""

    power_class: ClassVar[type[power.MachinePower]]
    management_class: ClassVar[type[management.MachineManagement]]
    media_class: ClassVar[type[boot.VirtualMediaBoot]]

    @property
    def supported_power_interfaces(self) -> list[Any]:
        return [self.power_class]

    @property
    def supported_management_interfaces(self) -> list[Any]:
        return [self.management_class]

    @property
    def supported_boot_interfaces(self) -> list[Any]:
        return [*super().supported_boot_interfaces, self.media_class]


class Ilo4Hardware(MachineHardware):
    """ProLiant Gen8 and Gen9, by iLO 4; virtual media come first."""

    power_class = power.Ilo4Power
    management_class = management.Ilo4Management
    media_class = boot.Ilo4VirtualMediaBoot

    @property
    def supported_boot_interfaces(self) -> list[Any]:
        *others, media = super().supported_boot_interfaces
        return [media, *others]


class OpenStackHardware(MachineHardware):
    """Servers of an OpenStack cloud."""

    power_class = power.OpenStackPower
    management_class = management.OpenStackManagement
    media_class = boot.OpenStackVirtualMediaBoot


class VirtualBoxHardware(MachineHardware):
    """Machines of VirtualBox, by its web service."""

    power_class = power.VirtualBoxPower
    management_class = management.VirtualBoxManagement
    media_class = boot.VirtualBoxVirtualMediaBoot
