# SPDX-License-Identifier: Apache-2.0
"""What a host has for servers, as Placement counts it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from nova.compute import utils as compute_utils
from oslo_config import cfg


@dataclasses.dataclass(frozen=True, slots=True)
class Space:
    """Of a place for disks, in bytes."""

    capacity: int
    free: int


@dataclasses.dataclass(frozen=True, slots=True)
class Reserved:
    """What the operator keeps for the host itself."""

    vcpus: int
    memory_mb: int
    disk_gb: int

    @classmethod
    def of(cls, conf: cfg.ConfigOpts) -> Reserved:
        return cls(
            vcpus=conf.reserved_host_cpus,
            memory_mb=conf.reserved_host_memory_mb,
            disk_gb=compute_utils.convert_mb_to_ceil_gb(
                conf.reserved_host_disk_mb))


def inventory(total: int, reserved: int, taken: int, ratio: float,
              largest: int) -> dict[str, Any]:
    """Return Placement's inventory of a resource class.

    :param taken: by machines that are not ours
    :param ratio: its allocation ratio
    :param largest: that one server may have
    """
    # Strangers share what is overcommitted: they take their part of the
    # capacity, which is (total - reserved) * ratio.
    reserved += math.ceil(taken / ratio)
    return {'total': total, 'reserved': min(reserved, total), 'min_unit': 1,
            'max_unit': largest, 'step_size': 1, 'allocation_ratio': ratio}
