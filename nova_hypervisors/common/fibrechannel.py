# SPDX-License-Identifier: Apache-2.0
"""What Cinder tells of a volume that is reached by Fibre Channel.

No I/O here.  Source of the fields of a connection: "Fibre Channel" in Cinder's
documentation of connection properties: ``target_wwn`` is a name or a list of
them, ``target_lun`` a number; where ports have different numbers there are
``target_wwns`` and ``target_luns``, which go together.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from nova import exception

from nova_hypervisors.common import volumes

KIND = 'fibre_channel'

_WWN = re.compile('[0-9a-f]{16}')


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """:param ports: names of the target's ports, 16 hexadecimal digits in
        lower case, with the number that the volume has there
    """

    volume_id: str
    ports: tuple[tuple[str, int], ...]


def connection(connection_info: Mapping[str, Any], initiator: str,
               encryption: Mapping[str, Any] | None = None) -> Connection:
    """Return where a connection leads.

    For what else is raised see :func:`.volumes.checked`.

    :raises InvalidVolume: it cannot be used; says why
    """
    data, volume_id = volumes.checked(connection_info, KIND, initiator,
                                      encryption)
    try:
        return Connection(volume_id, tuple(_ports(data)))
    except (KeyError, TypeError, ValueError) as error:
        raise exception.InvalidVolume(
            reason=f'the connection of volume {volume_id} has no sound '
            f'target_wwn and target_lun ({error})') from error


def _ports(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """:raises ValueError: there is none, or one is no name"""
    names = data.get('target_wwns') or data['target_wwn']
    names = [names] if isinstance(names, str) else list(names)
    numbers = data.get('target_luns') or [data['target_lun']] * len(names)
    found = [(_name(name), int(number)) for name, number
             in zip(names, numbers, strict=True)]
    if not found:
        raise ValueError('there is no target')
    return found


def _name(text: str) -> str:
    name = text.replace(':', '').lower()
    if not _WWN.fullmatch(name):
        raise ValueError(f'{text!r} is no WWN')
    return name
