# SPDX-License-Identifier: Apache-2.0
"""What a server's machine is like, by its flavor and its image: no I/O here.

The properties are those of Nova's driver for vCenter.  One that a host has
nothing for is refused, never left out.
"""

from __future__ import annotations

import dataclasses

from nova import exception
from nova import objects
from nova.virt import hardware as nova_hardware
from oslo_utils import strutils

from nova_hypervisors.clients.vsphere import api

DEFAULT_GUEST_ID = 'otherGuest64'

_SCSI_MODELS = {'lsilogic': api.DiskBus.LSI_LOGIC,
                'lsisas1068': api.DiskBus.LSI_LOGIC_SAS,
                'buslogic': api.DiskBus.BUS_LOGIC,
                'vmpvscsi': api.DiskBus.PARAVIRTUAL}

_PROVISIONING = {'preallocated': api.Provisioning.THICK,
                 'thick': api.Provisioning.THICK,
                 'thin': api.Provisioning.THIN,
                 'eagerZeroedThick': api.Provisioning.EAGER_ZEROED,
                 # How an image comes does not bind what is made of it.
                 'sparse': api.Provisioning.THICK,
                 'streamOptimized': api.Provisioning.THICK}

_NIC_MODELS = {model.value: model for model in api.NicModel}

_SHARES = ('low', 'normal', 'high', 'custom')

# What Nova's quotas have and a host has not.
_NO_LIMITS = {
    **dict.fromkeys(
        (f'quota:disk_{what}_bytes_sec' for what in (
            'read', 'write', 'total')),
        'it counts requests of 32 KiB and no bytes: use '
        'quota:disk_io_limit'),
    **dict.fromkeys(
        (f'quota:disk_{what}_iops_sec' for what in ('read', 'write')),
        'reading and writing count together: use quota:disk_io_limit'),
    **dict.fromkeys(
        ('quota:vif_limit', 'quota:vif_reservation',
         'quota:vif_shares_level',
         *(f'quota:vif_{way}_{what}' for way in ('inbound', 'outbound')
           for what in ('average', 'peak', 'burst'))),
        'only distributed switches, which need vCenter, limit an adapter'),
}
# Of which libvirt's is the second.
_IO_LIMITS = ('quota:disk_io_limit', 'quota:disk_total_iops_sec')
# VirtualDisk.storageIOAllocation, SharesInfo: of each disk.
_LEAST_IO_SHARES, _MOST_IO_SHARES = 200, 4000

_GUEST_IDS = {'linux': 'otherLinux64Guest', 'windows': 'windows9Server64Guest'}


@dataclasses.dataclass(frozen=True, slots=True)
class Hardware:
    """See api.MachineSpec."""

    guest_id: str
    firmware: str
    secure_boot: bool
    cores_per_socket: int
    cpu: api.Allocation
    memory: api.Allocation
    disk_io: api.Allocation
    disk_bus: api.DiskBus
    provisioning: api.Provisioning
    nic_model: api.NicModel
    power_on: bool


def plan(instance: objects.Instance,
         image_meta: objects.ImageMeta) -> Hardware:
    """:raises InvalidInput: a property has a value that it cannot have

    :raises UnsupportedHardware: a host has no such thing
    """
    flavor = instance.flavor
    for name, reason in _NO_LIMITS.items():
        if name in flavor.extra_specs:
            raise exception.InvalidInput(
                reason=f'a host by itself has no limit such as {name} '
                f'({flavor.extra_specs[name]}) of the flavor: {reason}')
    efi = image_meta.properties.get('hw_firmware_type') == 'uefi'
    policy = nova_hardware.get_secure_boot_constraint(flavor, image_meta)
    if policy == 'required' and not efi:
        raise exception.InvalidInput(
            reason='secure boot is required (os_secure_boot of the image or '
            'os:secure_boot of the flavor) and needs an image with '
            'hw_firmware_type=uefi')
    return Hardware(
        guest_id=guest_id(instance, image_meta),
        firmware='efi' if efi else 'bios',
        secure_boot=efi and policy in ('required', 'optional'),
        cores_per_socket=cores_per_socket(flavor, image_meta),
        cpu=_allocation(flavor, 'cpu'),
        memory=_allocation(flavor, 'memory'),
        disk_io=disk_io(flavor),
        disk_bus=disk_bus(image_meta),
        provisioning=provisioning(image_meta),
        nic_model=nic_model(image_meta),
        power_on=power_on(instance))


def guest_id(instance: objects.Instance,
             image_meta: objects.ImageMeta) -> str:
    """Return vSphere's name of the guest: vmware_ostype of the image."""
    # Nova's ImageMeta makes os_distro of it, in which others say other things.
    found = instance.system_metadata.get('image_vmware_ostype')
    if found:
        return str(found)
    return _GUEST_IDS.get(image_meta.properties.get('os_type') or '',
                          DEFAULT_GUEST_ID)


def cores_per_socket(flavor: objects.Flavor,
                     image_meta: objects.ImageMeta) -> int:
    topology = nova_hardware.get_best_cpu_topology(flavor, image_meta)
    return int(topology.cores)


def disk_bus(image_meta: objects.ImageMeta) -> api.DiskBus:
    """Return the bus of a server's disks: vmware_adaptertype, or Nova's own.

    :raises UnsupportedHardware: a host has no such bus
    """
    bus = image_meta.properties.get('hw_disk_bus', 'scsi')
    if bus == 'ide':
        return api.DiskBus.IDE
    model = image_meta.properties.get('hw_scsi_model', 'lsilogic')
    if bus != 'scsi' or model not in _SCSI_MODELS:
        raise exception.UnsupportedHardware(
            model=model if bus == 'scsi' else bus, virt='vmware')
    return _SCSI_MODELS[model]


def provisioning(image_meta: objects.ImageMeta) -> api.Provisioning:
    """Return how a root disk takes room: vmware_disktype of the image."""
    name = image_meta.properties.get('hw_disk_type', 'preallocated')
    if name not in _PROVISIONING:
        raise exception.InvalidInput(
            reason=f'vmware_disktype of the image is {name!r}; it may be '
            + ', '.join(_PROVISIONING))
    return _PROVISIONING[name]


def nic_model(image_meta: objects.ImageMeta) -> api.NicModel:
    """:raises UnsupportedHardware: a host has no such adapter"""
    name = image_meta.properties.get('hw_vif_model', 'e1000')
    if name not in _NIC_MODELS:
        raise exception.UnsupportedHardware(model=name, virt='vmware')
    return _NIC_MODELS[name]


def power_on(instance: objects.Instance) -> bool:
    """Return whether a new server is started: vmware:power_on."""
    value = instance.flavor.extra_specs.get('vmware:power_on')
    if value is None:
        value = instance.system_metadata.get('image_vmware_power_on', 'true')
    try:
        return bool(strutils.bool_from_string(value, strict=True))
    except ValueError:
        raise exception.InvalidInput(
            reason='vmware:power_on (of the flavor) or vmware_power_on (of '
            f'the image) is {value!r}; it may be true or false') from None


def disk_io(flavor: objects.Flavor) -> api.Allocation:
    """Return what each disk of a server gets: requests a second."""
    found = _allocation(flavor, 'disk_io')
    if all(name in flavor.extra_specs for name in _IO_LIMITS):
        raise exception.InvalidInput(
            reason=f'the flavor has {" and ".join(_IO_LIMITS)}, which mean '
            'the same: take one out')
    shares = found.shares
    if shares is not None and shares.level == 'custom' and not (
            _LEAST_IO_SHARES <= shares.number <= _MOST_IO_SHARES):
        raise exception.InvalidInput(
            reason='quota:disk_io_shares_share of the flavor is '
            f'{shares.number}; it may be {_LEAST_IO_SHARES} to '
            f'{_MOST_IO_SHARES}')
    limits = [_number(flavor, name) for name in _IO_LIMITS]
    return dataclasses.replace(
        found, reservation=found.reservation or None,
        limit=next(filter(None, limits), None),
        shares=None if shares == api.Shares() else shares)


def _allocation(flavor: objects.Flavor, what: str) -> api.Allocation:
    level = flavor.extra_specs.get(f'quota:{what}_shares_level')
    shares = None
    if level is not None:
        if level not in _SHARES:
            raise exception.InvalidInput(
                reason=f'quota:{what}_shares_level of the flavor is '
                f'{level!r}; it may be {", ".join(_SHARES)}')
        shares = api.Shares(level, _number(
            flavor, f'quota:{what}_shares_share') or 0)
    return api.Allocation(
        reservation=_number(flavor, f'quota:{what}_reservation'),
        limit=_number(flavor, f'quota:{what}_limit'), shares=shares)


def _number(flavor: objects.Flavor, name: str) -> int | None:
    text = flavor.extra_specs.get(name)
    if text is None:
        return None
    if not str(text).isdecimal():
        raise exception.InvalidInput(
            reason=f'{name} of the flavor is {text!r}; it is a whole number')
    return int(text)
