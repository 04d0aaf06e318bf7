# SPDX-License-Identifier: Apache-2.0
"""What the drivers may ask of VirtualBox, whichever way we talk to it.

Machines are named by their UUID, media by the path of their file.  Every
method raises :class:`nova_hypervisors.clients.errors.ClientError` (a subclass)
and nothing else; ``MachineNotFound`` and ``MediumNotFound`` where a machine or
a medium that is asked for does not exist.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import PurePath
from typing import Protocol

from nova_hypervisors.clients.vbox import version

#: The controller that carries a machine's disks, and its number of ports.
DISK_CONTROLLER = 'SATA'
DISK_PORTS = 30


class MachineState(enum.Enum):
    RUNNING = 'running'
    PAUSED = 'paused'
    SAVED = 'saved'
    OFF = 'off'
    #: its process died, or the guest is in a state that it cannot leave
    ABORTED = 'aborted'
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


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteDisplay:
    """VirtualBox's remote desktop server (VRDE) of one machine.

    :param extension_pack: the pack that serves it, by its own name
    :param ports: a port, or ports and ranges of which the first free is
        taken: ``3389`` or ``5900-5999``
    :param properties: the pack's settings; their values may be secret
    """

    extension_pack: str
    address: str
    ports: str
    properties: Mapping[str, str] = dataclasses.field(
        default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine's hardware, without its disks.

    :param folder: the folder in which the machine gets one of its own
    :param architecture: x86 or arm
    :param os_type: VirtualBox's identifier, Linux_64 for instance
    :param chipset: piix3 (8 slots for adapters) or ich9 (36)
    :param serial_socket: the first serial port is a local socket here, for
        which VirtualBox listens
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
    serial_socket: PurePath | None = None
    remote_display: RemoteDisplay | None = None
    description: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    uuid: str
    name: str
    accessible: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class AttachedDisk:
    port: int
    kind: DiskKind
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSettings:
    """What a machine is set to; see :class:`MachineSpec` for the units.

    :param folder: the machine's own folder
    :param chipset: piix3, ich9, ...
    :param disks: what is attached to the disk controller
    :param display_ports: the remote display's ports, as they were set
    :param snapshots: their names
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


@dataclasses.dataclass(frozen=True, slots=True)
class Medium:
    """:param parent: the path of the disk that this one differs from"""

    path: str
    kind: DiskKind
    capacity_mb: int
    parent: str | None = None


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


class HostApi(Protocol):
    def get_version(self) -> version.Version: ...

    def host(self) -> Host: ...

    def extension_packs(self, candidates: Collection[str] = (),
                        ) -> list[ExtensionPack]:
        """Return the extension packs that serve remote displays.

        :param candidates: the names to ask for, where VirtualBox has no list
        """

    def host_networks(self) -> Mapping[AttachmentKind, frozenset[str]]:
        """Return the names that an attachment of each kind may have."""

    def get_extradata(self, prefix: str) -> Mapping[str, str]:
        """Return VirtualBox's own key-value pairs, the prefix cut off."""

    def set_extradata(self, key: str, value: str | None) -> None:
        """Keep a pair, or forget it if ``value`` is None."""


class MachineApi(Protocol):
    def list_machines(self) -> list[Machine]: ...

    def machine_settings(self, uuid: str) -> MachineSettings: ...

    def create_machine(self, spec: MachineSpec) -> None:
        """Make and register a machine with a disk controller.

        If it fails, there is no machine.

        :raises AlreadyExists: there is one with that UUID
        """

    def configure_machine(self, spec: MachineSpec) -> None:
        """Bring a machine's hardware in line; it must be off.

        Adapters in slots that the spec does not name are taken out.
        """

    def set_boot_order(self, uuid: str,
                       order: tuple[BootDevice, ...]) -> None: ...

    def delete_machine(self, uuid: str) -> None:
        """Forget a machine and delete its own folder.

        Disks in other folders stay, as files that VirtualBox no longer
        knows.

        :raises InvalidState: it runs or is paused
        """

    def unregister_machine(self, uuid: str) -> None:
        """Forget a machine and leave its files where they are."""


class PowerApi(Protocol):
    def machine_state(self, uuid: str) -> MachineState: ...

    def machine_states(self) -> Mapping[str, MachineState]:
        """Return the state of every machine, in as few calls as can be."""

    def start(self, uuid: str) -> None:
        """Start a machine, or go on with a saved one.

        :raises InvalidState: it runs already
        """

    def power_off(self, uuid: str) -> None:
        """Pull the plug.

        :raises InvalidState: it does not run
        """

    def press_power_button(self, uuid: str) -> None:
        """Ask the guest to shut down, by ACPI; returns at once."""

    def inject_nmi(self, uuid: str) -> None:
        """Give the guest a non-maskable interrupt."""

    def pause(self, uuid: str) -> None: ...

    def resume(self, uuid: str) -> None: ...

    def save_state(self, uuid: str) -> None:
        """Write memory and processor state to disk and end the machine."""

    def discard_state(self, uuid: str) -> None:
        """Throw a saved state away: the machine is off then."""


class MediumApi(Protocol):
    def list_media(self) -> list[Medium]:
        """Return the disks and the ISO images that VirtualBox knows."""

    def open_disk(self, path: PurePath) -> None:
        """Let VirtualBox know a disk that is there."""

    def create_disk(self, path: PurePath, size_mb: int) -> None:
        """Make an empty, growing VDI.

        :raises AlreadyExists: the file exists
        """

    def create_child_disk(self, path: PurePath, parent: PurePath) -> None:
        """Make a VDI that holds only what differs from its parent."""

    def clone_disk(self, source: PurePath, target: PurePath) -> None:
        """Copy a disk with all that its parents hold into one new VDI.

        VirtualBox does not know the copy afterwards: it is just a file.
        """

    def close_medium(self, path: PurePath, delete: bool = False,
                     kind: DiskKind = DiskKind.DISK) -> None:
        """Forget a disk or an ISO image.

        :raises InUse: a machine has it or a child differs from it
        """

    def attach_disk(self, uuid: str, port: int, path: PurePath,
                    kind: DiskKind = DiskKind.DISK) -> None: ...

    def detach_disk(self, uuid: str, port: int) -> None: ...


class NicApi(Protocol):
    def set_nic(self, uuid: str, nic: Nic) -> None:
        """Set an adapter up; the machine must be off."""

    def remove_nic(self, uuid: str, slot: int) -> None:
        """Take an adapter out; the machine must be off."""

    def plug_nic(self, uuid: str, slot: int, attachment: Attachment) -> None:
        """Plug a running machine's adapter in elsewhere, or nowhere."""


class SnapshotApi(Protocol):
    def take_snapshot(self, uuid: str, name: str) -> None:
        """Freeze the disks; a running machine goes on, on new files."""

    def delete_snapshot(self, uuid: str, name: str) -> None:
        """Merge the files again that a snapshot had set apart."""


class DisplayApi(Protocol):
    def save_screenshot(self, uuid: str, path: PurePath) -> None:
        """Write what a running machine's screen shows as PNG."""

    def display_port(self, uuid: str) -> int | None:
        """Return the port on which its remote display listens, if it does."""


class StatisticsApi(Protocol):
    def statistics(self, uuid: str) -> MachineStatistics:
        """:raises InvalidState: the machine does not run"""


class VBoxClient(HostApi, MachineApi, PowerApi, MediumApi, NicApi,
                 SnapshotApi, DisplayApi, StatisticsApi, Protocol):
    """All of it.  Clients are safe to use from several threads."""
