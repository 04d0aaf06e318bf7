# SPDX-License-Identifier: Apache-2.0
"""VirtualBox as Nova sees it."""

from __future__ import annotations

from typing import Any

from nova import context as nova_context
from nova import objects
from nova.console import type as console_type
from nova.virt import hardware
from nova.virt import virtapi as nova_virtapi

from nova_hypervisors import conf
from nova_hypervisors.capabilities import registry
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import boundary
from nova_hypervisors.common import driver
from nova_hypervisors.common import formats
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents
from nova_hypervisors.common import request
from nova_hypervisors.virtualbox import diagnostics
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import moving
from nova_hypervisors.virtualbox import options
from nova_hypervisors.virtualbox import rescueops

CONF = conf.CONF


class VirtualBoxDriver(moving.MovesServers, driver.Driver):
    """Servers as machines of the VirtualBox on this host."""

    #: of the support matrix; an object has that of its backend
    column = 'virtualbox-vboxmanage'

    capabilities = {**driver.Driver.capabilities,
                    **registry.capabilities(column)}

    _parts: factory.Parts

    def __init__(self, virtapi: nova_virtapi.VirtAPI,
                 client: interface.VBoxClient | None = None) -> None:
        super().__init__(virtapi)
        self.column = f'virtualbox-{CONF.virtualbox.backend}'
        self.capabilities = {**self.capabilities,
                             **registry.capabilities(self.column)}
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
            parts.files.make()
            formats.ensure(parts.files.private)
            parts.host.check_version()
            parts.storage.prepare()
            parts.storage.discard_interrupted()
            parts.machines.load()
            parts.vms.undo_interrupted()
            parts.consoles.start()
            parts.transfers.start()
            parts.vms.catch_up(parts.snapshots.delete_interrupted)
            parts.watcher.start()

    def cleanup_host(self, host: str) -> None:
        self._parts.health.stop()
        self._parts.watcher.stop()
        self._parts.consoles.stop()
        self._parts.transfers.stop()

    def get_host_cpu_stats(self) -> dict[str, int]:
        return self._parts.host.cpu_stats()

    def host_maintenance_mode(self, host: str, mode: bool) -> str:
        return self._parts.service.set_maintenance(mode)

    # What there is

    def get_info(self, instance: objects.Instance,
                 use_cache: bool = True) -> hardware.InstanceInfo:
        with boundary.for_instance(instance):
            return self._parts.power.info(instance, use_cache)

    def get_diagnostics(self, instance: objects.Instance) -> dict[str, Any]:
        with boundary.for_instance(instance):
            return diagnostics.as_dict(self._parts.power.examine(instance))

    def get_instance_diagnostics(self, instance: objects.Instance,
                                 ) -> objects.Diagnostics:
        with boundary.for_instance(instance):
            return diagnostics.as_object(self._parts.power.examine(instance))

    # Made and taken away

    def destroy(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.destroy(instance, destroy_disks)

    # Power

    def power_off(self, instance: objects.Instance, timeout: int = 0,
                  retry_interval: int = 0) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_off(instance, timeout, retry_interval)

    def pause(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.pause(instance)

    def unpause(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.unpause(instance)

    def rescue(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               image_meta: objects.ImageMeta, rescue_password: str,
               block_device_info: dict[str, Any], share_info: Any) -> None:
        image_ref = request.rescue_image(instance, image_meta)
        with boundary.for_instance(instance):
            self._parts.rescues.rescue(
                context, instance, image_ref,
                rescueops.device(instance, image_meta))

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
        return self._parts.volumes.connector(
            str(CONF.my_block_storage_ip))

    def attach_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance, mountpoint: str,
                      disk_bus: str | None = None,
                      device_type: str | None = None,
                      encryption: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.attach(instance, connection_info, mountpoint,
                                       encryption)
            self._parts.devices.update(context, instance)

    def detach_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance, mountpoint: str,
                      encryption: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.detach(instance, connection_info)

    def swap_volume(self, context: nova_context.RequestContext,
                    old_connection_info: dict[str, Any],
                    new_connection_info: dict[str, Any],
                    instance: objects.Instance, mountpoint: str,
                    resize_to: int) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.swap(instance, old_connection_info,
                                     new_connection_info)

    def extend_volume(self, context: nova_context.RequestContext,
                      connection_info: dict[str, Any],
                      instance: objects.Instance,
                      requested_size: int) -> None:
        with boundary.for_instance(instance):
            self._parts.volumes.extend(instance, connection_info)

    def get_all_volume_usage(self, context: nova_context.RequestContext,
                             compute_host_bdms: list[dict[str, Any]],
                             ) -> list[dict[str, Any]]:
        with boundary.for_host():
            return [usage for entry in compute_host_bdms
                    for usage in self._parts.volumes.usage(
                        entry['instance'], entry['instance_bdms'])]

    def block_stats(self, instance: objects.Instance,
                    disk_id: str) -> list[int | None] | None:
        with boundary.for_instance(instance):
            return self._parts.volumes.counters(instance, disk_id)

    # Consoles

    def get_serial_console(self, context: nova_context.RequestContext,
                           instance: objects.Instance,
                           ) -> console_type.ConsoleSerial:
        with boundary.for_instance(instance):
            return self._parts.consoles.serial_console(instance)

    # Images

    def cache_image(self, context: nova_context.RequestContext,
                    image_id: str) -> bool:
        with boundary.for_host():
            return self._parts.disks.cache_image(context, image_id)

    def manage_image_cache(self, context: nova_context.RequestContext,
                           all_instances: Any) -> None:
        with boundary.for_host():
            if self._parts.cache_ages is not None:
                self._parts.disks.age_cache(self._parts.cache_ages)
