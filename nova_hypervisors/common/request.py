# SPDX-License-Identifier: Apache-2.0
"""What Nova asks for when it wants a server, as one value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects


@dataclasses.dataclass(frozen=True, slots=True)
class SpawnRequest:
    """The arguments of ComputeDriver.spawn that a driver can use.

    :param network_info: a list of nova.network.model.VIF
    :param block_device_info: see nova.virt.driver.get_block_device_info
    :param injected_files: their paths, and what is in them
    """

    context: nova_context.RequestContext
    instance: objects.Instance
    image_meta: objects.ImageMeta
    network_info: list[Any]
    block_device_info: dict[str, Any]
    power_on: bool = True
    injected_files: list[tuple[str, str]] = dataclasses.field(
        default_factory=list, repr=False)
    admin_password: str = dataclasses.field(default='', repr=False)

    @classmethod
    def of(cls, context: nova_context.RequestContext,
           instance: objects.Instance, image_meta: objects.ImageMeta,
           network_info: Iterable[Any] | None,
           block_device_info: dict[str, Any] | None, power_on: bool = True,
           injected_files: Iterable[Any] | None = None,
           admin_password: str | None = None) -> SpawnRequest:
        """Make one of Nova's own arguments, of which any may be None."""
        return cls(context, instance, image_meta, list(network_info or ()),
                   block_device_info or {}, power_on,
                   list(injected_files or ()), admin_password or '')


def rescue_image(instance: objects.Instance,
                 image_meta: objects.ImageMeta) -> str:
    """Return the UUID of the image that a server is rescued with."""
    return str(image_meta.id if image_meta.obj_attr_is_set('id')
               else instance.image_ref)


def stable_rescue(instance: objects.Instance, image_meta: objects.ImageMeta,
                  device: str, bus: str) -> bool:
    """Say whether a server's devices have to stay where they are in a rescue.

    Images ask for that: see "Rescue an instance" in Nova's user guide.

    :param device: what the hypervisor can make of the image; of
        nova.objects.fields.BlockDeviceType
    :param bus: on which that is; of nova.objects.fields.DiskBus
    :raises InstanceNotRescuable: the image asks for something else
    """
    can = {'hw_rescue_device': device, 'hw_rescue_bus': bus}
    asked = {name: value for name in can
             if (value := image_meta.properties.get(name)) is not None}
    for name, value in asked.items():
        if value != can[name]:
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=f"the image's property "
                f'{name} is {value!r}; this hypervisor can rescue with '
                f'hw_rescue_device={device} and hw_rescue_bus={bus} only')
    return bool(asked)
