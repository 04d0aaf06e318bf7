# SPDX-License-Identifier: Apache-2.0
"""What Cinder tells of a volume that is reached by iSCSI: no I/O here.

Source of the fields of a connection: "iSCSI" in Cinder's documentation of
connection properties, and cinder.volume.targets.iscsi.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nova import exception

from nova_hypervisors.common import volumes

_ISCSI = 'iscsi'
_PORT = 3260
_CHAP = 'CHAP'


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """:param address: of the portal; IPv6 in brackets

    :param user: of CHAP; '' for none
    """

    volume_id: str
    address: str
    port: int
    iqn: str
    lun: int
    user: str = ''
    secret: str = dataclasses.field(default='', repr=False)


def connection(connection_info: Mapping[str, Any], initiator: str,
               encryption: Mapping[str, Any] | None = None) -> Connection:
    """Return where a connection leads.

    For what else is raised see :func:`.volumes.checked`.

    :raises InvalidVolume: it cannot be used; says why
    """
    data, volume_id = volumes.checked(connection_info, _ISCSI, initiator,
                                      encryption)
    _check_access(data, volume_id, initiator)
    try:
        address, port = _portal(data['target_portal'])
        return Connection(
            volume_id, address, port, data['target_iqn'],
            int(data['target_lun']), data.get('auth_username') or '',
            data.get('auth_password') or '')
    except (KeyError, TypeError, ValueError) as error:
        raise exception.InvalidVolume(
            reason=f'the connection of volume {volume_id} has no sound '
            f'target_portal, target_iqn and target_lun ({error})') from error


def _check_access(data: Mapping[str, Any], volume_id: str,
                  initiator: str) -> None:
    method = data.get('auth_method')
    if method and method.upper() != _CHAP:
        raise exception.InvalidVolume(
            reason=f'the target of volume {volume_id} asks for {method}, and '
            f"{initiator}'s initiator knows CHAP only")


def _portal(text: str) -> tuple[str, int]:
    """Return an address and its port, which may be left out."""
    address, colon, port = text.rpartition(':')
    if colon and port.isdecimal():
        return address, int(port)
    return text, _PORT
