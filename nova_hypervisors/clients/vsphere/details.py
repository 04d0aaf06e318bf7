# SPDX-License-Identifier: Apache-2.0
"""A machine's devices, as a host tells of them.

Source: VirtualDevice of the vSphere Web Services API reference.
"""

from __future__ import annotations

import dataclasses
import re

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import values

PATH = 'config.hardware.device'

NIC_KINDS = {
    'VirtualE1000': api.NicModel.E1000,
    'VirtualE1000e': api.NicModel.E1000E,
    'VirtualPCNet32': api.NicModel.PCNET32,
    'VirtualVmxnet2': api.NicModel.VMXNET,
    'VirtualVmxnet3': api.NicModel.VMXNET3,
}
_SERVED = re.compile(r'tcp://.*:(\d+)')

CONTROLLER_KINDS = {
    'VirtualLsiLogicController': api.DiskBus.LSI_LOGIC,
    'VirtualLsiLogicSASController': api.DiskBus.LSI_LOGIC_SAS,
    'VirtualBusLogicController': api.DiskBus.BUS_LOGIC,
    'ParaVirtualSCSIController': api.DiskBus.PARAVIRTUAL,
    'VirtualIDEController': api.DiskBus.IDE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Controller:
    """:param kind: 'VirtualLsiLogicController'"""

    kind: str
    key: int
    bus: int


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a device hangs.

    :param controller: its key
    :param label: the host's own words for it, as ``summary``
    """

    kind: str
    key: int
    controller: int
    unit: int
    label: str = ''
    summary: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Devices:
    """What is there already, for what is to be added or taken away.

    :param cdrom: the key of the first drive
    """

    controllers: tuple[Controller, ...] = ()
    places: tuple[Place, ...] = ()
    cdrom: int | None = None

    def place(self, key: int) -> Place:
        """:raises NotFound: there is no such device"""
        for place in self.places:
            if place.key == key:
                return place
        raise errors.NotFound(f'the machine has no device {key}')


def devices(array: values.Element | None) -> Devices:
    """Read an ArrayOfVirtualDevice."""
    controllers = []
    places = []
    cdrom = None
    for device in values.items(array, 'VirtualDevice'):
        kind = values.kind(device)
        key = values.integer(device, 'key')
        if kind in CONTROLLER_KINDS:
            controllers.append(Controller(
                kind, key, values.integer(device, 'busNumber')))
            continue
        places.append(Place(kind, key,
                            values.integer(device, 'controllerKey'),
                            values.integer(device, 'unitNumber'),
                            values.text(device, 'deviceInfo/label'),
                            values.text(device, 'deviceInfo/summary')))
        if kind == 'VirtualCdrom' and cdrom is None:
            cdrom = key
    return Devices(tuple(controllers), tuple(places), cdrom)


def disks(array: values.Element | None) -> tuple[api.Disk, ...]:
    """Return the disks, in the order of their keys."""
    buses = {controller.key: CONTROLLER_KINDS[controller.kind]
             for controller in devices(array).controllers}
    return tuple(sorted(
        (_disk(device, buses)
         for device in values.items(array, 'VirtualDevice')
         if values.kind(device) == 'VirtualDisk'),
        key=lambda disk: disk.key or 0))


def _disk(device: values.Element, buses: dict[int, api.DiskBus]) -> api.Disk:
    backing = values.find(device, 'backing')
    size = (values.integer(device, 'capacityInBytes')
            or values.integer(device, 'capacityInKB') * 1024)
    raw = backing is not None and 'RawDisk' in values.kind(backing)
    return api.Disk(
        path=_path(backing), size=size,
        bus=buses.get(values.integer(device, 'controllerKey'),
                      api.DiskBus.LSI_LOGIC),
        unit=values.integer(device, 'unitNumber'),
        key=values.integer(device, 'key'),
        device=values.text(backing, 'deviceName') if raw else '',
        provisioning=_provisioning(backing),
        parents=_parents(backing),
        uuid=values.text(backing, 'lunUuid' if raw else 'uuid'),
        io=_io(values.find(device, 'storageIOAllocation')))


def _io(element: values.Element | None) -> api.Allocation:
    limit = values.integer(element, 'limit', -1)
    level = values.text(element, 'shares/level', 'normal')
    number = values.integer(element, 'shares/shares')
    return api.Allocation(
        values.integer(element, 'reservation') or None,
        None if limit < 0 else limit,
        # The number of a level is the host's own.
        None if level == 'normal' else api.Shares(
            level, number if level == 'custom' else 0))


def _provisioning(backing: values.Element | None) -> api.Provisioning:
    if values.is_true(backing, 'thinProvisioned'):
        return api.Provisioning.THIN
    if values.is_true(backing, 'eagerlyScrub'):
        return api.Provisioning.EAGER_ZEROED
    return api.Provisioning.THICK


def _parents(backing: values.Element | None) -> tuple[api.DatastorePath, ...]:
    found = []
    parent = None if backing is None else values.find(backing, 'parent')
    while parent is not None:
        path = _path(parent)
        if path is not None:
            found.append(path)
        parent = values.find(parent, 'parent')
    return tuple(found)


def _path(backing: values.Element | None) -> api.DatastorePath | None:
    name = values.text(backing, 'fileName')
    return api.DatastorePath.parse(name) if name.startswith('[') else None


def nics(array: values.Element | None) -> tuple[api.Nic, ...]:
    return tuple(
        api.Nic(mac=values.text(device, 'macAddress').lower(),
                port_group=values.text(device, 'backing/deviceName'),
                model=NIC_KINDS[values.kind(device)],
                key=values.integer(device, 'key'))
        for device in values.items(array, 'VirtualDevice')
        if values.kind(device) in NIC_KINDS)


def cdrom(array: values.Element | None) -> api.DatastorePath | None:
    """Return the image in the first drive that has one."""
    return _first_file(array, 'VirtualCdrom')


def serial_file(array: values.Element | None) -> api.DatastorePath | None:
    """Return where the first serial port that has a file writes."""
    return _first_file(array, 'VirtualSerialPort')


def serial_port(array: values.Element | None) -> int | None:
    """Return the TCP port of the first serial port that has one."""
    for device in values.items(array, 'VirtualDevice'):
        found = _SERVED.fullmatch(values.text(device, 'backing/serviceURI'))
        if found and values.text(device, 'backing/direction') == 'server':
            return int(found[1])
    return None


def _first_file(array: values.Element | None,
                kind: str) -> api.DatastorePath | None:
    for device in values.items(array, 'VirtualDevice'):
        if values.kind(device) == kind and (
                path := _path(values.find(device, 'backing'))) is not None:
            return path
    return None


def snapshots(trees: values.Element | None, current: str,
              ) -> tuple[api.Snapshot, ...]:
    """Read an ArrayOfVirtualMachineSnapshotTree, parents first."""
    found: list[api.Snapshot] = []
    todo = values.items(trees, 'VirtualMachineSnapshotTree')
    while todo:
        tree = todo.pop(0)
        ref = values.text(tree, 'snapshot')
        found.append(api.Snapshot(ref, values.text(tree, 'name'),
                                  ref == current))
        todo += values.items(tree, 'childSnapshotList')
    return tuple(found)


def options(array: values.Element | None) -> dict[str, str]:
    """Read an ArrayOfOptionValue; the last value of a key counts."""
    return {values.text(item, 'key'): values.text(item, 'value')
            for item in values.items(array, 'OptionValue')}
