# SPDX-License-Identifier: Apache-2.0
"""A machine's disk controllers, and where its disks are on them.

Every machine has a SATA controller, which carries the DVDs.  One whose disks
are on another bus has a second controller for them.  Above the client a disk
has one number, its port; here it gets a place.

Source: "Storage Controllers" and "Responding to Guest IDE/SATA Flush
Requests" in VirtualBox's manual.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from collections.abc import Mapping

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api

Bus = api.DiskBus

#: the groups that share a limit
DISKS_GROUP = 'disks'
NICS_GROUP = 'nics'


@dataclasses.dataclass(frozen=True, slots=True)
class Controller:
    """A kind of controller.

    :param name: which we give it
    :param words: what VBoxManage is told to add one
    :param bus: the web service's word
    :param model: the web service's word
    :param node: where VirtualBox's own settings for its disks are; takes the
        number of a disk
    :param places: the port and the device of a disk, where they are not the
        disk's port and 0
    :param ports: how many it gets; None where VirtualBox says so
    """

    name: str
    words: tuple[str, ...]
    bus: str
    model: str
    node: str
    places: Mapping[int, tuple[int, int]] | None = None
    ports: int | None = None


# The DVD with the config drive and a rescued server's own disk have the first
# ports beside the root disk and the ISO image: the BIOS waits 0.16 s at every
# start for each port that is empty (three ticks of its clock), so there are
# no more than are used and some for the disks that come.
_SATA_PLACES = {
    0: 0, 1: 1, api.CONFIG_DRIVE_PORT: 2, api.RESCUED_PORT: 3,
    **{port: port + 2 for port in range(2, api.RESCUED_PORT)}}

#: Ports that a controller gets beside the one that it lacked.
SPARE_PORTS = 4

_DRIVER = 'VBoxInternal/Devices/{device}/0/LUN#{{}}/{between}Config/'


def _node(device: str, between: str = '') -> str:
    return _DRIVER.format(device=device, between=between)


_SCSI_DRIVER = 'AttachedDriver/'

CONTROLLERS = {
    Bus.SATA: Controller(
        api.DISK_CONTROLLER, ('sata', 'IntelAhci'), 'SATA', 'IntelAhci',
        _node('ahci'),
        {number: (port, 0) for number, port in _SATA_PLACES.items()}),
    # Four disks: the root disk, two more, and a rescued server's own.
    Bus.IDE: Controller(
        'IDE', ('ide', 'PIIX4'), 'IDE', 'PIIX4', _node('piix3ide'),
        {0: (0, 0), 2: (0, 1), 3: (1, 0), api.RESCUED_PORT: (1, 1)}),
    Bus.SCSI: Controller(
        'SCSI', ('scsi', 'LSILogic'), 'SCSI', 'LsiLogic',
        _node('lsilogicscsi', _SCSI_DRIVER),
        {**{port: (port, 0) for port in range(15)},
         api.RESCUED_PORT: (15, 0)}),
    Bus.SAS: Controller(
        'SAS', ('sas', 'LSILogicSAS'), 'SAS', 'LsiLogicSas',
        _node('lsilogicsas', _SCSI_DRIVER), ports=api.DISK_PORTS),
    Bus.VIRTIO: Controller(
        'VirtIO', ('virtio', 'VirtIO'), 'VirtioSCSI', 'VirtioSCSI',
        _node('virtio-scsi', _SCSI_DRIVER), ports=api.DISK_PORTS),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """:param controller: its name"""

    controller: str
    port: int
    device: int


def place(bus: Bus, kind: api.DiskKind, port: int) -> Place:
    """Return where a disk is.

    :raises InvalidArgument: the controller has no such place
    """
    controller = CONTROLLERS[bus if kind is api.DiskKind.DISK else Bus.SATA]
    if controller.places is None:
        return Place(controller.name, port, 0)
    if port not in controller.places:
        raise errors.InvalidArgument(
            f'there is no more room on {controller.name}: it has '
            f'{len(controller.places)} places for disks')
    return Place(controller.name, *controller.places[port])


def more_ports(place: Place) -> int:
    """Return how many ports a controller is to have that lacks one."""
    return min(place.port + 1 + SPARE_PORTS, api.DISK_PORTS)


def sata_ports(spec: api.MachineSpec,
               disks: Collection[api.AttachedDisk] = ()) -> int:
    """Return how many ports a machine's SATA controller is to have.

    :param disks: which the machine has
    """
    used = [_SATA_PLACES[disk.port] + 1 for disk in disks
            if disk.port in _SATA_PLACES]
    return max([spec.disk_ports, *used])


def ports(bus: Bus, spec: api.MachineSpec) -> int | None:
    """Return how many ports a new controller gets; None for the usual."""
    return sata_ports(spec) if bus is Bus.SATA else CONTROLLERS[bus].ports


def lun_bus(bus: Bus, port: int) -> Bus:
    """Return what a disk of a storage is on.

    SATA, which every machine has, is where disks come and go while it runs.
    What it boots from stays where the machine's own disks are.
    """
    return bus if port == 0 else Bus.SATA


def bus_of(names: Collection[str]) -> Bus:
    """Return the bus of a machine's disks, by its controllers' names."""
    return next((bus for bus, controller in CONTROLLERS.items()
                 if bus is not Bus.SATA and controller.name in names),
                Bus.SATA)


def port_of(name: str, port: int, device: int) -> int | None:
    """Return a disk's number; None if the controller is not one of ours."""
    for controller in CONTROLLERS.values():
        if controller.name == name:
            places = controller.places or {port: (port, 0)}
            return next((number for number, found in places.items()
                         if found == (port, device)), None)
    return None


def flush_settings(bus: Bus, port: int,
                   unsafe: bool | None) -> dict[str, str]:
    """Return what makes VirtualBox ignore a guest's flushes, or not.

    VirtualBox 7.2 passes those of AHCI and SCSI on and ignores those of IDE
    if it is not told anything.

    :param unsafe: None for a new disk with a safe cache, of which only what
        VirtualBox does not do itself is to be said
    """
    if unsafe is not None:
        return dict.fromkeys(_flush_keys(bus, port), str(int(unsafe)))
    return {_flush_keys(bus, port)[0]: '0'} if bus is Bus.IDE else {}


def no_flush_settings(bus: Bus, port: int) -> dict[str, str]:
    """Return what makes VirtualBox forget that it was told anything.

    A machine does not start if it is told something of a disk that it has
    not (VERR_PDM_CFG_MISSING_DRIVER_NAME).
    """
    return dict.fromkeys(_flush_keys(bus, port), '')


def _flush_keys(bus: Bus, port: int) -> tuple[str, str]:
    number = place(bus, api.DiskKind.DISK, port)
    # The two devices of an IDE channel are counted through.
    index = number.port * 2 + number.device if bus is Bus.IDE else number.port
    node = CONTROLLERS[bus].node.format(index)
    return f'{node}IgnoreFlush', f'{node}IgnoreFlushAsync'
