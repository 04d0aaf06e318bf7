# SPDX-License-Identifier: Apache-2.0
"""Those methods of ComputeDriver that are the same in the drivers.

Each of them hands over to the part of a driver whose noun it is about, within
the boundary where errors become Nova's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import utils as compute_utils
from nova.console import type as console_type
from nova.virt import driver
from oslo_log import log as logging

from nova_hypervisors import conf
from nova_hypervisors.capabilities import registry
from nova_hypervisors.common import boundary
from nova_hypervisors.common import checks
from nova_hypervisors.common import request

CONF = conf.CONF
LOG = logging.getLogger(__name__)


def insist_on(findings: Iterable[checks.Finding]) -> None:
    """Say what there is to say of the options.

    :raises InvalidConfiguration: the driver does not start with them
    """
    fatal = []
    for finding in findings:
        if finding.fatal:
            fatal.append(str(finding))
        else:
            LOG.warning('%s', finding)
    if fatal:
        raise exception.InvalidConfiguration('\n'.join(fatal))


class Driver(driver.ComputeDriver):
    """A driver less what is its own.

    :ivar column: of the support matrix
    """

    column: str
    _parts: Any

    # The host

    def get_available_nodes(self, refresh: bool = False) -> list[str]:
        return [self._parts.host.hostname]

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {self._parts.host.node_uuid: self._parts.host.hostname}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        with boundary.for_host():
            return self._parts.host.available_resource()

    def update_provider_tree(self, provider_tree: Any, nodename: str,
                             allocations: dict[str, Any] | None = None,
                             ) -> None:
        host = self._parts.host
        inventory = provider_tree.data(nodename).inventory
        ratios = self._get_allocation_ratios(inventory)
        with boundary.for_host():
            provider_tree.update_inventory(nodename, host.inventory(ratios))
            provider_tree.add_traits(nodename, *host.architecture_traits(),
                                     *registry.traits(self.column))

    def get_host_uptime(self) -> str:
        with boundary.for_host():
            return self._parts.host.uptime()

    def get_host_ip_addr(self) -> str:
        return str(CONF.my_ip)

    def set_host_enabled(self, enabled: bool) -> str:
        return self._parts.service.set_enabled(enabled)

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

    # Made and taken away

    def spawn(self, context: nova_context.RequestContext,
              instance: objects.Instance, image_meta: objects.ImageMeta,
              injected_files: list[Any], admin_password: str,
              allocations: dict[str, Any], network_info: Any = None,
              block_device_info: dict[str, Any] | None = None,
              power_on: bool = True, accel_info: Any = None) -> None:
        with boundary.for_instance(instance):
            self._parts.vms.spawn(request.SpawnRequest.of(
                context, instance, image_meta, network_info,
                block_device_info, power_on, injected_files, admin_password))

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

    def unrescue(self, context: nova_context.RequestContext,
                 instance: objects.Instance) -> None:
        with boundary.for_instance(instance):
            self._parts.rescues.unrescue(instance)

    # Volumes and network adapters

    def get_device_name_for_instance(
            self, instance: objects.Instance, bdms: list[Any],
            block_device_obj: objects.BlockDeviceMapping) -> str:
        wanted = block_device_obj.device_name
        return str(compute_utils.get_device_name_for_instance(
            instance, bdms, wanted if isinstance(wanted, str) else None))

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

    # Consoles and images

    def get_console_output(self, context: nova_context.RequestContext,
                           instance: objects.Instance) -> str:
        with boundary.for_instance(instance):
            return self._parts.consoles.output(instance)

    def get_vnc_console(self, context: nova_context.RequestContext,
                        instance: objects.Instance,
                        ) -> console_type.ConsoleVNC:
        with boundary.for_instance(instance):
            return self._parts.consoles.vnc(instance)

    def snapshot(self, context: nova_context.RequestContext,
                 instance: objects.Instance, image_id: str,
                 update_task_state: Callable[..., None]) -> None:
        with boundary.for_instance(instance):
            self._parts.snapshots.snapshot(context, instance, image_id,
                                           update_task_state)
