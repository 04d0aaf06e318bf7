# SPDX-License-Identifier: Apache-2.0
"""What the driver may ask of an ESX host.

Machines are named by the value of their managed object reference, files by
their datastore path.  Every method raises
:class:`nova_hypervisors.clients.errors.ClientError` (a subclass) and nothing
else; ``MachineNotFound`` and ``MediumNotFound`` where a machine or a file that
is asked for does not exist.  A method that starts a task of the host returns
when the task has ended.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO
from typing import Protocol

from nova_hypervisors.clients.vsphere import api


class HostApi(Protocol):
    def connect(self) -> None:
        """Log in, and begin to watch the machines; again does nothing.

        :raises Unsupported: it is no ESX host, one that vCenter manages, or
            an older one than is supported
        """

    def close(self) -> None:
        """Log out and stop watching."""

    def host(self) -> api.Host: ...

    def usage(self) -> api.HostUsage:
        """Read what changes, in one call."""

    def datastores(self) -> list[api.Datastore]: ...

    def host_time(self) -> datetime.datetime: ...

    def licenses(self) -> list[api.License]: ...

    def missing_privileges(self, wanted: Collection[str]) -> list[str]: ...

    def set_maintenance(self, on: bool, timeout_s: int) -> None: ...


class MachineApi(Protocol):
    def list_machines(self) -> list[api.Machine]:
        """Return what is watched: no call."""

    def find_machine(self, instance_uuid: str) -> api.Machine:
        """Return a machine by its instance UUID, by what is watched.

        :raises MachineNotFound: there is none
        """

    def machine_details(self, ref: str) -> api.MachineDetails: ...

    def create_machine(self, spec: api.MachineSpec) -> str:
        """Make and register a machine; return its reference.

        :raises AlreadyExists: there is one with that path
        """

    def change_machine(self, ref: str, change: api.MachineChange) -> None: ...

    def register_machine(self, path: api.DatastorePath, name: str) -> str:
        """Return the reference of a machine whose files are there."""

    def unregister_machine(self, ref: str) -> None:
        """Forget a machine and leave its files where they are."""

    def destroy_machine(self, ref: str) -> None:
        """Delete a machine with the files of its folder and its disks.

        :raises InvalidState: it is on
        """

    def on_change(self, listener: Callable[[api.Machine | None, str], None],
                  ) -> None:
        """Call for each machine that changes; None when it has gone.

        The second argument is its reference.
        """


class PowerApi(Protocol):
    def power_on(self, ref: str) -> None: ...

    def power_off(self, ref: str) -> None: ...

    def suspend(self, ref: str) -> None: ...

    def reset(self, ref: str) -> None: ...

    def send_nmi(self, ref: str) -> None:
        """Give the guest a non-maskable interrupt.

        :raises InvalidState: it does not run
        """

    def shut_down_guest(self, ref: str) -> None:
        """:raises NoAdditions: VMware Tools do not run in the guest"""

    def reboot_guest(self, ref: str) -> None:
        """:raises NoAdditions: VMware Tools do not run in the guest"""

    def wait_for_state(self, ref: str, state: api.PowerState,
                       timeout_s: float) -> bool:
        """Return whether it got there in time: by what is watched."""


class DiskApi(Protocol):
    def create_disk(self, path: api.DatastorePath, size: int,
                    provisioning: api.Provisioning,
                    bus: api.DiskBus) -> None: ...

    def copy_disk(self, source: api.DatastorePath, target: api.DatastorePath,
                  provisioning: api.Provisioning | None = None,
                  bus: api.DiskBus | None = None) -> None:
        """Copy a disk on the host; without a type, as it is."""

    def move_disk(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None: ...

    def delete_disk(self, path: api.DatastorePath) -> None: ...

    def extend_disk(self, path: api.DatastorePath, size: int) -> None: ...


class FileApi(Protocol):
    def make_folder(self, path: api.DatastorePath) -> None:
        """Make a folder with its parents; one that is there is fine."""

    def list_folder(self, path: api.DatastorePath) -> list[api.File]:
        """:raises MediumNotFound: there is no such folder"""

    def move_file(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None: ...

    def copy_file(self, source: api.DatastorePath,
                  target: api.DatastorePath) -> None: ...

    def delete_file(self, path: api.DatastorePath) -> None:
        """Delete a file or a folder with all in it."""

    def upload(self, path: api.DatastorePath, data: api.Readable,
               size: int) -> None:
        """Write a file; none is left if that fails.

        It has another name until it is whole, unless it is the extent of a
        disk ('-flat.vmdk'), whose descriptor may have another then.

        :raises DataDamaged: what is there has another size
        """

    def download(self, path: api.DatastorePath,
                 target: BinaryIO) -> int:
        """Read a file into another; return its size."""

    def reading(self, path: api.DatastorePath,
                ) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Yield the size of a file, and its bytes as they come.

        :raises MediumNotFound: there is no such file
        """

    def import_disk(self, target: api.DatastorePath, data: BinaryIO,
                    size: int, capacity: int) -> None:
        """Make a disk of a stream-optimised VMDK, by an NFC lease."""


class SnapshotApi(Protocol):
    def take_snapshot(self, ref: str, name: str) -> str: ...

    def delete_snapshot(self, ref: str, snapshot: str) -> None:
        """Delete it, and merge its disks."""


class NetworkApi(Protocol):
    def network(self) -> api.HostNetwork: ...

    def add_port_group(self, group: api.PortGroup) -> None:
        """:raises AlreadyExists: there is one of that name"""

    def remove_port_group(self, name: str) -> None:
        """:raises InUse: a machine is plugged in"""


class StorageApi(Protocol):
    def iscsi_adapter(self) -> api.IscsiAdapter:
        """Return the software adapter, which is turned on if it is off."""

    def fibre_channel_adapters(self) -> list[api.FibreChannelAdapter]: ...

    def add_target(self, target: api.Target) -> None:
        """Let the host look for what a target has.

        One of iSCSI is added before, as a static one, with its CHAP secret;
        one that is there is given the secret.
        """

    def remove_target(self, target: api.Target) -> None:
        """Let the host forget a target, and what it has."""

    def rescan(self, target: api.Target) -> None:
        """Let the host look how large is what a target has."""

    def find_lun(self, target: api.Target, lun: int) -> api.ScsiDisk:
        """:raises VolumeUnavailable: the host does not see it"""


class ConsoleApi(Protocol):
    def acquire_ticket(self, ref: str, kind: api.TicketKind) -> api.Ticket: ...

    def acquire_clone_ticket(self) -> str:
        """Return a ticket that logs in once as we are."""

    def screenshot(self, ref: str) -> bytes:
        """Return a PNG."""

    def console_log(self, path: api.DatastorePath, limit: int) -> bytes:
        """Return the end of a serial port's file."""


class GuestApi(Protocol):
    def run_in_guest(self, ref: str, wanted: api.GuestProgram) -> None:
        """Run a program in a guest, and wait for its end.

        :raises InvalidState: the machine does not run
        :raises NoAdditions: VMware Tools do not run in the guest
        :raises AuthenticationFailed: the guest has no such account
        :raises ClientError: the program ends with another status than 0
        """


class ESXClient(HostApi, MachineApi, PowerApi, DiskApi, FileApi, SnapshotApi,
                NetworkApi, StorageApi, ConsoleApi, GuestApi, Protocol):
    """All of it."""


