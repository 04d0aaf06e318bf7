# SPDX-License-Identifier: Apache-2.0
"""What may be asked of a machine by its baseboard management controller.

The controller (BMC) may be one in name only: VirtualBox, or a cloud whose
instances are used as machines.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any
from typing import Protocol


class Power(enum.Enum):
    ON = 'on'
    OFF = 'off'
    #: it cannot be told, or the machine says so itself
    ERROR = 'error'


class BootDevice(enum.Enum):
    DISK = 'disk'
    PXE = 'pxe'
    CDROM = 'cdrom'
    FLOPPY = 'floppy'


class BootMode(enum.Enum):
    BIOS = 'bios'
    UEFI = 'uefi'


class MediaKind(enum.Enum):
    CDROM = 'cdrom'
    FLOPPY = 'floppy'


@dataclasses.dataclass(frozen=True, slots=True)
class Boot:
    """What a machine boots from at its next start.

    :param device: None for what the firmware's own order says
    :param persistent: whether at every later start too; None if that cannot
        be told
    """

    device: BootDevice | None
    persistent: bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class Media:
    """A drive for virtual media.

    :param url: what is in it, if the BMC tells
    """

    kind: MediaKind
    inserted: bool = False
    url: str | None = None


class PowerApi(Protocol):
    """A change returns when it was accepted; who needs it waits for it."""

    def power(self) -> Power: ...

    def power_on(self) -> None:
        """Start the machine; one that is on stays on."""

    def power_off(self, soft: bool = False) -> None:
        """End the machine; one that is off stays off.

        :param soft: press the power button, which the operating system may
            ignore, instead of pulling the plug
        """

    def reset(self, soft: bool = False) -> None:
        """Start the machine anew; one that is off is turned on.

        :param soft: let the operating system end first
        :raises Unsupported: the BMC has no soft reset
        """

    def nmi(self) -> None:
        """Give the machine a non-maskable interrupt.

        :raises InvalidState: it is off
        """


class BootApi(Protocol):
    """What is set counts from the machine's next start on."""

    def boot_devices(self) -> frozenset[BootDevice]:
        """Return what set_boot takes."""

    def boot(self) -> Boot: ...

    def set_boot(self, device: BootDevice, persistent: bool = False) -> None:
        """Let the machine boot from a device, once or always.

        Redfish has one place for both: after a boot for once the firmware's
        own order is what counts again.

        :raises Unsupported: the machine has no such device
        """

    def boot_mode(self) -> BootMode | None:
        """Return the firmware's mode; None if it cannot be told."""

    def set_boot_mode(self, mode: BootMode) -> None:
        """:raises Unsupported: the machine has one mode only"""

    def secure_boot(self) -> bool | None:
        """Return whether signatures are checked; None if not to be told."""

    def set_secure_boot(self, wanted: bool) -> None:
        """:raises Unsupported: the machine cannot check signatures"""


class MediaApi(Protocol):
    def media(self) -> tuple[Media, ...]:
        """Return the drives for virtual media; empty if there are none."""

    def insert_media(self, kind: MediaKind, url: str) -> None:
        """Put an image in a drive; what was in it before is ejected.

        :param url: http or https; the BMC fetches it, when it likes
        :raises Unsupported: there is no such drive, or no licence for it
        """

    def eject_media(self, kind: MediaKind) -> None:
        """Empty a drive; one that is empty, or not there, is no error."""

    def insist_on_media(self) -> None:
        """Find out if media may be inserted, before one is made.

        :raises Unsupported: they may not; the detail says why
        """


class Machine(PowerApi, BootApi, MediaApi, Protocol):
    """One machine.  It is safe to use from several threads.

    Every call has a limit of time, and raises
    :class:`nova_hypervisors.clients.errors.ClientError` (a subclass) and
    nothing else: ``Unsupported`` where the hardware cannot.
    """

    def sensors(self) -> dict[str, Any]:
        """Return what the machine measures.

        By kind (``temperature``, ``fan``, ``power``) and name, with
        ``reading``, ``unit`` and ``health``; each may be None.

        :raises Unsupported: it measures nothing
        """

    def close(self) -> None:
        """Log off and close what is open.  It can be used again."""
