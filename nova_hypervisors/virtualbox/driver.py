# SPDX-License-Identifier: Apache-2.0
"""VirtualBox as Nova sees it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import utils as compute_utils
from nova.console import type as console_type
from nova.virt import hardware

from nova_hypervisors import conf
from nova_hypervisors.common import boundary
from nova_hypervisors.common import request
from nova_hypervisors.virtualbox import diagnostics
from nova_hypervisors.virtualbox import hostdriver
from nova_hypervisors.virtualbox import moving

CONF = conf.CONF


class VirtualBoxDriver(moving.MovesServers, hostdriver.HostDriver):
    """Servers as machines of the VirtualBox on this host."""

    # What there is

    def list_instances(self) -> list[str]:
        with boundary.for_host():
            return self._parts.vms.list_names()

    def list_instance_uuids(self) -> list[str]:
        with boundary.for_host():
            return self._parts.vms.list_uuids()

    def get_num_instances(self) -> int:
        return len(self.list_instance_uuids())

    def instance_exists(self, instance: objects.Instance) -> bool:
        with boundary.for_instance(instance):
            return self._parts.vms.exists(instance)

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

    def spawn(self, context: nova_context.RequestContext,
              instance: objects.Instance, image_meta: objects.ImageMeta,
              injected_files: list[Any], admin_password: str,
              allocations: dict[str, Any], network_info: Any = None,
              block_device_info: dict[str, Any] | None = None,
              power_on: bool = True, accel_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.spawn(request.SpawnRequest(
                context, instance, image_meta, list(network_info or ()),
                block_device_info or {}, power_on,
                list(injected_files or ()), admin_password or ''))

    def destroy(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.destroy(instance, destroy_disks)

    def cleanup(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True, migrate_data: Any = None,
                destroy_vifs: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            if destroy_disks:
                self._parts.vms.delete_files(instance)

    # Power

    def power_on(self, context: nova_context.RequestContext,
                 instance: objects.Instance, network_info: Any,
                 block_device_info: dict[str, Any] | None = None,
                 accel_info: Any = None, share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_on(instance, functools.partial(
                self._parts.volumes.match, instance, block_device_info))

    def power_off(self, instance: objects.Instance, timeout: int = 0,
                  retry_interval: int = 0) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_off(instance, timeout, retry_interval)

    def reboot(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               reboot_type: str,
               block_device_info: dict[str, Any] | None = None,
               bad_volumes_callback: Callable[..., Any] | None = None,
               accel_info: Any = None, share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.reboot(
                instance, reboot_type == 'SOFT', functools.partial(
                    self._parts.volumes.match, instance, block_device_info))

    def poll_rebooting_instances(self, timeout: int,
                                 instances: list[objects.Instance]) -> None:
        self._parts.service.reboot_hung(instances, timeout)

    def pause(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.pause(instance)

    def unpause(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.unpause(instance)

    def suspend(self, context: nova_context.RequestContext,
                instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.suspend(instance)

    def resume(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               block_device_info: dict[str, Any] | None = None,
               share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_on(instance, functools.partial(
                self._parts.volumes.match, instance, block_device_info))

    def resume_state_on_host_boot(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any, share_info: Any,
            block_device_info: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_on(instance, functools.partial(
                self._parts.volumes.match, instance, block_device_info))

    def rescue(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               image_meta: objects.ImageMeta, rescue_password: str,
               block_device_info: dict[str, Any], share_info: Any) -> None:
        image_ref = (image_meta.id if image_meta.obj_attr_is_set('id')
                     else instance.image_ref)
        with boundary.for_instance(instance):
            self._parts.rescues.rescue(context, instance, image_ref)

    def unrescue(self, context: nova_context.RequestContext,
                 instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.rescues.unrescue(instance)

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

    def get_device_name_for_instance(
            self, instance: objects.Instance, bdms: list[Any],
            block_device_obj: objects.BlockDeviceMapping) -> str:
        wanted = block_device_obj.device_name
        return str(compute_utils.get_device_name_for_instance(
            instance, bdms, wanted if isinstance(wanted, str) else None))

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

    # Network adapters

    def plug_vifs(self, instance: objects.Instance,
                  network_info: Any) -> None:
        """Do nothing: a machine's adapters are part of the machine."""

    def unplug_vifs(self, instance: objects.Instance,
                    network_info: Any) -> None:
        """Do nothing: a machine's adapters are part of the machine."""

    def attach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance,
                         image_meta: objects.ImageMeta, vif: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.attach_interface(context, instance, image_meta,
                                             vif)

    def detach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance, vif: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.detach_interface(context, instance, vif)

    # Consoles

    def get_console_output(self, context: nova_context.RequestContext,
                           instance: objects.Instance) -> str:
        with boundary.for_instance(instance):
            return self._parts.consoles.output(instance)

    def get_vnc_console(self, context: nova_context.RequestContext,
                        instance: objects.Instance,
                        ) -> console_type.ConsoleVNC:
        with boundary.for_instance(instance):
            return self._parts.consoles.vnc(instance)

    def get_serial_console(self, context: nova_context.RequestContext,
                           instance: objects.Instance,
                           ) -> console_type.ConsoleSerial:
        with boundary.for_instance(instance):
            return self._parts.consoles.serial_console(instance)

    # Images

    def snapshot(self, context: nova_context.RequestContext,
                 instance: objects.Instance, image_id: str,
                 update_task_state: Callable[..., None]) -> None:
        with boundary.for_instance(instance):
            self._parts.snapshots.snapshot(context, instance, image_id,
                                           update_task_state)

    def cache_image(self, context: nova_context.RequestContext,
                    image_id: str) -> bool:
        with boundary.for_host():
            return self._parts.disks.cache_image(context, image_id)

    def manage_image_cache(self, context: nova_context.RequestContext,
                           all_instances: Any) -> None:
        with boundary.for_host():
            if self._parts.cache_ages is not None:
                self._parts.disks.age_cache(self._parts.cache_ages)
