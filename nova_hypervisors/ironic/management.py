# SPDX-License-Identifier: Apache-2.0
"""Ironic's management interfaces: boot device, boot mode, virtual media."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any
from typing import TypeVar

from ironic.common import boot_devices
from ironic.common import boot_modes
from ironic.common import exception
from ironic.conductor import task_manager
from ironic.drivers import base

from nova_hypervisors.baremetal.management import base as ours
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.ironic import families

_Name = TypeVar('_Name', bound=enum.Enum)

_DEVICES = {api.BootDevice.DISK: boot_devices.DISK,
            api.BootDevice.PXE: boot_devices.PXE,
            api.BootDevice.CDROM: boot_devices.CDROM,
            api.BootDevice.FLOPPY: boot_devices.FLOPPY}
_MODES = {api.BootMode.BIOS: boot_modes.LEGACY_BIOS,
          api.BootMode.UEFI: boot_modes.UEFI}
_MEDIA = {api.MediaKind.CDROM: boot_devices.CDROM,
          api.MediaKind.FLOPPY: boot_devices.FLOPPY}


class MachineManagement(families.Told, base.ManagementInterface):
    """What they do alike; each says what machines it is for."""

    _ours: ours.ManagementInterface

    def __init__(self) -> None:
        super().__init__()
        self._ours = self.family.management(families.access())

    # Boot device

    def get_supported_boot_devices(self, task: Any) -> list[str]:
        with families.speaking(task, self.family) as node:
            return sorted(str(_DEVICES[device])
                          for device in self._ours.boot_devices(node))

    def get_boot_device(self, task: Any) -> dict[str, Any]:
        with families.speaking(task, self.family) as node:
            found = self._ours.boot(node)
            return {'boot_device': _DEVICES.get(found.device)
                    if found.device else None,
                    'persistent': found.persistent}

    @task_manager.require_exclusive_lock
    def set_boot_device(self, task: Any, device: str,
                        persistent: bool = False) -> None:
        if device not in self.get_supported_boot_devices(task):
            raise exception.InvalidParameterValue(
                f'node {task.node.uuid}: boot device {device!r} is none of '
                f'{", ".join(self.get_supported_boot_devices(task))}')
        with families.speaking(task, self.family) as node:
            self._ours.set_boot(node, _ours(_DEVICES, device, 'boot device'),
                                persistent)

    # Boot mode

    def get_supported_boot_modes(self, task: Any) -> list[str]:
        return [str(mode) for mode in _MODES.values()]

    def get_boot_mode(self, task: Any) -> str | None:
        with families.speaking(task, self.family) as node:
            found = self._ours.boot_mode(node)
            return str(_MODES[found]) if found else None

    @task_manager.require_exclusive_lock
    def set_boot_mode(self, task: Any, mode: str) -> None:
        with families.speaking(task, self.family) as node:
            self._ours.set_boot_mode(node, _ours(_MODES, mode, 'boot mode'))

    def get_secure_boot_state(self, task: Any) -> bool:
        with families.speaking(task, self.family) as node:
            found = self._ours.secure_boot(node)
        if found is None:
            raise exception.UnsupportedDriverExtension(
                driver=task.node.driver, extension='get_secure_boot_state')
        return found

    @task_manager.require_exclusive_lock
    def set_secure_boot_state(self, task: Any, state: bool) -> None:
        with families.speaking(task, self.family) as node:
            self._ours.set_secure_boot(node, state)

    # Virtual media

    def get_virtual_media(self, task: Any) -> list[dict[str, Any]]:
        with families.speaking(task, self.family) as node:
            return [{'media_types': [_MEDIA[drive.kind]],
                     'inserted': drive.inserted, 'image': drive.url}
                    for drive in self._ours.machine(node).media()]

    @task_manager.require_exclusive_lock
    def attach_virtual_media(self, task: Any, device_type: str,
                             image_url: str) -> None:
        with families.speaking(task, self.family) as node:
            self._ours.machine(node).insert_media(
                _ours(_MEDIA, device_type, 'virtual drive'), image_url)

    @task_manager.require_exclusive_lock
    def detach_virtual_media(
            self, task: Any,
            device_types: Collection[str] | None = None) -> None:
        with families.speaking(task, self.family) as node:
            machine = self._ours.machine(node)
            for device in device_types or _MEDIA.values():
                machine.eject_media(_ours(_MEDIA, device, 'virtual drive'))

    # The rest

    def get_sensors_data(self, task: Any) -> dict[str, Any]:
        with families.speaking(task, self.family,
                               exception.FailedToGetSensorData) as node:
            return {kind.capitalize(): {
                f'{name}@{task.node.uuid}': {
                    'Sensor ID': name, 'Sensor Reading': one.get('reading'),
                    'Units': one.get('unit'), 'Status': one.get('health')}
                for name, one in found.items()}
                for kind, found in self._ours.sensors(node).items()}

    @task_manager.require_exclusive_lock
    def inject_nmi(self, task: Any) -> None:
        with families.speaking(task, self.family) as node:
            self._ours.nmi(node)


def _ours(names: dict[_Name, str], name: str, what: str) -> _Name:
    """Return what Ironic calls by a name.

    :raises InvalidParameterValue: we call nothing so
    """
    for known, theirs in names.items():
        if theirs == name:
            return known
    raise exception.InvalidParameterValue(
        f'{what} {name!r} is none of {", ".join(names.values())}')


class Ilo4Management(MachineManagement):
    family = families.ILO4


class OpenStackManagement(MachineManagement):
    family = families.OPENSTACK


class VirtualBoxManagement(MachineManagement):
    family = families.VIRTUALBOX
