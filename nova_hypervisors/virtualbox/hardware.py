# SPDX-License-Identifier: Apache-2.0
"""What a server's machine is like, by its flavor and its image: no I/O here.

A property that VirtualBox has nothing for is refused, never left out.
"""

from __future__ import annotations

import dataclasses
import math

from nova import exception
from nova import objects
from nova.objects import fields
from nova.virt import hardware as nova_hardware
from oslo_utils import strutils
from oslo_utils import units

from nova_hypervisors.clients.vbox import api

_DISK_BUSES = {'sata': api.DiskBus.SATA, 'ide': api.DiskBus.IDE,
               'virtio': api.DiskBus.VIRTIO}
_SCSI_MODELS = {'lsilogic': api.DiskBus.SCSI, 'lsisas1068': api.DiskBus.SAS,
                'virtio-scsi': api.DiskBus.VIRTIO}

_DEFAULT_OS_TYPE = 'Other_64'
_OS_TYPES = {'linux': 'Linux_64', 'windows': 'WindowsNT_64'}
# By Glance's names of them; VirtualBox 7.0 has all these.
_DISTRIBUTIONS = {
    'almalinux': 'RedHat_64', 'arch': 'ArchLinux_64', 'centos': 'RedHat_64',
    'debian': 'Debian_64', 'fedora': 'Fedora_64', 'freebsd': 'FreeBSD_64',
    'gentoo': 'Gentoo_64', 'mandriva': 'Mandriva_64', 'msdos': 'DOS',
    'netbsd': 'NetBSD_64', 'netware': 'Netware', 'openbsd': 'OpenBSD_64',
    'opensolaris': 'OpenSolaris_64', 'opensuse': 'OpenSUSE_64',
    'oracle': 'Oracle_64', 'rhel': 'RedHat_64', 'rocky': 'RedHat_64',
    'sled': 'OpenSUSE_64', 'sles': 'OpenSUSE_64', 'ubuntu': 'Ubuntu_64',
}
_WINDOWS_VERSIONS = {
    version: f'Windows{version.replace(".", "")}_64' for version in
    ('7', '8', '8.1', '10', '11', '2008', '2012', '2016', '2019', '2022')}

# What Nova's quotas have and VirtualBox has not.
_NO_LIMITS = {
    **dict.fromkeys(
        (f'quota:disk_{what}_bytes_sec' for what in ('read', 'write')),
        'reading and writing count together: use quota:disk_total_bytes_sec'),
    **dict.fromkeys(
        (f'quota:disk_{what}_iops_sec' for what in ('read', 'write', 'total')),
        'it counts bytes and no requests: use quota:disk_total_bytes_sec'),
    **dict.fromkeys(
        (f'quota:vif_inbound_{what}' for what in ('average', 'peak', 'burst')),
        'it limits what a server sends: use quota:vif_outbound_average'),
}
_DISK_LIMIT = 'quota:disk_total_bytes_sec'
_NIC_LIMIT = 'quota:vif_outbound_average'

_CACHE = 'virtualbox:disk_cache'
_CACHES = {'safe': False, 'unsafe': True}


@dataclasses.dataclass(frozen=True, slots=True)
class Hardware:
    """See api.MachineSpec."""

    os_type: str
    firmware: api.Firmware
    boot_menu: bool
    disk_bus: api.DiskBus
    unsafe_cache: bool
    limits: api.Limits


def plan(instance: objects.Instance,
         image_meta: objects.ImageMeta) -> Hardware:
    """:raises InvalidInput: a property has a value that it cannot have

    :raises UnsupportedHardware: VirtualBox has no such thing
    """
    flavor = instance.flavor
    found = Hardware(
        os_type=os_type(instance, image_meta),
        firmware=firmware(flavor, image_meta),
        boot_menu=boot_menu(flavor, image_meta),
        disk_bus=disk_bus(image_meta),
        unsafe_cache=unsafe_cache(flavor),
        limits=limits(flavor))
    if found.unsafe_cache and found.limits.disk_kib_s:
        raise exception.InvalidInput(
            reason=f'the flavor has both {_CACHE}=unsafe and {_DISK_LIMIT}; '
            "VirtualBox does not limit what goes through the host's cache")
    return found


def os_type(instance: objects.Instance, image_meta: objects.ImageMeta) -> str:
    """Return VirtualBox's name of what the image says is on it."""
    distribution = (image_meta.properties.get('os_distro') or '').lower()
    kind = image_meta.properties.get('os_type') or ''
    if 'windows' in (distribution, kind):
        # Nova's ImageMeta drops it.
        version = instance.system_metadata.get('image_os_version', '')
        return _WINDOWS_VERSIONS.get(version, _OS_TYPES['windows'])
    return _DISTRIBUTIONS.get(distribution,
                              _OS_TYPES.get(kind, _DEFAULT_OS_TYPE))


def disk_bus(image_meta: objects.ImageMeta) -> api.DiskBus:
    name = image_meta.properties.get('hw_disk_bus', 'sata')
    buses = _DISK_BUSES
    if name == 'scsi':
        name = image_meta.properties.get('hw_scsi_model', 'lsilogic')
        buses = _SCSI_MODELS
    if name not in buses:
        raise exception.UnsupportedHardware(model=name, virt='vbox')
    return buses[name]


def firmware(flavor: objects.Flavor,
             image_meta: objects.ImageMeta) -> api.Firmware:
    efi = image_meta.properties.get('hw_firmware_type') == 'uefi'
    if nova_hardware.get_stateless_firmware_constraint(image_meta):
        raise exception.InvalidInput(
            reason='the image has hw_firmware_stateless=true; the EFI of '
            'VirtualBox keeps its variables in a file')
    policy = nova_hardware.get_secure_boot_constraint(flavor, image_meta)
    if policy == 'required' and not efi:
        raise exception.InvalidInput(
            reason='secure boot is required (os_secure_boot of the image or '
            'os:secure_boot of the flavor) and needs an image with '
            'hw_firmware_type=uefi')
    module = nova_hardware.get_vtpm_constraint(flavor, image_meta)
    if module and module.model != fields.TPMModel.TIS:
        raise exception.UnsupportedHardware(model=module.model, virt='vbox')
    return api.Firmware(
        efi=efi, secure_boot=efi and policy in ('required', 'optional'),
        tpm=module.version if module else '')


def boot_menu(flavor: objects.Flavor, image_meta: objects.ImageMeta) -> bool:
    """As Nova's libvirt driver has it: hw:boot_menu or hw_boot_menu."""
    name = 'hw:boot_menu'
    text = flavor.extra_specs.get(name, 'false')
    try:
        return (strutils.bool_from_string(text, strict=True)
                or bool(image_meta.properties.get('hw_boot_menu')))
    except ValueError:
        raise exception.InvalidInput(
            reason=f'{name} of the flavor is {text!r}; it may be true or '
            'false') from None


def limits(flavor: objects.Flavor) -> api.Limits:
    for name, reason in _NO_LIMITS.items():
        if _number(flavor, name):
            raise exception.InvalidInput(
                reason=f'VirtualBox has no limit such as {name} '
                f'({flavor.extra_specs[name]}) of the flavor: {reason}')
    return api.Limits(
        disk_kib_s=math.ceil(_number(flavor, _DISK_LIMIT) / units.Ki),
        nic_kib_s=_number(flavor, _NIC_LIMIT))


def _number(flavor: objects.Flavor, name: str) -> int:
    text = str(flavor.extra_specs.get(name, '0'))
    if not text.isdecimal():
        raise exception.InvalidInput(
            reason=f'{name} of the flavor is {text!r}; it is a whole number, '
            'and 0 for no limit')
    return int(text)


def unsafe_cache(flavor: objects.Flavor) -> bool:
    """Return whether a flavor trades its servers' data for speed.

    Images can't: it is the operator's memory that is used.
    """
    value = flavor.extra_specs.get(_CACHE, 'safe')
    if value not in _CACHES:
        raise exception.InvalidInput(
            reason=f'{_CACHE} of the flavor is {value!r}; it may be '
            f'{" or ".join(_CACHES)}')
    return _CACHES[value]
