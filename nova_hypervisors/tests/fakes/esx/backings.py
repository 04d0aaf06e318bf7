# SPDX-License-Identifier: Apache-2.0
"""What is behind a machine's devices: disks, images, port groups, files."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import locations
from nova_hypervisors.tests.fakes.esx import serialports
from nova_hypervisors.tests.fakes.esx import vmdk

_D = vim.vm.device
_FLAT = _D.VirtualDisk.FlatVer2BackingInfo
_RAW = _D.VirtualDisk.RawDiskMappingVer1BackingInfo
_NETWORK = _D.VirtualEthernetCard.NetworkBackingInfo
_MAC = re.compile(r'([0-9a-f]{2}:){5}[0-9a-f]{2}$')


class Backings:
    """Makes and checks them for one change of a machine.

    :param lenient: what is not there is no error.  Guess: a machine is
        registered so, and only its start fails
    """

    def __init__(self, machine: Any, lenient: bool) -> None:
        self._machine = machine
        self._lenient = lenient
        self._esx = machine.esx
        self._undo: list[Callable[[], Any]] = []
        self._last: list[Callable[[], Any]] = []

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()

    def finish(self) -> None:
        while self._last:
            self._last.pop()()

    def add(self, index: int, device: Any, operation: str | None,
            others: list[Any]) -> None:
        try:
            self._add(index, device, operation, others)
        except (vim.fault.FileFault, vim.fault.InvalidDatastore,
                vim.fault.VmConfigFault):
            if not self._lenient:
                raise

    def _add(self, index: int, device: Any, operation: str | None,
             others: list[Any]) -> None:
        if isinstance(device, _D.VirtualDisk):
            self._add_disk(index, device, operation, others)
        elif operation is not None:
            raise faults.invalid_device(index, 'It has no file.')
        elif isinstance(device, _D.VirtualEthernetCard):
            self._check_nic(index, device)
        else:
            self._check_file(device)

    def remove(self, device: Any, operation: str | None) -> None:
        """Leave a disk's files, unless they are to be destroyed."""
        if operation != 'destroy' or not isinstance(device, _D.VirtualDisk):
            return
        at = locations.locate(self._esx, device.backing.fileName)
        disk = vmdk.load(at)
        self._last.append(lambda: vmdk.delete(disk))

    def edit(self, index: int, old: Any, new: Any) -> None:
        if isinstance(new, _D.VirtualDisk):
            self._grow(old, new)
            _check_io(index, new.storageIOAllocation)
            if new.backing.fileName == old.backing.fileName:
                # Guess: what a backing leaves out stays, too.
                new.backing = old.backing
        elif isinstance(new, _D.VirtualEthernetCard):
            self._check_nic(index, new)
        else:
            self._check_file(new)

    def _grow(self, old: Any, new: Any) -> None:
        """A disk may grow, but not one of a chain (VirtualDisk.capacity)."""
        if new.capacityInKB == old.capacityInKB:
            return
        at = locations.locate(self._esx, old.backing.fileName)
        disk = vmdk.load(at)
        size = new.capacityInKB * 1024
        if size < disk.size or disk.parent is not None:
            raise faults.invalid_argument('capacityInKB')
        at.datastore.reserve(size - disk.size, at)
        self._last.append(lambda: vmdk.extend(disk, size))
        new.capacityInBytes = size

    def _add_disk(self, index: int, device: Any, operation: str | None,
                  others: list[Any]) -> None:
        backing = device.backing
        _check_io(index, device.storageIOAllocation)
        if not isinstance(backing, (_FLAT, _RAW)):
            # A host takes flat disks and mappings only: VirtualDisk's
            # other backings are of other products.
            raise self._bad_backing(index, 'backing')
        if operation not in (None, 'create'):
            raise faults.invalid_device(index, f'{operation} is not done.')
        if operation == 'create':
            disk = self._create(index, device)
            self._undo.append(lambda: vmdk.delete(disk))
        chain = vmdk.chain(locations.locate(self._esx, backing.fileName))
        if any(isinstance(one, _D.VirtualDisk) and
               one.backing.fileName == str(chain[0].at) for one in others):
            raise faults.invalid_device(index, 'It has that disk already.')
        describe(device, chain)

    def _create(self, index: int, device: Any) -> vmdk.Disk:
        backing = device.backing
        at = self._new_path(backing.fileName)
        backing.fileName = str(at)
        if isinstance(backing, _RAW):
            lun = self._esx.storage.find_device(
                backing.deviceName, backing.lunUuid)
            if lun is None:
                raise self._bad_backing(index, 'backing.deviceName')
            return vmdk.create_mapping(
                at, lun.deviceName, lun.capacity.block *
                lun.capacity.blockSize, backing.compatibilityMode ==
                'physicalMode')
        if backing.parent is not None:
            parent = locations.locate(self._esx, backing.parent.fileName)
            return vmdk.create_child(at, vmdk.chain(parent)[0])
        size = device.capacityInBytes or device.capacityInKB * 1024
        if size < 1:
            raise faults.invalid_device(index, 'It has no size.')
        thin = bool(backing.thinProvisioned)
        at.datastore.reserve(0 if thin else size, at)
        return vmdk.create(at, size, thin)

    def _new_path(self, text: str) -> Any:
        """Return where a disk is made: in the machine's folder by default."""
        folder = self._machine.at.folder
        at = locations.locate(self._esx, text) if text else folder
        if not text or not at.file:
            stem = self._machine.at.name.removesuffix('.vmx')
            names = [f'{stem}.vmdk', *(f'{stem}_{number}.vmdk'
                                       for number in range(1, 60))]
            return next(folder / name for name in names
                        if not (folder / name).local.exists())
        if at.local.exists():
            raise faults.exists(at)
        if not at.folder.local.is_dir():
            raise faults.not_found(at.folder)
        return at

    def _check_nic(self, index: int, device: Any) -> None:
        backing = device.backing
        if not isinstance(backing, _NETWORK):
            raise self._bad_backing(index, 'backing')
        network = self._esx.network.find_network(backing.deviceName)
        if network is None:
            raise self._bad_backing(index, 'backing.deviceName')
        backing.network = network
        if not _MAC.match(device.macAddress):
            raise faults.invalid_device(index, 'macAddress')

    def _check_file(self, device: Any) -> None:
        """An image has to be there; a serial port's file is made.

        Guess: that a missing image is refused at once and not at the start.
        """
        backing = getattr(device, 'backing', None)
        if isinstance(backing, _D.VirtualSerialPort.URIBackingInfo):
            serialports.check(0, backing)
        if not isinstance(backing, _D.VirtualDevice.FileBackingInfo):
            return
        at = locations.locate(self._esx, backing.fileName)
        backing.datastore = at.datastore.ref
        if isinstance(device, _D.VirtualCdrom) and not at.local.is_file():
            raise faults.not_found(at)

    def _bad_backing(self, index: int, what: str) -> Any:
        return vim.fault.InvalidDeviceBacking(
            msg=f"Invalid configuration for device '{index}'.",
            deviceIndex=index, property=f'virtualDeviceSpec.device.{what}')


def _check_io(index: int, wanted: Any) -> None:
    """StorageIOAllocationInfo: -1 is no limit, shares are 200 to 4000.

    Guess: the fault.
    """
    if wanted is None:
        return
    shares = wanted.shares
    if (wanted.limit is not None and (wanted.limit < -1 or wanted.limit == 0
                                     )) or (
            shares is not None and shares.level == 'custom'
            and not 200 <= shares.shares <= 4000):
        raise faults.invalid_device(index, 'storageIOAllocation')


def describe(device: Any, chain: list[vmdk.Disk]) -> None:
    """Write what a disk is into its device, with all its parents."""
    disk = chain[0]
    device.capacityInKB = disk.size // 1024
    device.capacityInBytes = disk.size
    if disk.device:
        physical = disk.kind == 'vmfsPassthroughRawDeviceMap'
        device.backing = _RAW(
            fileName=str(disk.at), deviceName=disk.device,
            datastore=disk.at.datastore.ref, compatibilityMode=(
                'physicalMode' if physical else 'virtualMode'),
            diskMode='independent_persistent')
        return
    mode = device.backing.diskMode or 'persistent'
    below = None
    for one in reversed(chain):
        below = _FLAT(
            fileName=str(one.at), datastore=one.at.datastore.ref,
            diskMode=mode, thinProvisioned=one.thin or None, parent=below,
            uuid=one.uuid.replace(' ', ''), contentId=one.cid,
            split=False, writeThrough=False, digestEnabled=False)
    device.backing = below
