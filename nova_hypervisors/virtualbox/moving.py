# SPDX-License-Identifier: Apache-2.0
"""Those of the driver's methods that take servers elsewhere, or leave them.

Another size, another host, off or running.
"""

from __future__ import annotations

import functools
from typing import Any

from nova import context as nova_context
from nova import objects

from nova_hypervisors.common import boundary
from nova_hypervisors.common import moves
from nova_hypervisors.common import request
from nova_hypervisors.virtualbox import factory


class MovesServers:
    """A part of VirtualBoxDriver."""

    _parts: factory.Parts

    # Off

    def migrate_disk_and_power_off(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, dest: str, flavor: objects.Flavor,
            network_info: Any,
            block_device_info: dict[str, Any] | None = None,
            timeout: int = 0, retry_interval: int = 0) -> str:
        with boundary.for_instance(instance):
            return self._parts.migrations.depart(
                instance, flavor, moves.stays(context, instance), timeout,
                retry_interval)

    def finish_migration(
            self, context: nova_context.RequestContext,
            migration: objects.Migration, instance: objects.Instance,
            disk_info: str, network_info: Any,
            image_meta: objects.ImageMeta, resize_instance: bool,
            allocations: dict[str, Any],
            block_device_info: dict[str, Any] | None = None,
            power_on: bool = True, share_info: Any = None) -> None:
        wanted = request.SpawnRequest(
            context, instance, image_meta, list(network_info or ()),
            block_device_info or {}, power_on)
        with boundary.for_instance(instance):
            self._parts.migrations.arrive(
                wanted, moves.is_on_one_host(migration), disk_info,
                functools.partial(self._parts.volumes.match, instance,
                                  block_device_info))

    def confirm_migration(self, context: nova_context.RequestContext,
                          migration: objects.Migration,
                          instance: objects.Instance,
                          network_info: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.migrations.confirm(
                instance, moves.is_on_one_host(migration))

    def finish_revert_migration(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any,
            migration: objects.Migration,
            block_device_info: dict[str, Any] | None = None,
            power_on: bool = True, share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.migrations.revert(
                instance, power_on, functools.partial(
                    self._parts.volumes.match, instance, block_device_info))
