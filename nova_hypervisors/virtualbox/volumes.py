# SPDX-License-Identifier: Apache-2.0
"""From what Cinder tells of a volume to what VirtualBox needs: no I/O here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from nova import block_device
from nova import exception
from nova.virt import driver as virt_driver

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import iscsi
from nova_hypervisors.virtualbox import spec

_RESERVED_PORTS = frozenset({spec.ROOT_PORT, spec.ISO_PORT, api.RESCUED_PORT,
                             spec.CONFIG_DRIVE_PORT})


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A volume that a server is to have.

    :param device_name: Nova's name of it, /dev/sdb for instance
    :param boots: the server boots from it
    """

    lun: api.Lun
    device_name: str
    boots: bool


def lun(connection_info: Mapping[str, Any], initiator: str,
        encryption: Mapping[str, Any] | None = None) -> api.Lun:
    """Return the disk that a connection leads to.

    :param initiator: our iSCSI name
    :param encryption: what Nova knows of how it is encrypted
    :raises VolumeDriverNotFound: it is no iSCSI
    :raises VolumeEncryptionNotSupported:
    :raises MultiattachNotSupportedByVirtDriver:
    :raises InvalidVolume: VirtualBox cannot use it; says why
    """
    found = iscsi.connection(connection_info, 'VirtualBox', encryption)
    return api.Lun(
        api.LunAddress(f'{found.address}:{found.port}', found.iqn, found.lun),
        initiator, found.user, found.secret)


def planned(block_device_info: Mapping[str, Any] | None,
            initiator: str) -> list[Volume]:
    """Return the volumes of a server; for what is raised see :func:`lun`."""
    mapping = virt_driver.block_device_info_get_mapping(
        block_device_info or {})
    return [Volume(lun(entry['connection_info'], initiator),
                   entry.get('mount_device') or '',
                   entry.get('boot_index') == 0)
            for entry in mapping if entry.get('connection_info')]


def connected(bdm: Any, initiator: str) -> api.Lun | None:
    """Return the disk of a BlockDeviceMapping; None if it is not ours."""
    try:
        return lun(json.loads(bdm.connection_info or '{}') or {}, initiator)
    except exception.NovaException:
        return None


def port(device_name: str, taken: Collection[int]) -> int:
    """Return the port for a disk, so that guests find it by its name.

    Linux gives its names in the order of the ports; between the root disk,
    /dev/sda, and the next one is the port for an ISO image.

    :raises TooManyDiskDevices: all ports are taken
    """
    free = sorted(set(range(api.DISK_PORTS)) - _RESERVED_PORTS - set(taken))
    if not free:
        raise exception.TooManyDiskDevices(
            maximum=api.DISK_PORTS - len(_RESERVED_PORTS) + 1)
    wanted = named_port(device_name)
    return wanted if wanted in free else free[0]


def named_port(device_name: str) -> int | None:
    """Return the port that belongs to a device's name; None for the root."""
    letters = block_device.get_device_letter(device_name or '')
    if len(letters) != 1 or letters == 'a':
        return None
    return ord(letters) - ord('a') + spec.ISO_PORT
