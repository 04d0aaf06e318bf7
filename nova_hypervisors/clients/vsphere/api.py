# SPDX-License-Identifier: Apache-2.0
"""The things of an ESX host, as its vSphere API names them.

What may be asked of it is in :mod:`.interface`.  Sizes are in bytes unless a
name says otherwise.  Files of a host are named by their datastore path,
``[datastore] folder/file``.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Protocol

from nova_hypervisors.clients.vsphere import datastorepath
from nova_hypervisors.clients.vsphere import hostfacts
from nova_hypervisors.clients.vsphere import targets

DatastorePath = datastorepath.DatastorePath
CpuLeaf = hostfacts.CpuLeaf
Host = hostfacts.Host
License = hostfacts.License
FibreChannelAdapter = targets.FibreChannelAdapter
FibreChannelTarget = targets.FibreChannelTarget
IscsiAdapter = targets.IscsiAdapter
IscsiTarget = targets.IscsiTarget
ScsiDisk = targets.ScsiDisk
Target = targets.Target


class Readable(Protocol):
    """What is uploaded: b'' is its end."""

    def read(self, count: int, /) -> bytes: ...


class PowerState(enum.Enum):
    """VirtualMachinePowerState."""

    ON = 'poweredOn'
    OFF = 'poweredOff'
    SUSPENDED = 'suspended'


@dataclasses.dataclass(frozen=True, slots=True)
class Datastore:
    """:param type: 'VMFS', 'NFS', ..."""

    name: str
    type: str
    capacity: int
    free: int
    accessible: bool
    maintenance: bool


@dataclasses.dataclass(frozen=True, slots=True)
class HostUsage:
    """What a host gives now.

    :param memory_used: by everything that runs on it
    :param cpu_used_mhz: the same
    """

    connected: bool
    in_maintenance: bool
    memory_used: int
    cpu_used_mhz: int
    datastores: tuple[Datastore, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine as lists have it.

    :param ref: the value of its managed object reference
    :param instance_uuid: lower case, '' if it has none
    :param path: of its .vmx
    :param accessible: the host reads its configuration
    """

    ref: str
    name: str
    instance_uuid: str
    path: DatastorePath | None
    state: PowerState
    vcpus: int
    memory_mb: int
    accessible: bool = True


class DiskBus(enum.Enum):
    """The type of the adapter that a disk hangs on.

    The values are those of Nova's image property vmware_adaptertype.
    """

    LSI_LOGIC = 'lsiLogic'
    LSI_LOGIC_SAS = 'lsiLogicsas'
    BUS_LOGIC = 'busLogic'
    PARAVIRTUAL = 'paraVirtual'
    IDE = 'ide'


class Provisioning(enum.Enum):
    """How a virtual disk takes room: VirtualDiskType of the API."""

    THICK = 'preallocated'
    THIN = 'thin'
    EAGER_ZEROED = 'eagerZeroedThick'


class NicModel(enum.Enum):
    """The values are those of Nova's image property hw_vif_model."""

    E1000 = 'e1000'
    E1000E = 'e1000e'
    PCNET32 = 'pcnet'
    VMXNET = 'vmxnet'
    VMXNET3 = 'vmxnet3'


@dataclasses.dataclass(frozen=True, slots=True)
class Nic:
    """A network adapter.

    :param mac: lower case
    :param key: of an adapter that is there
    """

    mac: str
    port_group: str
    model: NicModel = NicModel.E1000
    key: int | None = None


class BootDevice(enum.Enum):
    """What is tried for a system; a host goes on with all that it has."""

    #: the root disk: the first one
    DISK = 'disk'
    NETWORK = 'network'


@dataclasses.dataclass(frozen=True, slots=True)
class Shares:
    """:param level: 'low', 'normal', 'high', or 'custom' with a number"""

    level: str = 'normal'
    number: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Allocation:
    """ResourceAllocationInfo: MHz of processors, MB of memory.

    And StorageIOAllocationInfo: requests of a disk a second, of 32 KiB.

    :param limit: None for none
    """

    reservation: int | None = None
    limit: int | None = None
    shares: Shares | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Disk:
    """A disk of a machine, or one to be added.

    :param path: of its descriptor; of a raw device, the mapping's
    :param parent: a child disk is made of it: what is written goes into the
        child, which is in ``path``
    :param create: it is made, empty or as a child; else it exists
    :param device: a SCSI device's canonical name, to be mapped raw
    :param uuid: of a raw device, that of its ScsiLun
    :param parents: of a disk that is there: the chain below it, nearest first
    """

    path: DatastorePath | None
    size: int = 0
    bus: DiskBus = DiskBus.LSI_LOGIC
    unit: int | None = None
    create: bool = False
    parent: DatastorePath | None = None
    device: str = ''
    provisioning: Provisioning = Provisioning.THICK
    key: int | None = None
    parents: tuple[DatastorePath, ...] = ()
    uuid: str = ''
    io: Allocation = Allocation()


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine to be made.

    :param uuid: the instance UUID; its BIOS has it, too
    :param path: of its .vmx; the folder is made with it
    :param guest_id: VirtualMachineGuestOsIdentifier
    :param firmware: 'bios' or 'efi'
    :param cdrom: an ISO image to put in its drive
    :param extra_config: keys and values of its .vmx
    :param serial_port: of TCP, on which the host takes whoever connects to
        another serial port
    """

    uuid: str
    name: str
    path: DatastorePath
    vcpus: int
    memory_mb: int
    guest_id: str = 'otherGuest'
    cores_per_socket: int = 1
    firmware: str = 'bios'
    secure_boot: bool = False
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    cdrom: DatastorePath | None = None
    cpu: Allocation = Allocation()
    memory: Allocation = Allocation()
    extra_config: Mapping[str, str] = dataclasses.field(default_factory=dict)
    serial_file: DatastorePath | None = None
    serial_port: int | None = None
    annotation: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class MachineChange:
    """What is to change of a machine; None leaves it as it is."""

    name: str | None = None
    vcpus: int | None = None
    memory_mb: int | None = None
    cores_per_socket: int | None = None
    cpu: Allocation | None = None
    memory: Allocation | None = None
    add_disks: tuple[Disk, ...] = ()
    #: by their keys; the files stay
    remove_disks: tuple[int, ...] = ()
    add_nics: tuple[Nic, ...] = ()
    remove_nics: tuple[int, ...] = ()
    #: an ISO image, in a drive that is added if there is none
    cdrom: DatastorePath | None = None
    extra_config: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: disks that are there, of which ``io`` is to be another one
    limit_disks: tuple[Disk, ...] = ()
    #: by the keys of disks, which one boots
    boot_disk: int | None = None
    boot_order: tuple[BootDevice, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    ref: str
    name: str
    current: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class MachineDetails:
    """A machine with all that it has.

    :param tools_running: VMware Tools answer in the guest
    """

    machine: Machine
    guest_id: str
    firmware: str
    cores_per_socket: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    cdrom: DatastorePath | None
    extra_config: Mapping[str, str]
    snapshots: tuple[Snapshot, ...]
    tools_running: bool
    serial_file: DatastorePath | None
    serial_port: int | None
    cpu_used_mhz: int
    memory_used: int
    uptime_s: int
    booted_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class PhysicalNic:
    """:param device: 'vmnic0'"""

    key: str
    device: str
    mac: str
    link_mbit: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class VirtualSwitch:
    """:param nics: keys of physical adapters"""

    key: str
    name: str
    nics: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class PortGroup:
    """:param vlan_id: 0 for none, 4095 for all"""

    name: str
    switch: str
    vlan_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class HostNetwork:
    nics: tuple[PhysicalNic, ...]
    switches: tuple[VirtualSwitch, ...]
    port_groups: tuple[PortGroup, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """:param path: relative to the folder that was searched"""

    path: str
    size: int
    modified: datetime.datetime | None
    folder: bool = False


class TicketKind(enum.Enum):
    """VirtualMachineTicketType."""

    MKS = 'mks'
    WEBMKS = 'webmks'


@dataclasses.dataclass(frozen=True, slots=True)
class Ticket:
    """A door to a machine's console, open once and for a short time.

    :param host: None: the host itself
    :param url: of a WebSocket that has the ticket in it, from newer hosts
    """

    ticket: str = dataclasses.field(repr=False)
    host: str | None = None
    port: int | None = None
    thumbprint: str = ''
    config_file: str = ''
    url: str = dataclasses.field(default='', repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class GuestProgram:
    """A program, and as whom it is run.

    :param arguments: as the guest's shell takes them
    :param environment: all of it; what may be secret is handed over in it
    """

    path: str
    arguments: str
    user: str
    password: str = dataclasses.field(repr=False)
    environment: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False)
