# SPDX-License-Identifier: Apache-2.0
"""Nodes of bare metal as Nova sees them: each is a host for one server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
from nova.console import type as console_type
from nova.virt import driver
from nova.virt import hardware
from nova.virt import node as nova_node
from nova.virt import virtapi as nova_virtapi

from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import networkops
from nova_hypervisors.baremetal import options
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.capabilities import registry
from nova_hypervisors.common import boundary
from nova_hypervisors.common import driver as common_driver
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents
from nova_hypervisors.common import request

CONF = conf.CONF


class BareMetalDriver(driver.ComputeDriver):
    """Servers on machines of their own."""

    #: of the support matrix
    column = 'baremetal'

    capabilities = {**driver.ComputeDriver.capabilities,
                    **registry.capabilities(column)}

    def __init__(self, virtapi: nova_virtapi.VirtAPI) -> None:
        super().__init__(virtapi)
        self._parts = factory.make_parts(
            CONF, virtapi, self.emit_event,
            health.measured(CONF, self.column))
        incidents.watch(CONF, self)

    # The service and its nodes

    def init_host(self, host: str) -> None:
        common_driver.insist_on(options.findings(CONF))
        # Nova refuses a second start without the file that this makes, unless
        # a driver is called Ironic's (ComputeManager,
        # _ensure_existing_node_identity).
        nova_node.get_local_node_uuid()
        parts = self._parts
        parts.health.start()
        with boundary.for_host():
            parts.inventory.database.upgrade()
            parts.inventory.services.images.recover()
            parts.deploys.recover()
            parts.power.recall()
            parts.cleaner.start()
            parts.cleaner.look()
            parts.watcher.start()
            parts.watcher.look_soon()
            parts.consoles.start()

    def cleanup_host(self, host: str) -> None:
        self._parts.health.stop()
        self._parts.consoles.stop()
        self._parts.watcher.stop()
        self._parts.cleaner.stop()
        deploying = self._parts.inventory.services.deploying
        if deploying is not None:
            deploying.stop()
        self._parts.inventory.services.machines.close()
        self._parts.inventory.database.close()

    def get_available_nodes(self, refresh: bool = False) -> list[str]:
        return self._parts.host.names()

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {name: name for name in self._parts.host.names()}

    def node_is_available(self, nodename: str) -> bool:
        return self._parts.host.is_there(nodename)

    def is_node_deleted(self, nodename: str) -> bool:
        return self._parts.host.is_deleted(nodename)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        return self._parts.host.resource(nodename)

    def update_provider_tree(self, provider_tree: Any, nodename: str,
                             allocations: dict[str, Any] | None = None,
                             ) -> None:
        node = self._parts.host.get(nodename)
        provider_tree.update_inventory(nodename, spec.inventory(node))
        provider_tree.update_traits(
            nodename, {*node.traits, *registry.traits(self.column)})

    def get_host_ip_addr(self) -> str:
        return str(CONF.my_ip)

    # What there is

    def get_info(self, instance: objects.Instance,
                 use_cache: bool = True) -> hardware.InstanceInfo:
        with boundary.for_instance(instance):
            return self._parts.power.info(instance, use_cache)

    def list_instances(self) -> list[str]:
        return self._parts.host.instance_names()

    def list_instance_uuids(self) -> list[str]:
        return self._parts.host.instance_uuids()

    def get_num_instances(self) -> int:
        return len(self.list_instance_uuids())

    def instance_exists(self, instance: objects.Instance) -> bool:
        return instance.uuid in self.list_instance_uuids()

    # Made and taken away

    def prepare_for_spawn(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.reserve(instance)

    def failed_spawn_cleanup(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.release(instance)

    def spawn(self, context: nova_context.RequestContext,
              instance: objects.Instance, image_meta: objects.ImageMeta,
              injected_files: list[Any], admin_password: str,
              allocations: dict[str, Any], network_info: Any = None,
              block_device_info: dict[str, Any] | None = None,
              power_on: bool = True, accel_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.spawn(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info, power_on, injected_files, admin_password))

    def rebuild(self, context: nova_context.RequestContext,
                instance: objects.Instance, image_meta: objects.ImageMeta,
                injected_files: list[Any], admin_password: str,
                allocations: dict[str, Any], bdms: Any,
                detach_block_devices: Callable[..., None],
                attach_block_devices: Callable[..., Any],
                network_info: Any = None, evacuate: bool = False,
                block_device_info: dict[str, Any] | None = None,
                preserve_ephemeral: bool = False, accel_uuids: Any = None,
                reimage_boot_volume: bool = False) -> None:
        # Since microversion 2.93 the API says so of servers without one, too.
        if reimage_boot_volume and spec.boots_from_volume(
                block_device_info or {}):
            raise exception.NovaException(
                'What is on the volume that a node boots from cannot be '
                'written anew.')
        instance.task_state = task_states.REBUILD_SPAWNING
        instance.save(expected_task_state=[task_states.REBUILDING])
        with boundary.for_instance(instance):
            self._parts.deploys.rebuild(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info, True, injected_files, admin_password),
                preserve_ephemeral)

    def destroy(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.destroy(instance, context)

    def cleanup(self, context: nova_context.RequestContext,
                instance: objects.Instance, network_info: Any,
                block_device_info: dict[str, Any] | None = None,
                destroy_disks: bool = True, migrate_data: Any = None,
                destroy_vifs: bool = True,
                destroy_secrets: bool = True) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.destroy(instance, context)

    # Power

    def power_on(self, context: nova_context.RequestContext,
                 instance: objects.Instance, network_info: Any,
                 block_device_info: dict[str, Any] | None = None,
                 accel_info: Any = None, share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_on(instance, context,
                                       block_device_info)

    def power_off(self, instance: objects.Instance, timeout: int = 0,
                  retry_interval: int = 0) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_off(instance, timeout)

    def reboot(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               reboot_type: str,
               block_device_info: dict[str, Any] | None = None,
               bad_volumes_callback: Callable[..., Any] | None = None,
               accel_info: Any = None, share_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.reboot(instance, reboot_type == 'SOFT',
                                     context, block_device_info)

    def poll_rebooting_instances(self, timeout: int,
                                 instances: list[objects.Instance]) -> None:
        self._parts.service.reboot_hung(instances, timeout)

    def resume_state_on_host_boot(
            self, context: nova_context.RequestContext,
            instance: objects.Instance, network_info: Any, share_info: Any,
            block_device_info: dict[str, Any] | None = None) -> None:
        with boundary.for_instance(instance):
            self._parts.power.power_on(instance, context,
                                       block_device_info)

    def trigger_crash_dump(self, instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.power.crash(instance)

    def rescue(self, context: nova_context.RequestContext,
               instance: objects.Instance, network_info: Any,
               image_meta: objects.ImageMeta, rescue_password: str,
               block_device_info: dict[str, Any], share_info: Any) -> None:
        image_ref = request.rescue_image(instance, image_meta)
        with boundary.for_instance(instance):
            self._parts.rescues.rescue(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info, admin_password=rescue_password),
                image_ref)

    def unrescue(self, context: nova_context.RequestContext,
                 instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.rescues.unrescue(instance, context)

    # Networks

    def manages_network_binding_host_id(self) -> bool:
        return True

    def network_binding_host_id(self, context: nova_context.RequestContext,
                                instance: objects.Instance) -> str | None:
        """Return None for ports that are bound later, to the node."""
        node = self._parts.host.get(instance.node)
        if node.network_interface == networkops.NOOP:
            host: str = instance.host
            return host
        return None

    def prepare_networks_before_block_device_mapping(
            self, instance: objects.Instance, network_info: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.networks.plug(
                self._parts.host.of_instance(instance), network_info or [])

    def clean_networks_preparation(self, instance: objects.Instance,
                                   network_info: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.deploys.unplug(instance)

    def attach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance,
                         image_meta: objects.ImageMeta, vif: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.networks.plug(
                self._parts.host.of_instance(instance), [vif])

    def detach_interface(self, context: nova_context.RequestContext,
                         instance: objects.Instance, vif: Any) -> None:
        with boundary.for_instance(instance):
            self._parts.networks.unplug(
                self._parts.host.of_instance(instance), {vif['id']})

    def plug_vifs(self, instance: objects.Instance,
                  network_info: Any) -> None:
        """Do nothing: a server's ports stay with its node."""

    def unplug_vifs(self, instance: objects.Instance,
                    network_info: Any) -> None:
        """Do nothing: a server's ports stay with its node."""

    # Images

    def cache_image(self, context: nova_context.RequestContext,
                    image_id: str) -> bool:
        with boundary.for_host():
            return self._parts.images.cache_image(context, image_id)

    def manage_image_cache(self, context: nova_context.RequestContext,
                           all_instances: Any) -> None:
        with boundary.for_host():
            self._parts.images.age()

    # Volumes and consoles

    def get_volume_connector(self, instance: objects.Instance,
                             ) -> dict[str, Any]:
        with boundary.for_instance(instance):
            return volumes.connector(
                self._parts.host.of_instance(instance), instance)

    def get_serial_console(self, context: nova_context.RequestContext,
                           instance: objects.Instance,
                           ) -> console_type.ConsoleSerial:
        with boundary.for_instance(instance):
            return self._parts.consoles.serial(instance)

    def get_vnc_console(self, context: nova_context.RequestContext,
                        instance: objects.Instance,
                        ) -> console_type.ConsoleVNC:
        with boundary.for_instance(instance):
            return self._parts.consoles.vnc(instance)

    def get_console_output(self, context: nova_context.RequestContext,
                           instance: objects.Instance) -> str:
        with boundary.for_instance(instance):
            return self._parts.consoles.output(instance)
