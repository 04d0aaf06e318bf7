# SPDX-License-Identifier: Apache-2.0
"""What the drivers may ask of VirtualBox, whichever way we talk to it.

Machines are named by their UUID, media by the path of their file.  Every
method raises :class:`nova_hypervisors.clients.errors.ClientError` (a subclass)
and nothing else; ``MachineNotFound`` and ``MediumNotFound`` where a machine or
a medium that is asked for does not exist.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from pathlib import PurePath
from typing import Protocol

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.clients.vbox import version


class HostApi(Protocol):
    def get_version(self) -> version.Version: ...

    def host(self) -> api.Host: ...

    def extension_packs(self, candidates: Collection[str] = (),
                        ) -> list[api.ExtensionPack]:
        """Return the extension packs that serve remote displays.

        :param candidates: the names to ask for, where VirtualBox has no list
        """

    def host_networks(self) -> Mapping[api.AttachmentKind, frozenset[str]]:
        """Return the names that an attachment of each kind may have."""

    def get_extradata(self, prefix: str) -> Mapping[str, str]:
        """Return VirtualBox's own key-value pairs, the prefix cut off."""

    def set_extradata(self, key: str, value: str | None) -> None:
        """Keep a pair, or forget it if ``value`` is None."""


class MachineApi(Protocol):
    def list_machines(self) -> list[api.Machine]: ...

    def machine_settings(self, uuid: str) -> api.MachineSettings: ...

    def create_machine(self, spec: api.MachineSpec) -> None:
        """Make and register a machine with a disk controller.

        If it fails, there is no machine.

        :raises AlreadyExists: there is one with that UUID
        """

    def configure_machine(self, spec: api.MachineSpec) -> None:
        """Bring a machine's hardware in line; it must be off.

        Adapters in slots that the spec does not name are taken out.
        """

    def set_boot_order(self, uuid: str,
                       order: tuple[api.BootDevice, ...]) -> None: ...

    def delete_machine(self, uuid: str) -> None:
        """Forget a machine and delete its own folder.

        Disks in other folders stay, as files that VirtualBox no longer
        knows.

        :raises InvalidState: it runs or is paused
        """

    def unregister_machine(self, uuid: str) -> None:
        """Forget a machine and leave its files where they are."""


class PowerApi(Protocol):
    def machine_state(self, uuid: str) -> api.MachineState: ...

    def machine_states(self) -> Mapping[str, api.MachineState]:
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

    def limit_execution(self, uuid: str, percent: int) -> None:
        """Give a running machine a part of its processors' time only.

        :param percent: 1 to 100
        """

    def resume(self, uuid: str) -> None: ...

    def save_state(self, uuid: str) -> None:
        """Write memory and processor state to disk and end the machine."""

    def discard_state(self, uuid: str) -> None:
        """Throw a saved state away: the machine is off then."""


class TeleportApi(Protocol):
    """Running machines go on in another VirtualBox, with the same disks.

    The two machines have the same hardware, and see the same disks.
    """

    def await_teleport(self, uuid: str, target: api.TeleportTarget) -> None:
        """Start a machine that waits; return as soon as it does.

        It ends by itself when nobody has come for five minutes.

        :param target: where it listens
        """

    def end_waiting(self, uuid: str) -> None:
        """End a machine that waits, if it does."""

    def teleport(self, uuid: str, target: api.TeleportTarget) -> None:
        """Let a running machine go on as one that waits.

        If it fails, it goes on where it is.

        :raises Cancelled: it was aborted
        """

    def abort_teleport(self, uuid: str) -> None:
        """Let a machine that is on its way go on where it is.

        Returns when its teleport has ended; it may have come there.

        :raises InvalidState: this client does not teleport it
        """


class MediumApi(Protocol):
    def list_media(self) -> list[api.Medium]:
        """Return the files with disks and ISO images that VirtualBox knows.

        Not those of storages: they are attached to a machine, or forgotten.
        """

    def open_disk(self, path: PurePath) -> None:
        """Let VirtualBox know a disk that is there."""

    def create_disk(self, path: PurePath, size_mb: int) -> None:
        """Make an empty, growing VDI.

        :raises AlreadyExists: the file exists
        """

    def create_child_disk(self, path: PurePath, parent: PurePath) -> None:
        """Make a VDI that holds only what differs from its parent."""

    def resize_disk(self, path: PurePath, size_mb: int) -> None:
        """Make a disk larger that nobody writes to.

        :raises ClientError: it would be smaller
        """

    def move_disk(self, path: PurePath, target: PurePath) -> None:
        """Give a disk's file another name; who has it attached, keeps it.

        :raises AlreadyExists: there is a file with that name
        """

    def clone_disk(self, source: PurePath, target: PurePath) -> None:
        """Copy a disk with all that its parents hold into one new VDI.

        VirtualBox does not know the copy afterwards: it is just a file.
        """

    def close_medium(self, path: PurePath, delete: bool = False,
                     kind: api.DiskKind = api.DiskKind.DISK) -> None:
        """Forget a disk or an ISO image.

        :raises InUse: a machine has it or a child differs from it
        """

    def attach_disk(self, uuid: str, port: int, path: PurePath,
                    kind: api.DiskKind = api.DiskKind.DISK) -> None: ...

    def detach_disk(self, uuid: str, port: int) -> None: ...


class LunApi(Protocol):
    def attach_lun(self, uuid: str, port: int, lun: api.Lun) -> None:
        """Attach a disk of a storage, also while the machine runs.

        What the guest writes is not kept from the storage, and snapshots of
        the machine leave the disk out.  If it fails, nothing is attached.

        :raises VolumeUnavailable: it is not there, or nobody lets us in
        :raises InUse: a machine has it already
        :raises InvalidState: the machine has a saved state
        """

    def copy_lun(self, source: api.Lun, target: api.Lun) -> None:
        """Write all that a disk of a storage holds to another one.

        :param target: at least as large
        :raises VolumeUnavailable: see attach_lun
        :raises InUse: a machine has one of them
        """

    def detach_lun(self, uuid: str, port: int) -> None:
        """Detach a disk of a storage and forget it, with its secret.

        :raises MediumNotFound: the port has none
        :raises InvalidState: the machine has a saved state
        """


class NicApi(Protocol):
    def set_nic(self, uuid: str, nic: api.Nic) -> None:
        """Set an adapter up; the machine must be off."""

    def remove_nic(self, uuid: str, slot: int) -> None:
        """Take an adapter out; the machine must be off."""

    def plug_nic(self, uuid: str, slot: int,
                 attachment: api.Attachment) -> None:
        """Plug a running machine's adapter in elsewhere, or nowhere."""


class SnapshotApi(Protocol):
    def take_snapshot(self, uuid: str, name: str, live: bool = True) -> None:
        """Freeze the disks; the machine goes on, on new files.

        :param live: it runs, and need not be stopped for that
        """

    def delete_snapshot(self, uuid: str, name: str) -> None:
        """Merge the files again that a snapshot had set apart."""

    def restore_snapshot(self, uuid: str, name: str) -> None:
        """Bring a machine back to what it was, its settings too.

        The snapshot stays.  Disks that were attached since stay as files.

        :raises InvalidState: the machine runs
        """


class DisplayApi(Protocol):
    def remote_display(self, uuid: str) -> api.RemoteDisplay | None:
        """Return what a machine's remote display is set to.

        Of its properties those of :data:`.api.DISPLAY_PROPERTIES`; where one
        names a certificate, VirtualBox may have set it by itself.
        """

    def set_remote_display(self, uuid: str,
                           display: api.RemoteDisplay | None) -> None:
        """Set a remote display anew; the machine must be off.

        Properties and logins that were set and are not any more are taken
        out.
        """

    def save_screenshot(self, uuid: str, path: PurePath) -> None:
        """Write what a running machine's screen shows as PNG.

        :raises InvalidState: it does not run, or shows nothing yet
        """

    def display_port(self, uuid: str) -> int | None:
        """Return the port on which its remote display listens, if it does."""


class StatisticsApi(Protocol):
    def statistics(self, uuid: str) -> api.MachineStatistics:
        """:raises InvalidState: the machine does not run"""


class GuestApi(Protocol):
    def run_in_guest(self, uuid: str, wanted: guests.GuestProgram) -> None:
        """Run a program in a guest, and wait for its end.

        :raises InvalidState: the machine does not run
        :raises NoAdditions: the guest does not run the Guest Additions
        :raises ClientError: the program ends with another status than 0
        """


class VBoxClient(HostApi, MachineApi, PowerApi, TeleportApi, MediumApi,
                 LunApi, NicApi, SnapshotApi, DisplayApi, StatisticsApi,
                 GuestApi, Protocol):
    """All of it.  Clients are safe to use from several threads."""


class HostFilesApi(Protocol):
    """Files on VirtualBox's host, where we have none in common with it.

    Paths are the host's, by its rules; those of the type ``Path`` are ours.
    """

    def make_folder(self, folder: PurePath) -> None:
        """Make a folder if it is not there; find out if we may write in it."""

    def list_files(self, folder: PurePath) -> Mapping[str, int]:
        """Return the names of the files in a folder, and their bytes.

        :raises NotFound: there is no such folder
        """

    def delete_file(self, path: PurePath) -> None:
        """Delete a file; one that is not there is no error."""

    def upload_disk(self, source: Path, target: PurePath) -> None:
        """Write a raw disk as a growing VDI; zeros cost nothing.

        It is read back and compared.  If that fails, there is no file.  The
        same is true of upload_file.

        :param source: its size is a multiple of 512 bytes
        :raises AlreadyExists: the target exists
        :raises DataDamaged: what arrived is not what was sent
        """

    def upload_file(self, source: Path, target: PurePath) -> None:
        """Write a file as it is."""

    def move_medium(self, path: PurePath, folder: PurePath,
                    kind: api.DiskKind = api.DiskKind.DISK) -> None:
        """Move a disk or an ISO image into a folder that there is."""

    def virtual_size(self, path: PurePath) -> int:
        """Return the bytes that a disk has for a machine."""

    def download_disk(self, source: PurePath, target: Path) -> None:
        """Write a disk, with all that its parents hold, as a VMDK here.

        It is compressed, with a checksum for each 64 KiB, and zeros cost
        nothing (the format's name is streamOptimized).
        """

    def disk_space(self, folder: PurePath) -> api.DiskSpace | None:
        """Return how large the file system is, if VirtualBox measures it."""

    def serial_log(self, uuid: str, count: int) -> bytes:
        """Return the last bytes that came from a machine's serial port.

        Those since its last start; see MachineSpec.serial_log.
        """


class RemoteClient(VBoxClient, HostFilesApi, Protocol):
    """What reaches a VirtualBox on a host of its own."""
