# SPDX-License-Identifier: Apache-2.0
"""What an ESX host is: see :mod:`.api`, where these are, too."""

from __future__ import annotations

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True)
class CpuLeaf:
    """What all processors of a host answer to CPUID: HostCpuIdInfo.

    :param number: what CPUID was asked, 0x80000001 for one
    """

    number: int
    eax: int
    ebx: int
    ecx: int
    edx: int


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """What a host is: read once, at the start.

    :param version: of the product, '8.0.2'
    :param api_type: 'HostAgent', or 'VirtualCenter'
    :param threads: logical processors
    :param managed_by: the address of the vCenter that manages it, if any
    """

    name: str
    uuid: str
    version: str
    build: str
    api_version: str
    api_type: str
    vendor: str
    model: str
    cpu_model: str
    cpu_vendor: str
    sockets: int
    cores: int
    threads: int
    cpu_mhz: int
    memory: int
    booted_at: datetime.datetime | None
    managed_by: str | None
    cpu_leaves: tuple[CpuLeaf, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class License:
    """:param name: of the edition, 'vSphere 8 Hypervisor'"""

    name: str
    edition: str
    evaluation: bool
