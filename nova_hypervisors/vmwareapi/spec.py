# SPDX-License-Identifier: Apache-2.0
"""From what Nova asks to what a host needs: no I/O here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nova import objects
from nova.virt import driver as virt_driver
from oslo_utils import units

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import layout

ROOT_UNIT = 0
# Of an IDE or SCSI adapter; the units of a SCSI adapter itself are left out.
_FIRST_FREE_UNIT = 1
_SCSI_OWN_UNIT = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """Where a new server's root disk comes from.

    :param base: the image on the datastore
    :param linked: the disk is a child of it
    :param size: of the disk, in bytes
    """

    base: api.DatastorePath
    linked: bool
    size: int


def machine_name(instance: objects.Instance) -> str:
    """Return a name that no other machine of the host has.

    A host refuses a name that is taken, and other clouds count their servers
    from 1, too.
    """
    return f'{instance.name} ({instance.uuid})'


def instance_name(machine: api.Machine) -> str:
    """Return what :func:`machine_name` was made of."""
    return machine.name.removesuffix(f' ({machine.instance_uuid})')


def machine_spec(instance: objects.Instance, wanted: hardware.Hardware,
                 files: layout.InstanceFiles, *,
                 disks: tuple[api.Disk, ...], nics: tuple[api.Nic, ...],
                 cdrom: api.DatastorePath | None,
                 extra_config: Mapping[str, str]) -> api.MachineSpec:
    return api.MachineSpec(
        uuid=instance.uuid,
        name=machine_name(instance),
        path=files.machine,
        vcpus=instance.flavor.vcpus,
        memory_mb=instance.flavor.memory_mb,
        guest_id=wanted.guest_id,
        cores_per_socket=wanted.cores_per_socket,
        firmware=wanted.firmware,
        secure_boot=wanted.secure_boot,
        disks=disks,
        nics=nics,
        cdrom=cdrom,
        cpu=wanted.cpu,
        memory=wanted.memory,
        extra_config=extra_config,
        serial_file=files.console_log,
        annotation=f'{instance.display_name}\n'
        f'OpenStack server {instance.uuid} of project {instance.project_id}')


def root_disk(root: Root, files: layout.InstanceFiles,
              wanted: hardware.Hardware) -> api.Disk:
    return api.Disk(
        path=files.root_disk, size=root.size, bus=wanted.disk_bus,
        unit=ROOT_UNIT, create=root.linked,
        parent=root.base if root.linked else None,
        provisioning=wanted.provisioning, io=wanted.disk_io)


def blank_disks(block_device_info: dict[str, Any],
                files: layout.InstanceFiles,
                wanted: hardware.Hardware) -> tuple[api.Disk, ...]:
    """Return the ephemeral disks and the swap disk that a server gets."""
    found = [(files.ephemeral_disk(index), ephemeral['size'] * units.Gi)
             for index, ephemeral in enumerate(
                 virt_driver.block_device_info_get_ephemerals(
                     block_device_info))]
    swap = virt_driver.block_device_info_get_swap(block_device_info)
    if virt_driver.swap_is_usable(swap):
        found.append((files.swap_disk, swap['swap_size'] * units.Mi))
    return tuple(
        api.Disk(path=path, size=size, bus=wanted.disk_bus, unit=unit(index),
                 create=True, provisioning=wanted.provisioning,
                 io=wanted.disk_io)
        for index, (path, size) in enumerate(found, _FIRST_FREE_UNIT))


def unit(index: int) -> int:
    """Return the unit of a machine's disk, by its number."""
    return index if index < _SCSI_OWN_UNIT else index + 1
