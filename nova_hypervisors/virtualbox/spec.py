# SPDX-License-Identifier: Apache-2.0
"""From what Nova asks to what VirtualBox needs: no I/O here."""

from __future__ import annotations

import dataclasses
from pathlib import PurePath
from typing import Any

from nova import exception
from nova import objects
from nova.virt import driver as virt_driver
from oslo_utils import strutils

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import hardware

# Adapters with which a machine starts.  ICH9 has 36 slots, but VirtualBox
# 7.2.22 does not start a machine that uses more than 29 ("Too many LED sets").
_SLOTS = {'piix3': 8, 'ich9': 29}
_CHIPSETS = {'pc': 'piix3', 'piix3': 'piix3', 'q35': 'ich9', 'ich9': 'ich9'}

_NIC_MODELS = {'virtio': 'virtio', 'e1000': '82540EM', 'pcnet': 'Am79C973'}
_DEFAULT_NIC_MODEL = 'virtio'
# VirtualBox's network boot does not know virtio.
_NETWORK_BOOT_NIC_MODEL = 'e1000'

_BOOT_ORDERS = {
    'disk': (api.BootDevice.DISK, api.BootDevice.DVD),
    'network': (api.BootDevice.NETWORK, api.BootDevice.DISK),
}

# Disks are attached in this order.
ROOT_PORT = 0
ISO_PORT = 1
CONFIG_DRIVE_PORT = api.CONFIG_DRIVE_PORT
# A server's own disk while it is rescued.
RESCUED_PORT = api.RESCUED_PORT
_FIRST_FREE_PORT = 2

#: VirtualBox's snapshot of a server that was resized and is not confirmed.
RESIZE_SNAPSHOT = 'before-resize'


@dataclasses.dataclass(frozen=True, slots=True)
class BootPlan:
    """How a server boots.

    :param once: the order for the next boot alone, if it differs
    :param power_on: whether it is started when it has been made
    """

    order: tuple[api.BootDevice, ...]
    once: tuple[api.BootDevice, ...] | None
    power_on: bool


@dataclasses.dataclass(frozen=True, slots=True)
class BlankDisk:
    """An empty disk that a flavor gives: ephemeral or swap."""

    port: int
    path: PurePath
    size_mb: int


def own_property(instance: objects.Instance, name: str) -> str | None:
    """Return a property of ours, of the flavor or else of the image.

    Flavors have ``virtualbox:NAME`` among their extra specs, images have a
    property ``virtualbox_NAME``.  Nova's ImageMeta drops properties that it
    does not know; they are in the system metadata.
    """
    value = instance.flavor.extra_specs.get(f'virtualbox:{name}')
    if value is None:
        value = instance.system_metadata.get(f'image_virtualbox_{name}')
    return value


def boot_plan(instance: objects.Instance) -> BootPlan:
    """:raises InvalidInput: a property has a value that it cannot have"""
    first = _choice(instance, 'boot', 'disk')
    once = _choice(instance, 'boot_once', first)
    power_on = own_property(instance, 'power_on') or 'true'
    try:
        start = strutils.bool_from_string(power_on, strict=True)
    except ValueError:
        raise _invalid('power_on', power_on, ('true', 'false')) from None
    return BootPlan(order=_BOOT_ORDERS[first],
                    once=_BOOT_ORDERS[once] if once != first else None,
                    power_on=start)


def _choice(instance: objects.Instance, name: str, default: str) -> str:
    value = own_property(instance, name) or default
    if value not in _BOOT_ORDERS:
        raise _invalid(name, value, tuple(_BOOT_ORDERS))
    return value


def _invalid(name: str, value: str, valid: tuple[str, ...]) -> Exception:
    return exception.InvalidInput(
        reason=f'virtualbox:{name} (of the flavor) or virtualbox_{name} (of '
        f'the image) is {value!r}; it may be {" or ".join(valid)}')


def spare_adapters(instance: objects.Instance, default: int) -> int:
    """Return how many adapters a server has beyond those that it uses.

    :raises InvalidInput: the property is no number that can be
    """
    text = own_property(instance, 'spare_adapters')
    if text is None:
        return default
    if not text.isdecimal() or int(text) >= _SLOTS['ich9']:
        raise _invalid('spare_adapters', text,
                       (f'a number from 0 to {_SLOTS["ich9"] - 1}',))
    return int(text)


def nic_model(image_meta: objects.ImageMeta, boot: BootPlan) -> str:
    """:raises UnsupportedHardware: VirtualBox has no such adapter"""
    network_boot = api.BootDevice.NETWORK in (boot.order + (boot.once or ()))
    name = image_meta.properties.get(
        'hw_vif_model',
        _NETWORK_BOOT_NIC_MODEL if network_boot else _DEFAULT_NIC_MODEL)
    if name not in _NIC_MODELS:
        raise exception.UnsupportedHardware(model=name, virt='vbox')
    return _NIC_MODELS[name]


def chipset(image_meta: objects.ImageMeta, nics: int) -> str:
    """:raises UnsupportedHardware: VirtualBox has no such chipset"""
    name = image_meta.properties.get('hw_machine_type')
    if name is None:
        return 'piix3' if nics <= _SLOTS['piix3'] else 'ich9'
    if name not in _CHIPSETS:
        raise exception.UnsupportedHardware(model=name, virt='vbox')
    return _CHIPSETS[name]


def slots(chipset_name: str) -> range:
    """Return the slots of a chipset; of one that is not ours, the fewest."""
    return range(1, _SLOTS.get(chipset_name, _SLOTS['piix3']) + 1)


def machine_spec(instance: objects.Instance, image_meta: objects.ImageMeta,
                 instance_files: files.InstanceFiles, *,
                 machine_uuid: str,
                 nics: tuple[api.Nic, ...],
                 boot_order: tuple[api.BootDevice, ...],
                 remote_display: api.RemoteDisplay | None,
                 disk_ports: int,
                 ) -> api.MachineSpec:
    wanted = hardware.plan(instance, image_meta)
    return api.MachineSpec(
        uuid=machine_uuid,
        name=instance.name,
        folder=instance_files.machine_folder,
        vcpus=instance.flavor.vcpus,
        memory_mb=instance.flavor.memory_mb,
        os_type=wanted.os_type,
        chipset=chipset(image_meta, len(nics)),
        boot_order=boot_order,
        nics=nics,
        snapshot_folder=instance_files.snapshot_folder,
        firmware=wanted.firmware,
        boot_menu=wanted.boot_menu,
        disk_ports=disk_ports,
        disk_bus=wanted.disk_bus,
        unsafe_cache=wanted.unsafe_cache,
        limits=wanted.limits,
        serial_socket=(instance_files.serial_socket
                       if instance_files.host is None else None),
        serial_log=instance_files.host is not None,
        remote_display=remote_display,
        description=f'{instance.display_name}\n'
        f'OpenStack server {instance.uuid} of project {instance.project_id}')


def blank_disks(block_device_info: dict[str, Any],
                instance_files: files.InstanceFiles) -> list[BlankDisk]:
    """Return the ephemeral disks and the swap disk that a server gets."""
    ephemerals = virt_driver.block_device_info_get_ephemerals(
        block_device_info)
    disks = [(instance_files.ephemeral_disk(index), ephemeral['size'] * 1024)
             for index, ephemeral in enumerate(ephemerals)]
    swap = virt_driver.block_device_info_get_swap(block_device_info)
    if virt_driver.swap_is_usable(swap):
        disks.append((instance_files.swap_disk, swap['swap_size']))
    return [BlankDisk(port, path, size_mb) for port, (path, size_mb)
            in enumerate(disks, start=_FIRST_FREE_PORT)]
