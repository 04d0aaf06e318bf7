# SPDX-License-Identifier: Apache-2.0
"""VirtualBox's things, whichever way we talk to it.

What may be asked of it is in :mod:`.interface`.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from pathlib import PurePath
from pathlib import PurePosixPath
from pathlib import PureWindowsPath

#: The controller that carries a machine's disks, and how many ports it can
#: have.
DISK_CONTROLLER = 'SATA'
DISK_PORTS = 30
#: The port of a server's own disk while another one is booted for rescue.
RESCUED_PORT = DISK_PORTS - 2
#: The port of the DVD with a server's config drive.
CONFIG_DRIVE_PORT = DISK_PORTS - 1

#: What VirtualBox calls the format of a disk of a storage.
LUN_FORMAT = 'iSCSI'


def host_path(text: str) -> PurePath:
    """Return a path of the host that VirtualBox runs on.

    The host may be another one than ours, with other rules.
    """
    return (PureWindowsPath(text) if '\\' in text or text[1:2] == ':'
            else PurePosixPath(text))


class MachineState(enum.Enum):
    RUNNING = 'running'
    PAUSED = 'paused'
    SAVED = 'saved'
    OFF = 'off'
    #: its process died, or the guest is in a state that it cannot leave
    ABORTED = 'aborted'
    #: it waits for a machine that is to go on as this one
    ARRIVING = 'arriving'
    #: it goes on elsewhere, and is off here
    DEPARTED = 'departed'
    #: its settings file is gone or cannot be read
    INACCESSIBLE = 'inaccessible'


class AttachmentKind(enum.Enum):
    """What a network adapter is connected to."""

    NULL = 'null'
    NAT = 'nat'
    BRIDGED = 'bridged'
    HOST_ONLY = 'hostonly'
    HOST_ONLY_NETWORK = 'hostonlynet'
    INTERNAL = 'intnet'
    NAT_NETWORK = 'natnetwork'
    #: frames in UDP packets, to another machine or a switch
    UDP_TUNNEL = 'udptunnel'


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """Where a network adapter is plugged in.

    :param name: the host's adapter or network; none for NULL and NAT
    :param properties: UDP_TUNNEL only: dest (address), dport and sport
    """

    kind: AttachmentKind
    name: str = ''
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)


UNPLUGGED = Attachment(AttachmentKind.NULL)


@dataclasses.dataclass(frozen=True, slots=True)
class Nic:
    """A network adapter.

    :param slot: counted from 1
    :param mac: six pairs of hexadecimal digits with colons, in lower case
    :param model: VirtualBox's name: virtio, 82540EM, Am79C973, ...
    """

    slot: int
    mac: str
    model: str
    attachment: Attachment
    cable_connected: bool = True


class BootDevice(enum.Enum):
    DISK = 'disk'
    DVD = 'dvd'
    NETWORK = 'net'
    NONE = 'none'


class DiskKind(enum.Enum):
    DISK = 'hdd'
    DVD = 'dvddrive'


class DiskBus(enum.Enum):
    """What a machine's disks are on; its DVDs are always on SATA."""

    SATA = 'sata'
    #: PIIX4, with four places
    IDE = 'ide'
    #: LSI Logic, with sixteen places
    SCSI = 'scsi'
    #: LSI Logic SAS
    SAS = 'sas'
    #: a SCSI controller by virtio
    VIRTIO = 'virtio'


@dataclasses.dataclass(frozen=True, slots=True)
class Firmware:
    """What a machine starts with.

    :param tpm: the version of its Trusted Platform Module: 1.2, 2.0, or
        empty for none
    """

    efi: bool = False
    secure_boot: bool = False
    tpm: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a machine may transfer, in KiB a second; 0 for all it can.

    :param disk_kib_s: all its disks together, reading and writing
    :param nic_kib_s: all its adapters together, sending only
    """

    disk_kib_s: int = 0
    nic_kib_s: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteDisplay:
    """VirtualBox's remote desktop server (VRDE) of one machine.

    :param extension_pack: the pack that serves it, by its own name
    :param ports: a port, or ports and ranges of which the first free is
        taken: ``3389`` or ``5900-5999``
    :param properties: the pack's settings; their values may be secret
    :param logins: if there are any, a client has to log on as one of these
        users; with the SHA-256 of the user's password in hexadecimal digits,
        as VirtualBox's library VBoxAuthSimple has it.  VNC knows no users.
    """

    extension_pack: str
    address: str
    ports: str
    properties: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False)
    logins: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False)


#: The properties of remote displays that are ours to set; others, which
#: somebody may have set by hand, are left alone.
DISPLAY_PROPERTIES = (
    'VNCPassword', 'Security/Method', 'Security/ServerCertificate',
    'Security/ServerPrivateKey', 'Security/CACertificate')

#: What VirtualBox checks logins with, and where a machine's are.
LOGIN_LIBRARY = 'VBoxAuthSimple'
LOGIN_KEY = 'VBoxAuthSimple/users/'


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine's hardware, without its disks.

    :param folder: the folder in which the machine gets one of its own
    :param architecture: x86 or arm
    :param os_type: VirtualBox's identifier, Linux_64 for instance
    :param disk_ports: with which the SATA controller begins
    :param boot_menu: F12 gives a choice, for which the BIOS waits 3 s
    :param chipset: piix3 (8 slots for adapters) or ich9 (36); armv8virtual
        (8), which is the one for arm
    :param unsafe_cache: the host caches what is written to disks, and flushes
        by the guest are ignored: fast, and lost if the host fails
    :param snapshot_folder: where the files are that snapshots set apart; a
        machine that is there keeps its own
    :param serial_socket: the first serial port is a local socket here, for
        which VirtualBox listens
    :param serial_log: what comes from the first serial port is kept, from one
        start to the next, for HostFilesApi.serial_log
    """

    uuid: str
    name: str
    folder: PurePath
    vcpus: int
    memory_mb: int
    os_type: str = 'Other_64'
    architecture: str = 'x86'
    chipset: str = 'piix3'
    boot_order: tuple[BootDevice, ...] = (BootDevice.DISK,)
    nics: tuple[Nic, ...] = ()
    firmware: Firmware = Firmware()
    boot_menu: bool = False
    disk_bus: DiskBus = DiskBus.SATA
    disk_ports: int = 8
    unsafe_cache: bool = False
    limits: Limits = Limits()
    snapshot_folder: PurePath | None = None
    serial_socket: PurePath | None = None
    serial_log: bool = False
    remote_display: RemoteDisplay | None = None
    description: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    uuid: str
    name: str
    accessible: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class LunAddress:
    """Which disk of a storage this is.

    :param server: a name or an address, with the port: 192.0.2.7:3260 or
        [2001:db8::7]:3260
    :param target: its iSCSI name
    :param lun: the logical unit
    """

    server: str
    target: str
    lun: int

    def __str__(self) -> str:
        return f'LUN {self.lun} of {self.target} at {self.server}'


@dataclasses.dataclass(frozen=True, slots=True)
class Lun:
    """A disk that VirtualBox's own iSCSI initiator logs in to.

    :param initiator: the iSCSI name that it gives for its own
    :param user: for CHAP; empty where nobody asks for it
    """

    address: LunAddress
    initiator: str
    user: str = ''
    secret: str = dataclasses.field(default='', repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class AttachedDisk:
    """:param path: of its file; or what VirtualBox calls a LUN

    :param lun: None if it is a file
    """

    port: int
    kind: DiskKind
    path: str
    lun: LunAddress | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSettings:
    """What a machine is set to; see :class:`MachineSpec` for the units.

    :param folder: the machine's own folder
    :param chipset: piix3, ich9, ...
    :param disks: what is attached to the disk controllers
    :param tpm: see Firmware
    :param display_ports: the remote display's ports, as they were set
    :param snapshots: their names
    :param execution_percent: of its processors' time that it may take
    """

    uuid: str
    name: str
    folder: PurePath
    vcpus: int
    memory_mb: int
    chipset: str = 'piix3'
    disks: tuple[AttachedDisk, ...] = ()
    nics: tuple[Nic, ...] = ()
    boot_order: tuple[BootDevice, ...] = ()
    display_ports: str = ''
    snapshots: tuple[str, ...] = ()
    os_type: str = ''
    efi: bool = False
    tpm: str = ''
    disk_bus: DiskBus = DiskBus.SATA
    unsafe_cache: bool = False
    limits: Limits = Limits()
    execution_percent: int = 100


@dataclasses.dataclass(frozen=True, slots=True)
class TeleportTarget:
    """Where a machine waits for one that is to go on as it."""

    address: str
    port: int
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Medium:
    """:param parent: the path of the disk that this one differs from"""

    path: str
    kind: DiskKind
    capacity_mb: int
    parent: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DiskSpace:
    """A file system, in bytes."""

    total: int
    free: int


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """The machine that VirtualBox runs on.

    :param architecture: as uname has it: x86_64, aarch64
    :param hardware_virtualization: of its processor
    """

    cpus: int
    cores: int
    memory_mb: int
    memory_free_mb: int
    processor: str
    architecture: str
    operating_system: str
    hardware_virtualization: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ExtensionPack:
    """:param why_unusable: empty if it can be used"""

    name: str
    version: str
    vrde_module: str
    why_unusable: str


@dataclasses.dataclass(frozen=True, slots=True)
class NicStatistics:
    received_bytes: int
    transmitted_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class DiskStatistics:
    read_bytes: int
    read_requests: int
    written_bytes: int
    write_requests: int


@dataclasses.dataclass(frozen=True, slots=True)
class MachineStatistics:
    """Counters of a running machine, from its start.

    :param uptime_s: how long it has been running
    :param cpu_times_ns: what each virtual processor has executed
    :param nics: by slot
    :param disks: by port of the disk controller
    """

    uptime_s: int
    cpu_times_ns: tuple[int, ...]
    nics: Mapping[int, NicStatistics]
    disks: Mapping[int, DiskStatistics]
