# SPDX-License-Identifier: Apache-2.0
"""From what Nova asks to what a node's interfaces are told: no I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import os_resource_classes
from nova import block_device
from nova import exception
from nova.objects import fields
from nova.virt import driver as virt_driver
from oslo_utils import strutils

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import states
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import request

# As flavors name what Ironic calls capabilities of a node.  Nova's API takes
# no name that it does not know in that namespace, from microversion 2.86 on:
# the second is ours.
_CAPABILITIES = ('capabilities:', 'baremetal:')

#: In ``instance_info``: whether the server runs from a volume.
FROM_VOLUME = 'from_volume'
#: In ``instance_info``: what the server boots from first, DISK if it is not
#: there; and what it boots from the next time, if that is something else.
BOOT, BOOT_ONCE = 'boot', 'boot_once'
DISK, NETWORK = 'disk', 'network'

_DEVICES = (DISK, NETWORK)
_POWER_ON = 'power_on'
# Read here; the others are capabilities.
_OWN = (BOOT, BOOT_ONCE, _POWER_ON)


def instance_info(spawn: request.SpawnRequest, default_format: str,
                  preserve_ephemeral: bool = False) -> dict[str, Any]:
    """Return what a deploy has to know of the server.

    The names are those that Nova's driver for Ironic uses.  None takes away
    what a former image of the server wanted.

    :raises InvalidInput: a property has a value that it cannot have
    """
    instance = spawn.instance
    flavor = instance.flavor
    info = {
        'instance_name': instance.name,
        'display_name': instance.display_name,
        'root_gb': flavor.root_gb,
        'swap_mb': flavor.swap or 0,
        'ephemeral_gb': flavor.ephemeral_gb or 0,
        'ephemeral_format': _ephemeral_format(spawn) or default_format,
        'preserve_ephemeral': preserve_ephemeral,
        'capabilities': capabilities(spawn),
        BOOT: _device(spawn, BOOT), BOOT_ONCE: _device(spawn, BOOT_ONCE),
        FROM_VOLUME: boots_from_volume(spawn.block_device_info) or None,
    }
    if not info[FROM_VOLUME]:
        info['image_source'] = (
            spawn.image_meta.id if spawn.image_meta.obj_attr_is_set('id')
            else instance.image_ref)
        for name in ('kernel', 'ramdisk'):
            if instance[f'{name}_id']:
                info[name] = instance[f'{name}_id']
    return info


def boots_from_volume(block_device_info: Mapping[str, Any]) -> bool:
    return root_volume(block_device_info) is not None


def root_volume(block_device_info: Mapping[str, Any],
                ) -> Mapping[str, Any] | None:
    """Return Nova's mapping of the volume that a server runs from."""
    found: Mapping[str, Any] | None = block_device.get_root_bdm(
        virt_driver.block_device_info_get_mapping(block_device_info))
    return found


def starts(spawn: request.SpawnRequest) -> bool:
    """Return whether a server is started when it is made.

    :raises InvalidInput: the property is neither true nor false
    """
    text = _own(spawn, _POWER_ON)
    try:
        return spawn.power_on and (
            text is None or bool(strutils.bool_from_string(text,
                                                           strict=True)))
    except ValueError:
        raise _invalid(_POWER_ON, text, ('true', 'false')) from None


def _device(spawn: request.SpawnRequest, name: str) -> str | None:
    value = _own(spawn, name)
    if value is not None and value not in _DEVICES:
        raise _invalid(name, value, _DEVICES)
    return value


def _own(spawn: request.SpawnRequest, name: str) -> str | None:
    value: str | None = spawn.instance.flavor.get('extra_specs', {}).get(
        f'baremetal:{name}')
    if value is None:
        # Nova's ImageMeta drops properties that it does not know.
        value = spawn.instance.system_metadata.get(f'image_baremetal_{name}')
    return value


def _invalid(name: str, value: str | None,
             valid: tuple[str, ...]) -> Exception:
    return exception.InvalidInput(
        reason=f'baremetal:{name} (of the flavor) or baremetal_{name} (of '
        f'the image) is {value!r}; it may be {" or ".join(valid)}')


def _ephemeral_format(spawn: request.SpawnRequest) -> str | None:
    """Return the file system that the user wants, if any."""
    found = virt_driver.block_device_info_get_ephemerals(
        spawn.block_device_info)
    return next((one['guest_format'] for one in found
                 if one.get('guest_format')), None)


def capabilities(spawn: request.SpawnRequest) -> dict[str, str]:
    """Return what flavor and image want of the node.

    ``baremetal:boot_mode=uefi`` of a flavor, and of an image
    ``hw_firmware_type`` and ``os_secure_boot``, which win.
    """
    specs = spawn.instance.flavor.get('extra_specs', {})
    wanted = {name.removeprefix(prefix): value for prefix in _CAPABILITIES
              for name, value in specs.items() if name.startswith(prefix)
              and name.removeprefix(prefix) not in _OWN}
    properties = spawn.image_meta.properties
    firmware = properties.get('hw_firmware_type')
    if firmware in (fields.FirmwareType.UEFI, fields.FirmwareType.BIOS):
        wanted['boot_mode'] = firmware
    if properties.get('os_secure_boot') == fields.SecureBoot.REQUIRED:
        wanted['secure_boot'] = 'true'
    return wanted


def resource(node: nodes.Node) -> dict[str, Any]:
    """Return what ComputeDriver.get_available_resource does.

    A node is taken whole: it has one of its resource class, and neither
    processors nor memory that are counted.
    """
    architecture = node.properties.get('cpu_arch')
    supported = ([(fields.Architecture.canonicalize(architecture),
                   fields.HVType.BAREMETAL, fields.VMMode.HVM)]
                 if architecture else [])
    return {
        'uuid': node.uuid,
        'hypervisor_hostname': node.uuid,
        'hypervisor_type': fields.HVType.BAREMETAL,
        'hypervisor_version': 1,
        'resource_class': node.resource_class,
        'vcpus': 0, 'vcpus_used': 0,
        'memory_mb': 0, 'memory_mb_used': 0,
        'local_gb': 0, 'local_gb_used': 0,
        'disk_available_least': 0,
        'cpu_info': None,
        'supported_instances': supported,
        'stats': stats(node),
        'numa_topology': None,
    }


def stats(node: nodes.Node) -> dict[str, str]:
    """Return what flavors may ask for by the scheduler's filters."""
    found = {str(name): str(value) for name, value
             in (node.properties.get('capabilities') or {}).items()}
    if node.properties.get('cpu_arch'):
        found['cpu_arch'] = node.properties['cpu_arch']
    return found


def inventory(node: nodes.Node) -> dict[str, Any]:
    """Return Placement's inventory of a node.

    It is reserved while it cannot have another server: it has one, which may
    be gone from Placement already; it is not clean; or it is not well.
    """
    reserved = (node.maintenance or node.instance_uuid is not None
                or node.provision_state != states.AVAILABLE
                or node.power_state == api.Power.ERROR.value)
    return {os_resource_classes.normalize_name(node.resource_class): {
        'total': 1, 'reserved': int(reserved), 'min_unit': 1, 'max_unit': 1,
        'step_size': 1, 'allocation_ratio': 1.0}}
