# SPDX-License-Identifier: Apache-2.0
"""Volumes of Cinder, which the host reaches by iSCSI or Fibre Channel.

A volume is a raw device mapping: a file in the server's folder that stands
for a disk of the storage.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from nova import exception
from nova import objects
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import volumes as cinder
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import spec
from nova_hypervisors.vmwareapi import volumes

LOG = logging.getLogger(__name__)


class VolumeOps:
    """:param host: [DEFAULT] host"""

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks, *, host: str) -> None:
        self._client = client
        self._machines = machine_map
        self._locks = instance_locks
        self._host = host

    def connector(self, address: str) -> dict[str, Any]:
        """Return what Cinder has to know to let us in.

        :param address: from which the host reaches the storage
        """
        found = {'host': self._host, 'ip': address, 'multipath': False,
                 'platform': 'x86_64', 'os_type': 'esx'}
        adapters = self._client.fibre_channel_adapters()
        if adapters:
            found |= {'wwpns': [one.port_name for one in adapters],
                      'wwnns': [one.node_name for one in adapters]}
        try:
            found['initiator'] = self._client.iscsi_adapter().iqn
        except errors.VolumeUnavailable:
            if not adapters:
                raise
        return found

    def planned(self, block_device_info: Mapping[str, Any] | None,
                ) -> list[volumes.Volume]:
        return volumes.planned(block_device_info)

    def attach(self, instance: objects.Instance,
               connection_info: Mapping[str, Any],
               encryption: Mapping[str, Any] | None) -> None:
        """Attach a volume to a server, also if it runs."""
        wanted = volumes.volume(connection_info, encryption)
        with self._locks.hold(instance.uuid):
            self.attach_all(self._machines.ref(instance.uuid), [wanted])

    def attach_all(self, ref: str, wanted: list[volumes.Volume]) -> None:
        """Attach volumes to a machine whose instance's lock is held."""
        for volume in wanted:
            details = self._client.machine_details(ref)
            self._client.change_machine(ref, api.MachineChange(
                add_disks=(self._disk(volume, details),)))

    def _disk(self, volume: volumes.Volume,
              details: api.MachineDetails) -> api.Disk:
        self._client.add_target(volume.target)
        found = self._client.find_lun(volume.target, volume.lun)
        bus = (details.disks[0].bus if details.disks
               else api.DiskBus.LSI_LOGIC)
        if bus is api.DiskBus.IDE:
            # Raw devices are SCSI devices.
            bus = api.DiskBus.LSI_LOGIC
        taken = {disk.unit for disk in details.disks if disk.bus is bus}
        index = next(index for index in range(len(taken) + 1)
                     if spec.unit(index) not in taken)
        return api.Disk(
            path=None, size=found.size, bus=bus, create=True,
            unit=spec.ROOT_UNIT if volume.boots else spec.unit(index),
            device=found.device, uuid=found.uuid)

    def detach(self, instance: objects.Instance,
               connection_info: Mapping[str, Any]) -> None:
        """Detach a volume from a server, also if it runs.

        :raises DiskNotFound: the server does not have it
        """
        volume = volumes.volume(connection_info)
        with self._locks.hold(instance.uuid):
            disk = self._attached(instance.uuid, volume)
            if disk is None or disk.key is None:
                raise exception.DiskNotFound(
                    location=f'{volume.target.name}, LUN {volume.lun}')
            self._client.change_machine(
                self._machines.ref(instance.uuid),
                api.MachineChange(remove_disks=(disk.key,)))
            self._client.remove_target(volume.target)

    def extend(self, instance: objects.Instance,
               connection_info: Mapping[str, Any], size: int) -> None:
        """Let the host look how large a volume is, which a guest sees then.

        :param size: in bytes
        :raises VolumeUnavailable: it has not grown
        """
        volume = volumes.volume(connection_info)
        with self._locks.hold(instance.uuid):
            self._client.rescan(volume.target)
            found = self._client.find_lun(volume.target, volume.lun)
        if found.size < size:
            raise errors.VolumeUnavailable(
                f'the host sees {found.size} bytes of LUN {volume.lun} of '
                f'{volume.target.name}, and not the {size} to which it is '
                'said to have grown')

    def _attached(self, instance_uuid: str,
                  volume: volumes.Volume) -> api.Disk | None:
        try:
            details = self._client.machine_details(
                self._machines.ref(instance_uuid))
        except errors.MachineNotFound:
            # Nova takes it for detached then, which it is.
            return None
        return self._found(details.disks, volume)

    def _found(self, disks: Iterable[api.Disk],
               volume: volumes.Volume) -> api.Disk | None:
        try:
            lun = self._client.find_lun(volume.target, volume.lun)
        except errors.VolumeUnavailable:
            return None
        if lun.detached:
            return None
        # A host may tell its path as it was given, or as it knows it itself.
        return next((disk for disk in disks if disk.device and (
            lun.uuid == disk.uuid or lun.device == disk.device)), None)

    def match(self, instance: objects.Instance,
              block_device_info: Mapping[str, Any] | None) -> None:
        """Give a machine that is off the volumes that its server has.

        The instance's lock is held.  A volume that it does not have any more
        may be somebody else's by now.
        """
        if not block_device_info:
            return
        ref = self._machines.ref(instance.uuid)
        disks = self._client.machine_details(ref).disks
        found = {volume: self._found(disks, volume)
                 for volume in self.planned(block_device_info)}
        if cinder.are_connected(block_device_info):
            self._let_go(instance, ref, [
                disk for disk in disks
                if disk.device and disk not in found.values()])
        self.attach_all(ref, [volume for volume, disk in found.items()
                              if disk is None])

    def _let_go(self, instance: objects.Instance, ref: str,
                gone: list[api.Disk]) -> None:
        for disk in gone:
            LOG.warning('The server does not have %s, its machine has: it is '
                        'detached', disk.device, instance=instance)
        keys = tuple(disk.key for disk in gone if disk.key is not None)
        if keys:
            self._client.change_machine(
                ref, api.MachineChange(remove_disks=keys))

    def forget(self, block_device_info: Mapping[str, Any] | None) -> None:
        """Let the host forget the targets of a server that is gone."""
        for volume in self.planned(block_device_info):
            try:
                self._client.remove_target(volume.target)
            except errors.ClientError as error:
                LOG.warning('The host keeps the target %s: %s',
                            volume.target.name, error)
