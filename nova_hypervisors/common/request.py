# SPDX-License-Identifier: Apache-2.0
"""What Nova asks for when it wants a server, as one value."""

from __future__ import annotations

import dataclasses
from typing import Any

from nova import context as nova_context
from nova import objects


@dataclasses.dataclass(frozen=True, slots=True)
class SpawnRequest:
    """The arguments of ComputeDriver.spawn that a driver can use.

    :param network_info: a list of nova.network.model.VIF
    :param block_device_info: see nova.virt.driver.get_block_device_info
    :param injected_files: their paths, and what is in them
    """

    context: nova_context.RequestContext
    instance: objects.Instance
    image_meta: objects.ImageMeta
    network_info: list[Any]
    block_device_info: dict[str, Any]
    power_on: bool = True
    injected_files: list[tuple[str, str]] = dataclasses.field(
        default_factory=list, repr=False)
    admin_password: str = dataclasses.field(default='', repr=False)
