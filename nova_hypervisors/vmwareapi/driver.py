# SPDX-License-Identifier: Apache-2.0
"""A single ESX host as Nova sees it."""

from __future__ import annotations

import functools
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.console import type as console_type
from nova.virt import hardware
from nova.virt import virtapi as nova_virtapi

from nova_hypervisors import conf
from nova_hypervisors.capabilities import registry
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import boundary
from nova_hypervisors.common import driver
from nova_hypervisors.common import formats
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents
from nova_hypervisors.common import moves
from nova_hypervisors.common import request
from nova_hypervisors.vmwareapi import diagnostics
from nova_hypervisors.vmwareapi import factory
from nova_hypervisors.vmwareapi import options

CONF = conf.CONF


class VMwareESXDriver(driver.Driver):
    """Servers as machines of one ESX host, without vCenter."""

    #: of the support matrix
    column = 'vmware-esx'

    capabilities = {**driver.Driver.capabilities,
                    **registry.capabilities(column)}

    _parts: factory.Parts

    def __init__(self, virtapi: nova_virtapi.VirtAPI,
                 client: interface.ESXClient | None = None) -> None:
        super().__init__(virtapi)
        measures = health.measured(CONF, self.column)
        self._parts = factory.make_parts(
            CONF, virtapi, self.emit_event,
            client or factory.make_client(CONF, measures), measures)
        incidents.watch(CONF, self)

    # The service and the host

    def init_host(self, host: str) -> None:
        driver.insist_on(options.findings(CONF))
        parts = self._parts
        parts.health.start()
        with boundary.for_host():
            parts.layout.make()
            formats.ensure(parts.layout.private)
            parts.client.connect()
            parts.vms.undo_interrupted()
            parts.vms.know_serial_ports()
            parts.snapshots.catch_up()
            parts.consoles.start()
            parts.handouts.start()
            parts.client.on_change(lambda *_:
                                   parts.watcher.look_soon())
            parts.watcher.start()

    def cleanup_host(self, host: str) -> None:
        self._parts.health.stop()
        self._parts.watcher.stop()
        self._parts.consoles.stop()
        self._parts.handouts.stop()
        self._parts.client.close()

    def host_maintenance_mode(self, host: str, mode: bool) -> str:
        with boundary.for_host():
            return self._parts.host.set_maintenance(mode)

    # What there is

    def get_info(self, instance: objects.Instance,
                 use_cache: bool = True) -> hardware.InstanceInfo:
        with boundary.for_instance(instance):
            return self._parts.power.info(instance)

    def get_diagnostics(self, instance: objects.Instance) -> dict[str, Any]:
        with boundary.for_instance(instance):
            return diagnostics.as_dict(self._parts.client.machine_details(
                self._parts.machines.ref(instance.uuid)))

    def get_instance_diagnostics(self, instance: objects.Instance,
                                 ) -> objects.Diagnostics:
        with boundary.for_instance(instance):
            return diagnostics.as_object(
                self._parts.client.machine_details(
                    self._parts.machines.ref(instance.uuid)),
                bool(instance.config_drive))

    # Made and taken away

    def destroy(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            # Nova lets go of it here before it goes on where it was.
            if moves.leaves(context, instance) or (
                    not self._parts.resizes.is_going_back(instance)):
                self._parts.vms.destroy(instance, destroy_disks,
                                        block_device_info)

    # Power

    def power_off(self, instance: objects.Instance, timeout: int = 0,
                  retry_interval: int = 0) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_off(instance, timeout)

    def rescue(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               image_meta: objects.ImageMeta, rescue_password: str,
               block_device_info: dict[str, Any], share_info: Any) -> None:
        image_ref = request.rescue_image(instance, image_meta)
        # The devices stay where they are in every rescue.
        request.stable_rescue(instance, image_meta, 'disk', 'scsi')
        with boundary.for_instance(instance):
            self._parts.rescues.rescue(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info), image_ref)

    def set_admin_password(self, instance: objects.Instance,
                           new_pass: str) -> None:
        with boundary.for_instance(instance):
            self._parts.guests.set_admin_password(instance, new_pass)

    def trigger_crash_dump(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.inject_nmi(instance)

    # Volumes

    def get_volume_connector(self, instance: objects.Instance,
                             ) -> dict[str, Any]:
        with boundary.for_instance(instance):
            return self._parts.volumes.connector(
                str(CONF.my_block_storage_ip))

    def attach_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance, mountpoint: str,
                      disk_bus: str | None = None,
                      device_type: str | None = None,
                      encryption: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.attach(instance, connection_info,
                                       encryption)
            self._parts.devices.update(context, instance)

    def detach_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance, mountpoint: str,
                      encryption: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.detach(instance, connection_info)

    def extend_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance,
                      requested_size: int) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.extend(instance, connection_info,
                                       requested_size)

    # Consoles

    def get_mks_console(self, context: nova_context.RequestContext,
                        instance: objects.Instance,
                        ) -> console_type.ConsoleMKS:
        with boundary.for_instance(instance):
            return self._parts.consoles.mks(instance)

    def get_serial_console(self, context: nova_context.RequestContext,
                           instance: objects.Instance,
                           ) -> console_type.ConsoleSerial:
        with boundary.for_instance(instance):
            return self._parts.consoles.serial_console(instance)

    # Another size

    def migrate_disk_and_power_off(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, dest: str, flavor: objects.Flavor,
            network_info: Any,
            block_device_info: dict[str, Any] | None = None,
            timeout: int = 0, retry_interval: int = 0) -> str:
        host = moves.destination(context, instance)
        with boundary.for_instance(instance):
            if host is None:
                self._parts.resizes.keep(instance, flavor, timeout)
            elif self._parts.migrations.is_shared(context, instance, host):
                self._parts.migrations.depart(instance, flavor,
                                              block_device_info, timeout)
            else:
                return self._parts.pulls.depart(instance, flavor,
                                                block_device_info, timeout)
        return ''

    def finish_migration(
            self, context: nova_context.RequestContext,
            migration: objects.Migration, instance: objects.Instance,
            disk_info: str, network_info: Any,
            image_meta: objects.ImageMeta, resize_instance: bool,
            allocations: dict[str, Any],
            block_device_info: dict[str, Any] | None = None,
            power_on: bool = True, share_info: Any = None) -> None:
        settle = self._parts.migrations.arrive
        if moves.is_on_one_host(migration):
            settle = self._parts.resizes.resize
        elif disk_info:
            settle = functools.partial(self._parts.pulls.arrive,
                                       told=disk_info)
        with boundary.for_instance(instance):
            settle(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info, power_on),
                prepare=functools.partial(self._parts.volumes.match, instance,
                                          block_device_info))

    def confirm_migration(self, context: nova_context.RequestContext,
                          migration: objects.Migration,
                          instance: objects.Instance,
                          network_info: Any) -> None:
        with boundary.for_instance(instance):
            if moves.is_on_one_host(migration):
                self._parts.resizes.confirm(instance)
            elif self._parts.pulls.is_left(instance):
                self._parts.pulls.confirm(instance)
            else:
                self._parts.migrations.confirm(instance)

    def delete_instance_files(self, instance: objects.Instance) -> bool:
        """Delete what the unfinished move of a deleted server has left here.

        Nova asks for it by itself, within ``[DEFAULT]
        instance_delete_interval``.
        """
        with boundary.for_instance(instance):
            self._parts.pulls.confirm(instance)
            self._parts.vms.delete_files(instance)
        return True

    def finish_revert_migration(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any,
            migration: objects.Migration,
            block_device_info: dict[str, Any] | None = None,
            power_on: bool = True, share_info: Any = None) -> None:
        settle = self._parts.migrations.revert
        if moves.is_on_one_host(migration):
            settle = self._parts.resizes.revert
        elif self._parts.pulls.is_left(instance):
            settle = self._parts.pulls.revert
        with boundary.for_instance(instance):
            settle(request.SpawnRequest.of(
                context, instance, instance.image_meta, network_info,
                block_device_info, power_on),
                functools.partial(self._parts.volumes.match, instance,
                                  block_device_info))

    # From a host that is lost

    def instance_on_disk(self, instance: objects.Instance) -> bool:
        with boundary.for_instance(instance):
            return self._parts.evacuations.is_on_disk(instance)

    def check_instance_shared_storage_local(
            self, context: nova_context.RequestContext,
            instance: objects.Instance) -> dict[str, str]:
        with boundary.for_instance(instance):
            return {'filename': self._parts.evacuations.probe(instance)}

    def check_instance_shared_storage_remote(
            self, context: nova_context.RequestContext,
            data: dict[str, str]) -> bool:
        with boundary.for_host():
            return self._parts.evacuations.sees(data['filename'])

    def check_instance_shared_storage_cleanup(
            self, context: nova_context.RequestContext,
            data: dict[str, str]) -> None:
        with boundary.for_host():
            self._parts.evacuations.delete_probe(data['filename'])

    # Images

    def cache_image(self, context: nova_context.RequestContext,
                    image_id: str) -> bool:
        with boundary.for_host():
            return self._parts.images.cache_image(
                context, self._parts.host.usable()[0].name, image_id)

    def manage_image_cache(self, context: nova_context.RequestContext,
                           all_instances: Any) -> None:
        with boundary.for_host():
            if self._parts.cache_age_s is not None:
                self._parts.images.age(
                    [datastore.name for datastore
                     in self._parts.host.usable()], self._parts.cache_age_s)
