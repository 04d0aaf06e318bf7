# SPDX-License-Identifier: Apache-2.0
"""What a server boots from, by its flavor and its image: no I/O here."""

from __future__ import annotations

import dataclasses

from nova import exception
from nova import objects

from nova_hypervisors.clients.vsphere import api

#: A key of a machine whose next start is the special one.
PENDING = 'nova-hypervisors.boot-once'

_ORDERS = {'disk': (api.BootDevice.DISK,),
           'network': (api.BootDevice.NETWORK, api.BootDevice.DISK)}


@dataclasses.dataclass(frozen=True, slots=True)
class BootPlan:
    """How a server boots.

    :param order: None: as the host does it of itself
    :param once: the order for the next boot alone, if it differs
    """

    order: tuple[api.BootDevice, ...] | None = None
    once: tuple[api.BootDevice, ...] | None = None


def plan(instance: objects.Instance) -> BootPlan:
    """:raises InvalidInput: a property has a value that it cannot have"""
    first = _choice(instance, 'boot')
    once = _choice(instance, 'boot_once')
    if once is None or once == first:
        return BootPlan(_ORDERS[first] if first else None)
    return BootPlan(_ORDERS[first or 'disk'], _ORDERS[once])


def first_boot(instance: objects.Instance, starts: bool,
               again: bool) -> api.MachineChange | None:
    """Return what a machine that was just made needs, if anything.

    :param starts: it is started at once
    :param again: the server has been started before, elsewhere
    """
    wanted = plan(instance)
    if wanted.order is None:
        return None
    if again:
        return api.MachineChange(boot_order=wanted.order)
    pending = wanted.once is not None and not starts
    return api.MachineChange(
        boot_order=wanted.once or wanted.order,
        extra_config={PENDING: 'true'} if pending else {})


def later_boot(instance: objects.Instance,
               details: api.MachineDetails) -> api.MachineChange | None:
    """Return what a machine needs before it is started again, if anything.

    :param details: of the machine
    """
    wanted = plan(instance)
    if wanted.once is None:
        return None
    if PENDING in details.extra_config:
        # An empty value takes a key away.
        return api.MachineChange(boot_order=wanted.once,
                                 extra_config={PENDING: ''})
    return api.MachineChange(boot_order=wanted.order)


def _choice(instance: objects.Instance, name: str) -> str | None:
    # Nova's ImageMeta drops properties that it does not know.
    value = instance.flavor.extra_specs.get(f'vmware:{name}')
    if value is None:
        value = instance.system_metadata.get(f'image_vmware_{name}')
    if value is None or value in _ORDERS:
        return value
    raise exception.InvalidInput(
        reason=f'vmware:{name} (of the flavor) or vmware_{name} (of the '
        f'image) is {value!r}; it may be {" or ".join(_ORDERS)}')
