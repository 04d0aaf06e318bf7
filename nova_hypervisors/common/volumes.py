# SPDX-License-Identifier: Apache-2.0
"""What Cinder tells of any volume, however it is reached: no I/O here.

Source of the fields: Cinder's documentation of connection properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova import exception
from nova.virt import driver as virt_driver


def are_connected(block_device_info: Mapping[str, Any]) -> bool:
    """Return whether Cinder has told of each of a server's volumes."""
    return all(entry.get('connection_info') for entry
               in virt_driver.block_device_info_get_mapping(
                   block_device_info))


def checked(connection_info: Mapping[str, Any], kind: str, initiator: str,
            encryption: Mapping[str, Any] | None,
            ) -> tuple[Mapping[str, Any], str]:
    """Return where a connection leads, and the volume's ID.

    :param kind: what it has to be
    :param initiator: what is to connect, for messages
    :param encryption: what Nova knows of how the volume is encrypted
    :raises VolumeDriverNotFound: it is of another kind
    :raises VolumeEncryptionNotSupported:
    :raises MultiattachNotSupportedByVirtDriver:
    :raises InvalidVolume: it may only be read
    """
    data = connection_info.get('data') or {}
    volume_id = connection_info.get('serial') or data.get('volume_id') or ''
    found = connection_info.get('driver_volume_type')
    if found != kind:
        raise exception.VolumeDriverNotFound(driver_type=found)
    # Nova looks at neither when a server boots, and a guest would write over
    # the header of the encryption.
    if encryption or data.get('encrypted'):
        raise exception.VolumeEncryptionNotSupported(volume_type=kind,
                                                     volume_id=volume_id)
    if connection_info.get('multiattach'):
        raise exception.MultiattachNotSupportedByVirtDriver(
            volume_id=volume_id)
    if data.get('access_mode', 'rw') != 'rw':
        raise exception.InvalidVolume(
            reason=f'volume {volume_id} may only be read, and {initiator} '
            'attaches disks for writing')
    return data, volume_id
