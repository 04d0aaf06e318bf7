# SPDX-License-Identifier: Apache-2.0
"""The devices of a machine, and what a VirtualDeviceConfigSpec does to them.

Keys are those that hosts give: IDE controllers from 200, SCSI ones from 1000,
disks from 2000 with 16 a controller, what hangs on IDE from 3000, network
adapters from 4000, serial ports from 9000, SATA from 15000.
"""

from __future__ import annotations

import copy
import random
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import backings
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import locations

_D = vim.vm.device
_IDE, _SCSI, _SATA = (_D.VirtualIDEController, _D.VirtualSCSIController,
                      _D.VirtualSATAController)
#: Of each kind of controller: the first key, how many there may be, and how
#: many units one has (vSphere Configuration Maximums).
_CONTROLLERS = ((_IDE, 200, 2, 2), (_SCSI, 1000, 4, 16), (_SATA, 15000, 4, 30),
                (_D.VirtualNVMEController, 31000, 4, 15))
_PCI = 100
#: Of one machine (vSphere Configuration Maximums).
_MOST_NICS = 10
#: The SCSI controller's own address on its bus.
_SCSI_ITSELF = 7


class Devices:
    """A change of a machine's devices: done whole, or not at all.

    :ivar result: the devices after it
    """

    def __init__(self, machine: Any, lenient: bool = False) -> None:
        self._machine = machine
        self.result = [copy.copy(one)
                       for one in machine.config.hardware.device]
        self._keys: dict[int, int] = {}
        self._backings = backings.Backings(machine, lenient)

    def apply(self, specs: Any) -> None:
        """:raises vim.fault.InvalidDeviceSpec: with deviceIndex"""
        try:
            for index, spec in enumerate(specs):
                self._apply(index, spec)
        except BaseException:
            self._backings.undo()
            raise

    def undo(self) -> None:
        self._backings.undo()

    def finish(self) -> None:
        """Do what cannot be undone."""
        self._backings.finish()

    def add_defaults(self) -> None:
        """Add what every machine has."""
        have = {one.key for one in self.result}
        for device in (
                _IDE(key=200, busNumber=0), _IDE(key=201, busNumber=1),
                _D.VirtualPS2Controller(key=300, busNumber=0),
                _D.VirtualPCIController(key=_PCI, busNumber=0),
                _D.VirtualSIOController(key=400, busNumber=0),
                _D.VirtualKeyboard(key=600, controllerKey=300, unitNumber=0),
                _D.VirtualPointingDevice(
                    key=700, controllerKey=300, unitNumber=1,
                    backing=_D.VirtualPointingDevice.DeviceBackingInfo(
                        deviceName='', useAutoDetect=False,
                        hostPointingDevice='autodetect')),
                _D.VirtualVideoCard(key=500, controllerKey=_PCI, unitNumber=0,
                                    videoRamSizeInKB=4096, numDisplays=1)):
            if device.key not in have:
                self.result.append(device)
        self.link()

    def link(self) -> None:
        """Let controllers name what hangs on them."""
        for one in self.result:
            if isinstance(one, _D.VirtualController):
                one.device = [other.key for other in self.result
                              if other.controllerKey == one.key]
            if one.deviceInfo is None:
                name = type(one).__name__.rpartition('.')[2]
                one.deviceInfo = vim.Description(
                    label=f'{name} {one.key}', summary=name)

    def _apply(self, index: int, spec: Any) -> None:
        if spec.operation == 'add':
            self._add(index, spec)
        elif spec.operation == 'remove':
            self._remove(index, spec)
        elif spec.operation == 'edit':
            self._edit(index, spec)
        else:
            raise faults.invalid_device(index, 'There is no operation.')
        self.link()

    def _find(self, index: int, key: int) -> Any:
        for one in self.result:
            if one.key == key:
                return one
        raise faults.invalid_device(index, f'There is no device {key}.')

    def _add(self, index: int, spec: Any) -> None:
        device = copy.copy(spec.device)
        asked = device.key
        if isinstance(device, _D.VirtualController):
            self._add_controller(index, device)
        elif isinstance(device, _D.VirtualEthernetCard):
            self._place_nic(index, device)
        elif isinstance(device, _D.VirtualSerialPort):
            device.key = self._next(9000)
            device.controllerKey = 400
        else:
            self._place(index, device)
        self._backings.add(index, device, spec.fileOperation, self.result)
        self._keys[asked] = device.key
        self.result.append(device)

    def _add_controller(self, index: int, device: Any) -> None:
        """Guess: a bus that is taken is refused."""
        for kind, first, most, _ in _CONTROLLERS:
            if isinstance(device, kind):
                if not 0 <= device.busNumber < most or any(
                        isinstance(one, kind)
                        and one.busNumber == device.busNumber
                        for one in self.result):
                    raise faults.invalid_device(index, 'No such bus is free.')
                self._needs_off(kind is _IDE)
                device.key = first + device.busNumber
                break
        else:
            device.key = self._next(7000)
        if device.controllerKey is None:
            device.controllerKey = _PCI

    def _place_nic(self, index: int, device: Any) -> None:
        if sum(isinstance(one, _D.VirtualEthernetCard)
               for one in self.result) >= _MOST_NICS:
            raise faults.invalid_device(index, 'There is no room for it.')
        device.key = self._next(4000)
        device.controllerKey = _PCI
        device.unitNumber = device.key - 4000 + 7
        if not device.macAddress or device.addressType != 'manual':
            device.addressType = 'generated'
            device.macAddress = '00:0c:29:' + ':'.join(
                f'{random.randrange(256):02x}' for _ in range(3))
        device.macAddress = device.macAddress.lower()
        if device.connectable is None:
            device.connectable = _D.VirtualDevice.ConnectInfo(
                startConnected=True, allowGuestControl=True, connected=False)
        device.connectable.connected = bool(
            self._machine.is_on and device.connectable.startConnected)

    def _place(self, index: int, device: Any) -> None:
        """Put a disk, a drive or whatever it is on its controller."""
        if device.controllerKey is None:
            if isinstance(device, (_D.VirtualDisk, _D.VirtualCdrom)):
                raise faults.invalid_device(index, 'It has no controller.')
            device.key = self._next(13000)
            return
        key = self._keys.get(device.controllerKey, device.controllerKey)
        controller = self._find(index, key)
        device.controllerKey = key
        self._needs_off(isinstance(controller, _IDE))
        device.unitNumber = self._unit(index, controller, device.unitNumber)
        device.key = self._key(controller, device)

    def _unit(self, index: int, controller: Any, asked: int | None) -> int:
        units = next((units for kind, _, _, units in _CONTROLLERS
                      if isinstance(controller, kind)), 64)
        taken = {one.unitNumber for one in self.result
                 if one.controllerKey == controller.key}
        if isinstance(controller, _SCSI):
            taken.add(_SCSI_ITSELF)
        free = [unit for unit in range(units) if unit not in taken]
        if asked is None or asked < 0:
            asked = free[0] if free else -1
        if asked not in free:
            raise faults.invalid_device(index, 'The unit is not free.')
        return asked

    def _key(self, controller: Any, device: Any) -> int:
        bus, unit = controller.busNumber, device.unitNumber
        if isinstance(controller, _SCSI):
            return 2000 + 16 * bus + unit
        if isinstance(controller, _IDE):
            return 3000 + 2 * bus + unit
        if isinstance(controller, _SATA):
            return 16000 + 30 * bus + unit
        return self._next(13000)

    def _next(self, first: int) -> int:
        taken = {one.key for one in self.result}
        return next(key for key in range(first, first + 1000)
                    if key not in taken)

    def _needs_off(self, needed: bool) -> None:
        """IDE and serial devices cannot be added to a machine that runs."""
        if needed and not self._machine.is_off:
            raise self._machine.bad_state('poweredOff')

    def _remove(self, index: int, spec: Any) -> None:
        device = self._find(index, spec.device.key)
        if any(one.controllerKey == device.key for one in self.result):
            raise faults.invalid_device(index, 'Something hangs on it.')
        ide = any(isinstance(one, _IDE) and one.key == device.controllerKey
                  for one in self.result)
        self._needs_off(ide or isinstance(device, _D.VirtualSerialPort))
        self._backings.remove(device, spec.fileOperation)
        self.result.remove(device)

    def _edit(self, index: int, spec: Any) -> None:
        old = self._find(index, spec.device.key)
        new = copy.copy(spec.device)
        if type(new) is not type(old):
            raise faults.invalid_device(index, 'It is of another kind.')
        # What a spec leaves out stays.
        for info in new._GetPropertyList():
            if getattr(new, info.name) in (None, []):
                setattr(new, info.name, getattr(old, info.name))
        new.controllerKey = self._keys.get(new.controllerKey,
                                           new.controllerKey)
        self._backings.edit(index, old, new)
        self.result[self.result.index(old)] = new


def disks_of(devices: Any) -> list[Any]:
    return [one for one in devices if isinstance(one, _D.VirtualDisk)]


def disk_paths(esx: Any, devices: Any) -> list[Any]:
    """Return where the descriptors of all disks are."""
    return [locations.locate(esx, one.backing.fileName)
            for one in disks_of(devices)]
