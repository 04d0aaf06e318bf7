# SPDX-License-Identifier: Apache-2.0
"""Fibre Channel adapters, and disks that a host lets go of.

A test declares the adapters in ``host.fc_adapters`` and the disks in
``host.luns``, with the ``wwpn`` of a target.  Source: HostFibreChannelHba,
HostFibreChannelTargetTransport, AttachScsiLun and DetachScsiLun of the vSphere
Web Services API reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

_H = vim.host


@dataclasses.dataclass(frozen=True, slots=True)
class Adapter:
    """Names are 16 hexadecimal digits."""

    device: str
    port_name: str
    node_name: str

    @property
    def key(self) -> str:
        return f'key-vim.host.FibreChannelHba-{self.device}'


class FibreChannel:
    """A part of HostStorageSystem.

    :ivar detached: UUIDs of disks that the host was told to let go of
    """

    esx: Any
    # Of HostStorageSystem itself.
    _path_of: Callable[[str], str]
    _all_seen: Callable[[], list[Any]]

    def __init__(self) -> None:
        self.detached: set[str] = set()
        self._found: dict[str, list[Any]] = {}

    def _seen_by_fc(self) -> list[Any]:
        """Return each disk once, however many adapters find it."""
        return list({lun.uuid: lun for luns in self._found.values()
                     for lun in luns}.values())

    def _fc_adapters(self) -> list[Any]:
        return [_H.FibreChannelHba(
            key=one.key, device=one.device, bus=3, status='online',
            model='A Fibre Channel adapter', driver='fake',
            portWorldWideName=_number(one.port_name),
            nodeWorldWideName=_number(one.node_name),
            portType='fabric', speed=16) for one in self.esx.fc_adapters]

    def _fc_topology(self) -> list[Any]:
        return [_H.ScsiTopology.Interface(
            key=f'key-vim.host.ScsiTopology.Interface-{one.device}',
            adapter=one.key, target=self._fc_targets(one.device))
            for one in self.esx.fc_adapters]

    def _fc_targets(self, device: str) -> list[Any]:
        made: dict[str, Any] = {}
        for lun in self._found.get(device, ()):
            target = made.setdefault(lun.wwpn, _H.ScsiTopology.Target(
                key=f'key-vim.host.ScsiTopology.Target-{device}:{lun.wwpn}',
                target=len(made), transport=_H.FibreChannelTargetTransport(
                    portWorldWideName=_number(lun.wwpn),
                    nodeWorldWideName=_number(lun.wwpn))))
            target.lun.append(_H.ScsiTopology.Lun(
                key=f'key-vim.host.ScsiTopology.Lun-{lun.naa}', lun=lun.lun,
                scsiLun=f'key-vim.host.ScsiDisk-{lun.uuid}'))
        return list(made.values())

    def _rescan_fc(self, device: str) -> bool:
        """Find what has come; return whether there is such an adapter."""
        if device not in [one.device for one in self.esx.fc_adapters]:
            return False
        self._found[device] = [dataclasses.replace(lun) for lun
                               in self.esx.luns if lun.wwpn]
        return True

    def DetachScsiLun(self, lunUuid: str) -> None:
        """Refused with ResourceInUse while a machine has it."""
        self._know(lunUuid)
        name = self._path_of(lunUuid)
        if any(getattr(disk.backing, 'deviceName', None) == name
               for machine in self.esx.machines() for disk in machine.disks):
            raise vim.fault.ResourceInUse(
                msg='The resource is in use.', type='ScsiLun', name=name)
        if lunUuid in self.detached:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')
        self.detached.add(lunUuid)

    def AttachScsiLun(self, lunUuid: str) -> None:
        self._know(lunUuid)
        if lunUuid not in self.detached:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')
        self.detached.discard(lunUuid)

    def _know(self, uuid: str) -> None:
        if uuid not in [lun.uuid for lun in self._all_seen()]:
            raise vim.fault.NotFound(
                msg='The object or item referred to could not be found: '
                f'{uuid}')


def _number(name: str) -> int:
    """Return a name as the API has it, a long with a sign."""
    value = int(name, 16)
    return value - (1 << 64) if value >> 63 else value
