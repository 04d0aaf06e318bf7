# SPDX-License-Identifier: Apache-2.0
"""What a host reaches by its storage adapters, and by which."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class IscsiAdapter:
    """A software iSCSI adapter.

    :param device: 'vmhba64'
    """

    device: str
    iqn: str


@dataclasses.dataclass(frozen=True, slots=True)
class IscsiTarget:
    """:param secret: CHAP, one way; never printed"""

    address: str
    port: int
    iqn: str
    user: str = ''
    secret: str = dataclasses.field(default='', repr=False)

    @property
    def name(self) -> str:
        return self.iqn


@dataclasses.dataclass(frozen=True, slots=True)
class FibreChannelAdapter:
    """Names are 16 hexadecimal digits, in lower case."""

    device: str
    port_name: str
    node_name: str


@dataclasses.dataclass(frozen=True, slots=True)
class FibreChannelTarget:
    """:param ports: names of its ports, with the number of a disk there"""

    ports: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        return ', '.join(port for port, _ in self.ports)


Target = IscsiTarget | FibreChannelTarget


@dataclasses.dataclass(frozen=True, slots=True)
class ScsiDisk:
    """A disk that the host reaches.

    :param device: its path on the host, '/vmfs/devices/disks/naa.6000...'
    :param detached: the host was told to let go of it
    """

    canonical_name: str
    device: str
    uuid: str
    size: int
    lun: int
    target: str
    detached: bool = False
