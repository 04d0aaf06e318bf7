# SPDX-License-Identifier: Apache-2.0
"""From what Cinder tells of a volume to what a host needs: no I/O here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nova.virt import driver as virt_driver

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.common import fibrechannel
from nova_hypervisors.common import iscsi


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """A volume that a server is to have.

    :param boots: the server boots from it
    """

    target: api.Target
    lun: int
    boots: bool = False


def volume(connection_info: Mapping[str, Any],
           encryption: Mapping[str, Any] | None = None,
           boots: bool = False) -> Volume:
    """For what is raised see :func:`.iscsi.connection`.

    And :func:`.fibrechannel.connection`.
    """
    if connection_info.get('driver_volume_type') == fibrechannel.KIND:
        ports = fibrechannel.connection(connection_info, 'ESX',
                                        encryption).ports
        return Volume(api.FibreChannelTarget(ports), ports[0][1], boots)
    found = iscsi.connection(connection_info, 'ESX', encryption)
    return Volume(api.IscsiTarget(found.address.strip('[]'), found.port,
                                  found.iqn, found.user, found.secret),
                  found.lun, boots)


def planned(block_device_info: Mapping[str, Any] | None) -> list[Volume]:
    """Return the volumes of a server."""
    mapping = virt_driver.block_device_info_get_mapping(
        block_device_info or {})
    return [volume(entry['connection_info'],
                   boots=entry.get('boot_index') == 0)
            for entry in mapping if entry.get('connection_info')]
