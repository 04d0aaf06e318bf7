# SPDX-License-Identifier: Apache-2.0
"""Those of the driver's methods that take servers elsewhere, or leave them.

Another size, another host, off or running.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import objects

from nova_hypervisors.common import boundary
from nova_hypervisors.common import livemigration
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
        wanted = request.SpawnRequest.of(
            context, instance, image_meta, network_info, block_device_info,
            power_on)
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

    def delete_instance_files(self, instance: objects.Instance) -> bool:
        """Delete what the unfinished move of a deleted server has left here.

        Nova asks for it by itself, within ``[DEFAULT]
        instance_delete_interval``.
        """
        with boundary.for_instance(instance):
            self._parts.migrations.confirm(instance, same_host=False)
        return True

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

    # Running

    def get_instance_disk_info(self, instance: objects.Instance,
                               block_device_info: dict[str, Any] | None = None,
                               ) -> str:
        with boundary.for_instance(instance):
            return livemigration.disk_info(
                self._parts.disks.described(self._parts.machines.machine_uuid(
                    instance.uuid)))

    def check_can_live_migrate_destination(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, src_compute_info: Any,
            dst_compute_info: Any, block_migration: bool | None = False,
            disk_over_commit: bool | None = False,
            ) -> objects.LibvirtLiveMigrateData:
        livemigration.check(src_compute_info, dst_compute_info,
                            block_migration)
        with boundary.for_instance(instance):
            return livemigration.make_data(
                self._parts.live_migrations.probe())

    def check_can_live_migrate_source(
            self, context: nova_context.RequestContext,
            instance: objects.Instance,
            dest_check_data: objects.LibvirtLiveMigrateData,
            block_device_info: dict[str, Any] | None = None,
            ) -> objects.LibvirtLiveMigrateData:
        live = self._parts.live_migrations
        with boundary.for_instance(instance):
            livemigration.check_shared(live.sees(dest_check_data.filename))
            live.describe(instance)
        return dest_check_data

    def cleanup_live_migration_destination_check(
            self, context: nova_context.RequestContext,
            dest_check_data: objects.LibvirtLiveMigrateData) -> None:
        self._parts.live_migrations.delete_probe(dest_check_data.filename)

    def pre_live_migration(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, block_device_info: dict[str, Any],
            network_info: Any, disk_info: Any,
            migrate_data: objects.LibvirtLiveMigrateData,
            ) -> objects.LibvirtLiveMigrateData:
        with boundary.for_instance(instance):
            self._parts.live_migrations.prepare(request.SpawnRequest.of(
                context, instance, instance.image_meta, network_info,
                block_device_info))
        return livemigration.without_waiting(migrate_data)

    def live_migration(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, dest: str,
            post_method: Callable[..., Any],
            recover_method: Callable[..., Any], block_migration: bool = False,
            migrate_data: objects.LibvirtLiveMigrateData | None = None,
            ) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.move(
                instance,
                functools.partial(post_method, context, instance, dest,
                                  block_migration, migrate_data),
                lambda status: recover_method(
                    context, instance, dest, migrate_data=migrate_data,
                    migration_status=status))

    def live_migration_abort(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.abort(instance)

    def live_migration_force_complete(self,
                                      instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.hurry(instance)

    def post_live_migration(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, block_device_info: dict[str, Any],
            migrate_data: objects.LibvirtLiveMigrateData | None = None,
            ) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.leave(instance)

    def post_live_migration_at_source(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any) -> None:
        """Do nothing: a machine's adapters have gone with the machine."""

    def post_live_migration_at_destination(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any,
            block_migration: bool = False,
            block_device_info: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.welcome(instance)

    def rollback_live_migration_at_destination(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any,
            block_device_info: dict[str, Any], destroy_disks: bool = True,
            migrate_data: objects.LibvirtLiveMigrateData | None = None,
            ) -> None:
        with boundary.for_instance(instance):
            self._parts.live_migrations.withdraw(instance)

    # From a host that is lost

    def instance_on_disk(self, instance: objects.Instance) -> bool:
        return self._parts.vms.is_on_disk(instance)

    def check_instance_shared_storage_local(
            self, context: nova_context.RequestContext,
            instance: objects.Instance) -> dict[str, str]:
        return {'filename': self._parts.live_migrations.probe()}

    def check_instance_shared_storage_remote(
            self, context: nova_context.RequestContext,
            data: dict[str, str]) -> bool:
        return self._parts.live_migrations.sees(data['filename'])

    def check_instance_shared_storage_cleanup(
            self, context: nova_context.RequestContext,
            data: dict[str, str]) -> None:
        self._parts.live_migrations.delete_probe(data['filename'])
