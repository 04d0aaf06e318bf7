# SPDX-License-Identifier: Apache-2.0
"""What a guest is told of those of its devices that have tags.

Nova keeps the tags with ports and volumes, and gives what is made of them here
to guests, on config drives and by its metadata service.  A guest knows a
network adapter by its MAC address, and a disk by its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import objects


@dataclasses.dataclass(frozen=True, slots=True)
class Tags:
    """:param ports: by the port's ID

    :param disks: by the device's name, /dev/sdb for one
    :param volumes: their IDs, by the device's name
    """

    ports: Mapping[str, str]
    disks: Mapping[str, str]
    volumes: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Records:
    """Nova's own records of a server."""

    def tags(self, context: nova_context.RequestContext,
             instance: objects.Instance) -> Tags:
        vifs = objects.VirtualInterfaceList.get_by_instance_uuid(
            context, instance.uuid)
        disks = objects.BlockDeviceMappingList.get_by_instance_uuid(
            context, instance.uuid)
        return Tags(
            {vif.uuid: vif.tag for vif in vifs if 'tag' in vif and vif.tag},
            {disk.device_name: disk.tag for disk in disks if disk.tag},
            {disk.device_name: disk.volume_id for disk in disks
             if disk.volume_id})

    def save(self, instance: objects.Instance) -> None:
        instance.save()


class DeviceMetadata:
    def __init__(self, records: Records) -> None:
        self._records = records

    def set(self, context: nova_context.RequestContext,
            instance: objects.Instance,
            network_info: Iterable[dict[str, Any]]) -> None:
        """Note a server's devices; Nova saves the instance later.

        :param network_info: the ports that it has
        """
        tags = self._records.tags(context, instance)
        instance.device_metadata = objects.InstanceDeviceMetadata(devices=[
            *(objects.NetworkInterfaceMetadata(
                mac=vif['address'], tags=[tags.ports[vif['id']]])
              for vif in network_info if vif['id'] in tags.ports),
            *(_disk(name, tag, tags.volumes.get(name))
              for name, tag in tags.disks.items() if name)])

    def update(self, context: nova_context.RequestContext,
               instance: objects.Instance, *,
               added: Iterable[dict[str, Any]] = (),
               removed: Iterable[dict[str, Any]] = ()) -> None:
        """Note a server's devices after they have changed, and save them.

        :param added: ports that Nova may not know of yet
        :param removed: ports that Nova still knows
        """
        ports = {vif['id']: vif for vif in instance.get_network_info() or ()}
        ports |= {vif['id']: vif for vif in added}
        for vif in removed:
            ports.pop(vif['id'], None)
        self.set(context, instance, ports.values())
        self._records.save(instance)


def _disk(name: str, tag: str, volume_id: str | None) -> objects.DiskMetadata:
    disk = objects.DiskMetadata(path=name, tags=[tag])
    if volume_id:
        # By this Nova finds it when the volume is detached.
        disk.serial = volume_id
    return disk
