# SPDX-License-Identifier: Apache-2.0
"""Ironic's boot interfaces by the virtual CD of a machine.

Ironic builds the disc and publishes it, by the options that it has for
virtual media, ``[redfish]`` and ``[deploy]``; here it is only put in.
"""

from __future__ import annotations

from typing import Any
from typing import ClassVar

from ironic.common import boot_devices
from ironic.common import states
from ironic.conductor import task_manager
from ironic.conductor import utils as manager_utils
from ironic.conf import CONF
from ironic.drivers import base
from ironic.drivers import utils as driver_utils
from ironic.drivers.modules import boot_mode_utils
from ironic.drivers.modules import deploy_utils
from ironic.drivers.modules import image_utils

from nova_hypervisors.ironic import families

_PROPERTIES = {
    'deploy_kernel': 'URL or Glance UUID of the kernel of the deploy ramdisk. '
                     'Required if deploy_iso is not set.',
    'deploy_ramdisk': 'URL or Glance UUID of the deploy ramdisk. Required if '
                      'deploy_iso is not set.',
    'deploy_iso': 'URL or Glance UUID of a disc with the deploy ramdisk. '
                  'Required if deploy_kernel and deploy_ramdisk are not set.',
    'rescue_kernel': 'As deploy_kernel, for rescue.',
    'rescue_ramdisk': 'As deploy_ramdisk, for rescue.',
    'rescue_iso': 'As deploy_iso, for rescue.',
    'bootloader': 'URL or Glance UUID of the image of an EFI system '
                  'partition, for discs that boot by UEFI. Optional.',
    'kernel_append_params': 'More parameters for the kernel of the ramdisk. '
                            'Optional.',
}


class VirtualMediaBoot(base.BootInterface):
    """Boots a ramdisk, or an ISO image that is the system, from a disc."""

    capabilities: ClassVar[list[str]] = ['ramdisk_boot']
    family: ClassVar[families.Family]

    def __init__(self) -> None:
        super().__init__()
        self._ours = self.family.management(families.access())

    @property
    def image_publisher_settings(self) -> Any:
        return base.ImagePublisherSettings(
            swift_enabled=CONF.redfish.use_swift,
            container=CONF.redfish.swift_container,
            timeout=CONF.redfish.swift_object_expiry_timeout,
            image_subdir='virtual-media',
            file_permission=CONF.redfish.file_permission,
            kernel_params=CONF.redfish.kernel_append_params)

    def get_properties(self) -> dict[str, str]:
        return {**_PROPERTIES, **self.family.properties()}

    def validate(self, task: Any) -> None:
        families.insist(self._ours.validate(families.node_of(task)))
        info = _ramdisk_of(task.node)
        if (task.driver.storage.should_write_image(task)
                and deploy_utils.get_boot_option(task.node) != 'local'):
            deploy_utils.validate_image_properties(
                task, {**info, **task.node.instance_info})

    def validate_rescue(self, task: Any) -> None:
        _ramdisk_of(task.node)

    def validate_inspection(self, task: Any) -> None:
        _ramdisk_of(task.node)

    @task_manager.require_exclusive_lock
    def prepare_ramdisk(self, task: Any,
                        ramdisk_params: dict[str, str]) -> None:
        node = task.node
        if not driver_utils.need_prepare_ramdisk(node):
            return
        info = _ramdisk_of(node)
        self._insist_on_licence(task)
        if 'bootloader' in info:
            # It is built here, and so its agent can have a token.
            manager_utils.add_secret_token(node, pregenerated=True)
            node.save()
            ramdisk_params['ipa-agent-token'] = (
                node.driver_internal_info['agent_secret_token'])
        manager_utils.node_power_action(task, states.POWER_OFF)
        address = deploy_utils.get_single_nic_with_vif_port_id(task)
        if address is not None:
            ramdisk_params['BOOTIF'] = address
        ramdisk_params['boot_method'] = 'vmedia'
        self._insert(task, image_utils.prepare_deploy_iso(
            task, ramdisk_params, deploy_utils.rescue_or_deploy_mode(node),
            info))
        boot_mode_utils.sync_boot_mode(task)
        manager_utils.node_set_boot_device(task, boot_devices.CDROM)

    @task_manager.require_exclusive_lock
    def clean_up_ramdisk(self, task: Any) -> None:
        # Of a deploy that has failed, which the power action would forget.
        error = task.node.last_error
        manager_utils.node_power_action(task, states.POWER_OFF)
        if error:
            task.node.last_error = error
            task.node.save()
        self._eject(task)

    @task_manager.require_exclusive_lock
    def prepare_instance(self, task: Any) -> None:
        self._eject(task)
        boot_mode_utils.sync_boot_mode(task)
        boot_mode_utils.configure_secure_boot_if_needed(task)
        node = task.node
        if deploy_utils.get_boot_option(node) != 'ramdisk':
            manager_utils.node_set_boot_device(task, boot_devices.DISK,
                                               persistent=True)
            return
        self._insist_on_licence(task)
        self._insert(task, image_utils.prepare_boot_iso(
            task, {**_ramdisk_of(node), **node.instance_info}))
        manager_utils.node_set_boot_device(task, boot_devices.CDROM,
                                           persistent=True)

    @task_manager.require_exclusive_lock
    def clean_up_instance(self, task: Any) -> None:
        self._eject(task)
        boot_mode_utils.deconfigure_secure_boot_if_needed(task)

    def _insist_on_licence(self, task: Any) -> None:
        with families.speaking(task, self.family) as node:
            self._ours.machine(node).insist_on_media()

    @staticmethod
    def _insert(task: Any, url: str) -> None:
        task.driver.management.attach_virtual_media(
            task, boot_devices.CDROM, url)

    @staticmethod
    def _eject(task: Any) -> None:
        task.driver.management.detach_virtual_media(
            task, [boot_devices.CDROM])
        image_utils.cleanup_iso_image(task)


class Ilo4VirtualMediaBoot(VirtualMediaBoot):
    family = families.ILO4


class OpenStackVirtualMediaBoot(VirtualMediaBoot):
    family = families.OPENSTACK


class VirtualBoxVirtualMediaBoot(VirtualMediaBoot):
    family = families.VIRTUALBOX


def _ramdisk_of(node: Any) -> dict[str, Any]:
    """Return the fields that say which ramdisk is to be booted.

    :raises MissingParameterValue: a ramdisk is needed, and there is none
    """
    mode = deploy_utils.rescue_or_deploy_mode(node)
    if not deploy_utils.needs_agent_ramdisk(node, mode=mode):
        return {}
    iso = driver_utils.get_agent_iso(node, mode=mode)
    if iso is not None:
        return {f'{mode}_iso': iso}
    found = dict(driver_utils.get_agent_kernel_ramdisk(node, mode))
    deploy_utils.check_for_missing_params(
        found, f'There is neither {mode}_iso in driver_info nor')
    return {**found, 'bootloader': driver_utils.get_field(
        node, 'bootloader', use_conf=True)}
