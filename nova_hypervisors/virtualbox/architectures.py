# SPDX-License-Identifier: Apache-2.0
"""Machines for the processor that the host has: VirtualBox emulates none.

On ARM there are one chipset, EFI, and fewer adapters.  What VirtualBox 7.2.22
offers there it has said itself (IPlatformProperties); no machine has run.
"""

from __future__ import annotations

import dataclasses

from nova import exception
from nova import objects
from nova.objects import fields

from nova_hypervisors.clients.vbox import api

_X86 = (fields.Architecture.X86_64, fields.Architecture.I686)

_ARM_CHIPSET = 'armv8virtual'
_ARM_SLOTS = 8
_ARM_NIC_MODELS = ('virtio', '82540EM')
_ARM_DEFAULT_OS_TYPE = 'Other_arm64'
_ARM_OS_TYPES = {'linux': 'Linux_arm64', 'windows': 'Windows11_arm64'}


def check(image_meta: objects.ImageMeta, host: str) -> None:
    """Refuse an image for another processor, which the scheduler should have.

    :param host: the host's architecture, as uname has it
    :raises ImageUnacceptable: it cannot run here
    """
    wanted = image_meta.properties.get('hw_architecture')
    if wanted is None:
        return
    own = fields.Architecture.canonicalize(host)
    if wanted != own and not (wanted in _X86 and own in _X86):
        raise exception.ImageUnacceptable(
            image_id=image_meta.id if 'id' in image_meta else '',
            reason=f'its hw_architecture is {wanted}, and this host is {own}')


def adapted(machine: api.MachineSpec, image_meta: objects.ImageMeta,
            host: str) -> api.MachineSpec:
    """Return a machine as this host can run it.

    :raises UnsupportedHardware: there is no such hardware for its processor
    """
    if fields.Architecture.canonicalize(host) != fields.Architecture.AARCH64:
        return machine
    if api.BootDevice.NETWORK in machine.boot_order:
        raise _unsupported('network boot')
    for nic in machine.nics:
        if nic.model not in _ARM_NIC_MODELS:
            raise _unsupported(nic.model)
    if len(machine.nics) > _ARM_SLOTS:
        raise _unsupported(f'{len(machine.nics)} network adapters')
    os_type = machine.os_type
    if not os_type.endswith('_arm64'):
        os_type = _ARM_OS_TYPES.get(
            image_meta.properties.get('os_type') or '', _ARM_DEFAULT_OS_TYPE)
    return dataclasses.replace(machine, architecture='arm',
                               chipset=_ARM_CHIPSET, os_type=os_type)


def _unsupported(model: str) -> Exception:
    return exception.UnsupportedHardware(model=model, virt='VirtualBox on ARM')
