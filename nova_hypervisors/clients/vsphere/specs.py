# SPDX-License-Identifier: Apache-2.0
"""Machines and devices as arguments of the vSphere API.

Source: VirtualMachineConfigSpec and VirtualDevice of the vSphere Web Services
API reference.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import details

Make = Callable[..., Any]

_CONTROLLERS = {bus: kind for kind, bus in details.CONTROLLER_KINDS.items()}
_NICS = {model: kind for kind, model in details.NIC_KINDS.items()}
_IDE = _CONTROLLERS[api.DiskBus.IDE]

#: VirtualDiskAdapterType of a disk that is made by itself; SCSI adapters
#: other than these two take lsiLogic.
_ADAPTERS = {api.DiskBus.IDE: 'ide', api.DiskBus.BUS_LOGIC: 'busLogic'}

# The adapter itself is unit 7.
_SCSI_UNITS = (*range(7), *range(8, 16))
_IDE_UNITS = (0, 1)

_NONE = -1

_BOOT_DISK = 'VirtualMachineBootOptionsBootableDiskDevice'
_BOOT_NIC = 'VirtualMachineBootOptionsBootableEthernetDevice'


class _Devices:
    """The changes of devices of one specification.

    :param present: the controllers and disks that are there
    """

    def __init__(self, make: Make, present: details.Devices) -> None:
        self._make = make
        self._keys = itertools.count(-100, -1)
        self._controllers = list(present.controllers)
        self._taken = {(place.controller, place.unit)
                       for place in present.places}
        self.changes: list[Any] = []

    def add(self, device: Any, file_operation: str | None = None) -> int:
        device.key = next(self._keys)
        self.changes.append(self._make(
            'VirtualDeviceConfigSpec', operation='add',
            fileOperation=file_operation, device=device))
        return int(device.key)

    def remove(self, kind: str, key: int, **fields: Any) -> None:
        self.changes.append(self._make(
            'VirtualDeviceConfigSpec', operation='remove',
            device=self._make(kind, key=key, **fields)))

    def edit(self, device: Any) -> None:
        self.changes.append(self._make(
            'VirtualDeviceConfigSpec', operation='edit', device=device))

    def place(self, bus: api.DiskBus, unit: int | None) -> tuple[int, int]:
        """Return the controller's key and the unit for a device.

        A controller is added where none of that kind has room.
        """
        units = _IDE_UNITS if bus is api.DiskBus.IDE else _SCSI_UNITS
        wanted = units if unit is None else (unit,)
        of_bus = [controller for controller in self._controllers
                  if controller.kind == _CONTROLLERS[bus]]
        for controller in of_bus:
            for one in wanted:
                if (controller.key, one) not in self._taken:
                    self._taken.add((controller.key, one))
                    return controller.key, one
        key = self._add_controller(bus)
        self._taken.add((key, wanted[0]))
        return key, wanted[0]

    def _add_controller(self, bus: api.DiskBus) -> int:
        kind = _CONTROLLERS[bus]
        ide = bus is api.DiskBus.IDE
        # SCSI adapters of all kinds are counted together.
        used = {controller.bus for controller in self._controllers
                if (controller.kind == _IDE) == ide}
        number = next(iter(set(range(2 if ide else 4)) - used), None)
        if number is None:
            raise errors.InvalidArgument(
                f'there is no room for one more adapter of type {bus.value}')
        made = self._make(kind, busNumber=number)
        if not ide:
            made.sharedBus = 'noSharing'
        key = self.add(made)
        self._controllers.append(details.Controller(kind, key, number))
        return key


def machine(make: Make, spec: api.MachineSpec) -> Any:
    """Return a machine to be made as a VirtualMachineConfigSpec."""
    devices = _Devices(make, details.Devices())
    made = make(
        'VirtualMachineConfigSpec', name=spec.name, uuid=spec.uuid,
        instanceUuid=spec.uuid, guestId=spec.guest_id,
        annotation=spec.annotation or None, numCPUs=spec.vcpus,
        numCoresPerSocket=spec.cores_per_socket, memoryMB=spec.memory_mb,
        firmware=spec.firmware,
        files=make('VirtualMachineFileInfo', vmPathName=str(spec.path)),
        cpuAllocation=_allocation(make, spec.cpu),
        memoryAllocation=_allocation(make, spec.memory),
        extraConfig=_options(make, spec.extra_config))
    if spec.secure_boot:
        made.bootOptions = make('VirtualMachineBootOptions',
                                efiSecureBootEnabled=True)
    _add_devices(make, devices, spec.disks, spec.nics)
    if spec.cdrom is not None:
        _add_cdrom(make, devices, spec.cdrom)
    if spec.serial_file is not None:
        devices.add(_serial(make, make(
            'VirtualSerialPortFileBackingInfo',
            fileName=str(spec.serial_file))))
    if spec.serial_port is not None:
        devices.add(_serial(make, make(
            'VirtualSerialPortURIBackingInfo', direction='server',
            serviceURI=f'tcp://:{spec.serial_port}')))
    made.deviceChange = devices.changes
    return made


def _serial(make: Make, backing: Any) -> Any:
    return make('VirtualSerialPort', yieldOnPoll=True, backing=backing,
                connectable=_connected(make))


def change(make: Make, wanted: api.MachineChange,
           present: details.Devices) -> Any:
    """Return a change of a machine as a VirtualMachineConfigSpec."""
    devices = _Devices(make, present)
    made = make(
        'VirtualMachineConfigSpec', name=wanted.name, numCPUs=wanted.vcpus,
        numCoresPerSocket=wanted.cores_per_socket, memoryMB=wanted.memory_mb,
        extraConfig=_options(make, wanted.extra_config))
    if wanted.cpu is not None:
        made.cpuAllocation = _allocation(make, wanted.cpu)
    if wanted.memory is not None:
        made.memoryAllocation = _allocation(make, wanted.memory)
    for key in wanted.remove_disks:
        place = present.place(key)
        devices.remove('VirtualDisk', key, controllerKey=place.controller,
                       unitNumber=place.unit, capacityInKB=0)
    for disk in wanted.limit_disks:
        devices.edit(_limited(make, disk, present.place(disk.key or 0)))
    for key in wanted.remove_nics:
        devices.remove(present.place(key).kind, key)
    _add_devices(make, devices, wanted.add_disks, wanted.add_nics)
    if wanted.cdrom is not None:
        _set_cdrom(make, devices, wanted.cdrom, present)
    if wanted.boot_disk is not None:
        made.bootOptions = make('VirtualMachineBootOptions', bootOrder=[make(
            _BOOT_DISK, deviceKey=wanted.boot_disk)])
    elif wanted.boot_order is not None:
        made.bootOptions = make(
            'VirtualMachineBootOptions', bootOrder=[
                make(kind, deviceKey=key) for kind, key in _bootable(
                    wanted, present)])
    made.deviceChange = devices.changes
    return made


def _bootable(wanted: api.MachineChange, present: details.Devices,
              ) -> Iterator[tuple[str, int]]:
    """Yield the kinds and keys of what is tried, in its order."""
    for device in wanted.boot_order or ():
        if device is api.BootDevice.NETWORK:
            for place in present.places:
                if place.kind in details.NIC_KINDS and (
                        place.key not in wanted.remove_nics):
                    yield _BOOT_NIC, place.key
        else:
            disks = [place for place in present.places
                     if place.kind == 'VirtualDisk'
                     and place.key not in wanted.remove_disks]
            if disks:
                yield _BOOT_DISK, min(disks, key=lambda disk: disk.unit).key


def disk(make: Make, provisioning: api.Provisioning | None,
         bus: api.DiskBus | None, size: int | None = None) -> Any:
    """Return the type of a disk without a machine as a VirtualDiskSpec."""
    kind = (provisioning or api.Provisioning.THICK).value
    adapter = _ADAPTERS.get(bus or api.DiskBus.LSI_LOGIC, 'lsiLogic')
    if size is None:
        return make('VirtualDiskSpec', diskType=kind, adapterType=adapter)
    return make('FileBackedVirtualDiskSpec', diskType=kind,
                adapterType=adapter, capacityKb=in_kb(size))


def in_kb(size: int) -> int:
    """Return a size in KiB, rounded up."""
    return -(-size // 1024)


def _add_devices(make: Make, devices: _Devices, disks: Iterable[api.Disk],
                 nics: Iterable[api.Nic]) -> None:
    for one in disks:
        _add_disk(make, devices, one)
    for nic in nics:
        devices.add(make(
            _NICS[nic.model], addressType='manual', macAddress=nic.mac,
            wakeOnLanEnabled=True, connectable=_connected(make),
            backing=make('VirtualEthernetCardNetworkBackingInfo',
                         deviceName=nic.port_group)))


def _add_disk(make: Make, devices: _Devices, one: api.Disk) -> None:
    controller, unit = devices.place(one.bus, one.unit)
    made = make('VirtualDisk', controllerKey=controller, unitNumber=unit,
                capacityInKB=in_kb(one.size),
                backing=_raw(make, one) if one.device else _flat(make, one))
    if one.io != api.Allocation():
        made.storageIOAllocation = _io(make, one.io)
    # The mapping of a raw device is made with the machine's own files.
    devices.add(made, 'create' if one.create or one.parent is not None or
                one.device else None)


def _limited(make: Make, one: api.Disk, place: details.Place) -> Any:
    return make('VirtualDisk', key=place.key, controllerKey=place.controller,
                unitNumber=place.unit, capacityInKB=in_kb(one.size),
                backing=make('VirtualDiskFlatVer2BackingInfo',
                             diskMode='persistent', fileName=str(one.path)),
                storageIOAllocation=_io(make, one.io))


def _io(make: Make, wanted: api.Allocation) -> Any:
    """What is unset would stay as it was: see StorageIOAllocationInfo."""
    shares = wanted.shares or api.Shares()
    return make('StorageIOAllocationInfo',
                limit=_NONE if wanted.limit is None else wanted.limit,
                reservation=wanted.reservation or 0,
                shares=make('SharesInfo', level=shares.level,
                            shares=shares.number))


def _flat(make: Make, one: api.Disk) -> Any:
    made = make('VirtualDiskFlatVer2BackingInfo', diskMode='persistent',
                fileName='' if one.path is None else str(one.path))
    if one.parent is not None:
        made.parent = make('VirtualDiskFlatVer2BackingInfo',
                           diskMode='persistent', fileName=str(one.parent))
    elif one.create:
        made.thinProvisioned = one.provisioning is api.Provisioning.THIN
        if one.provisioning is api.Provisioning.EAGER_ZEROED:
            made.eagerlyScrub = True
    return made


def _raw(make: Make, one: api.Disk) -> Any:
    return make('VirtualDiskRawDiskMappingVer1BackingInfo',
                fileName='' if one.path is None else str(one.path),
                deviceName=one.device, compatibilityMode='physicalMode',
                diskMode='independent_persistent')


def _add_cdrom(make: Make, devices: _Devices,
               image: api.DatastorePath) -> None:
    controller, unit = devices.place(api.DiskBus.IDE, None)
    devices.add(make('VirtualCdrom', controllerKey=controller,
                     unitNumber=unit, backing=_iso(make, image),
                     connectable=_connected(make)))


def _set_cdrom(make: Make, devices: _Devices, image: api.DatastorePath,
               present: details.Devices) -> None:
    if present.cdrom is None:
        _add_cdrom(make, devices, image)
        return
    place = present.place(present.cdrom)
    # vcsim needs the description, which a host does not.
    devices.edit(make('VirtualCdrom', key=place.key, deviceInfo=make(
                          'Description', label=place.label,
                          summary=place.summary),
                      controllerKey=place.controller, unitNumber=place.unit,
                      backing=_iso(make, image),
                      connectable=_connected(make)))


def _iso(make: Make, image: api.DatastorePath) -> Any:
    return make('VirtualCdromIsoBackingInfo', fileName=str(image))


def _connected(make: Make) -> Any:
    return make('VirtualDeviceConnectInfo', startConnected=True,
                allowGuestControl=True, connected=True)


def _options(make: Make, pairs: Mapping[str, str]) -> list[Any]:
    return [make('OptionValue', key=key, value=value)
            for key, value in pairs.items()]


def _allocation(make: Make, wanted: api.Allocation) -> Any:
    if wanted == api.Allocation():
        return None
    made = make('ResourceAllocationInfo', reservation=wanted.reservation,
                limit=_NONE if wanted.limit is None else wanted.limit)
    if wanted.shares is not None:
        made.shares = make('SharesInfo', level=wanted.shares.level,
                           shares=wanted.shares.number)
    return made
