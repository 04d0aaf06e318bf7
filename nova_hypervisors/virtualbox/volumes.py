# SPDX-License-Identifier: Apache-2.0
"""From what Cinder tells of a volume to what VirtualBox needs: no I/O here.

Source of the fields of a connection: "iSCSI" in Cinder's documentation of
connection properties, and cinder.volume.targets.iscsi.
"""

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
from nova_hypervisors.virtualbox import spec

_ISCSI = 'iscsi'
_ISCSI_PORT = 3260
_CHAP = 'CHAP'

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
    data = connection_info.get('data') or {}
    volume_id = connection_info.get('serial') or data.get('volume_id') or ''
    _check(connection_info, data, volume_id, encryption)
    try:
        address = api.LunAddress(_portal(data['target_portal']),
                                 data['target_iqn'], int(data['target_lun']))
    except (KeyError, TypeError, ValueError) as error:
        raise exception.InvalidVolume(
            reason=f'the connection of volume {volume_id} has no sound '
            f'target_portal, target_iqn and target_lun ({error})') from error
    return api.Lun(address, initiator, data.get('auth_username') or '',
                   data.get('auth_password') or '')


def _check(connection_info: Mapping[str, Any], data: Mapping[str, Any],
           volume_id: str, encryption: Mapping[str, Any] | None) -> None:
    kind = connection_info.get('driver_volume_type')
    if kind != _ISCSI:
        raise exception.VolumeDriverNotFound(driver_type=kind)
    # Nova looks at neither when a server boots, and a guest would write over
    # the header of the encryption.
    if encryption or data.get('encrypted'):
        raise exception.VolumeEncryptionNotSupported(volume_type=kind,
                                                     volume_id=volume_id)
    if connection_info.get('multiattach'):
        raise exception.MultiattachNotSupportedByVirtDriver(
            volume_id=volume_id)
    method = data.get('auth_method')
    if method and method.upper() != _CHAP:
        raise exception.InvalidVolume(
            reason=f'the target of volume {volume_id} asks for {method}, and '
            "VirtualBox's initiator knows CHAP only")
    if data.get('access_mode', 'rw') != 'rw':
        raise exception.InvalidVolume(
            reason=f'volume {volume_id} may only be read, and VirtualBox '
            'attaches disks for writing')


def _portal(text: str) -> str:
    """Return an address with its port; it may be left out."""
    _, colon, port = text.rpartition(':')
    if colon and port.isdecimal():
        return text
    return f'{text}:{_ISCSI_PORT}'


def planned(block_device_info: Mapping[str, Any] | None,
            initiator: str) -> list[Volume]:
    """Return the volumes of a server; for what is raised see :func:`lun`."""
    mapping = virt_driver.block_device_info_get_mapping(
        block_device_info or {})
    return [Volume(lun(entry['connection_info'], initiator),
                   entry.get('mount_device') or '',
                   entry.get('boot_index') == 0)
            for entry in mapping if entry.get('connection_info')]


def are_connected(block_device_info: Mapping[str, Any]) -> bool:
    """Return whether Cinder has told of each of a server's volumes."""
    return all(entry.get('connection_info') for entry
               in virt_driver.block_device_info_get_mapping(
                   block_device_info))


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
