# SPDX-License-Identifier: Apache-2.0
"""Volumes of Cinder, to which VirtualBox's own initiator logs in."""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from nova import exception
from nova import objects
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import volumes as cinder
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import spec
from nova_hypervisors.virtualbox import volumes

LOG = logging.getLogger(__name__)

_ALIVE = (api.MachineState.RUNNING, api.MachineState.PAUSED)


class VolumeOps:
    """:param host: [DEFAULT] host

    :param initiator: the host's iSCSI name
    """

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks, *,
                 host: str, initiator: str) -> None:
        self._client = client
        self._machines = machine_map
        self._locks = instance_locks
        self._host = host
        self._initiator = initiator

    def connector(self, address: str) -> dict[str, Any]:
        """Return what Cinder has to know to let us in.

        :param address: from which VirtualBox's host reaches the storage
        """
        return {'host': self._host, 'ip': address,
                'initiator': self._initiator, 'multipath': False,
                'platform': platform.machine(), 'os_type': sys.platform}

    def planned(self, block_device_info: Mapping[str, Any] | None,
                ) -> list[volumes.Volume]:
        """Return a server's volumes; see :func:`.volumes.lun`."""
        return volumes.planned(block_device_info, self._initiator)

    def attach(self, instance: objects.Instance,
               connection_info: Mapping[str, Any], device_name: str,
               encryption: Mapping[str, Any] | None) -> None:
        """Attach a volume to a server, also if it runs."""
        lun = volumes.lun(connection_info, self._initiator, encryption)
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            if lun.address in self._attached(uuid):
                # It was, before, and nobody could tell us.
                return
            try:
                self._attach(uuid, volumes.Volume(lun, device_name,
                                                  boots=False))
            except errors.ClientError:
                self._take_out(uuid, lun.address)
                raise

    def _take_out(self, machine_uuid: str, address: api.LunAddress) -> None:
        """Detach what Nova takes for not attached, if it is."""
        with contextlib.suppress(errors.ClientError):
            attached = self._attached(machine_uuid)
            if address in attached:
                self._client.detach_lun(machine_uuid, attached[address])

    def attach_all(self, machine_uuid: str,
                   wanted: list[volumes.Volume]) -> None:
        """Attach volumes to a machine whose instance's lock is held."""
        for volume in wanted:
            self._attach(machine_uuid, volume)

    def _attach(self, machine_uuid: str, volume: volumes.Volume) -> None:
        have = self._client.machine_settings(machine_uuid)
        taken = {disk.port for disk in have.disks}
        port = (spec.ROOT_PORT if volume.boots else
                volumes.port(volume.device_name, taken))
        try:
            self._client.attach_lun(machine_uuid, port, volume.lun)
        except errors.NoSuchPort:
            self._attach_anywhere(machine_uuid, taken, volume.lun)

    def _attach_anywhere(self, machine_uuid: str, taken: Collection[int],
                         lun: api.Lun) -> None:
        """Attach to a machine that runs and lacks the port of a name."""
        try:
            self._client.attach_lun(machine_uuid, volumes.port('', taken),
                                    lun)
        except errors.NoSuchPort as error:
            raise exception.InvalidVolume(
                reason='all ports for disks are taken, and a machine that '
                'runs gets no more: attach it while the server is off, or '
                'raise [virtualbox]disk_ports, which counts from the next '
                'hard reboot on') from error

    def detach(self, instance: objects.Instance,
               connection_info: Mapping[str, Any]) -> None:
        """Detach a volume from a server, also if it runs.

        :raises DiskNotFound: the server does not have it
        """
        lun = volumes.lun(connection_info, self._initiator)
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            self._client.detach_lun(uuid, self._port(uuid, lun))

    def swap(self, instance: objects.Instance, old: Mapping[str, Any],
             new: Mapping[str, Any]) -> None:
        """Let another volume have what one has, and take its place.

        The server stands still meanwhile; it sees one disk go and another
        one come.

        :param old: its connection, and so is new
        :raises DiskNotFound: the server does not have it
        :raises InvalidVolume: the server runs from it
        """
        luns = [volumes.lun(connection, self._initiator)
                for connection in (old, new)]
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            port = self._port(uuid, luns[0])
            state = self._client.machine_state(uuid)
            if port == spec.ROOT_PORT and state in _ALIVE:
                raise exception.InvalidVolume(
                    reason='the server runs from it, and VirtualBox lets '
                    'nobody read a disk that a machine uses')
            with contextlib.ExitStack() as after:
                if state is api.MachineState.RUNNING:
                    after.callback(self._go_on, uuid)
                    self._client.pause(uuid)
                self._replace(instance, port, *luns)

    def _go_on(self, machine_uuid: str) -> None:
        if self._client.machine_state(machine_uuid) is (
                api.MachineState.PAUSED):
            self._client.resume(machine_uuid)

    def _replace(self, instance: objects.Instance, port: int, old: api.Lun,
                 new: api.Lun) -> None:
        """Attach a copy in the place of what it is one of."""
        uuid = self._uuid(instance)
        try:
            self._client.detach_lun(uuid, port)
            self._client.copy_lun(old, new)
            self._client.attach_lun(uuid, port, new)
        except errors.ClientError:
            try:
                self._put_back(uuid, port, old)
            except errors.ClientError as error:
                LOG.error('The server has lost %s: %s', old.address, error,
                          instance=instance)
            raise

    def _put_back(self, machine_uuid: str, port: int, old: api.Lun) -> None:
        attached = self._attached(machine_uuid)
        if old.address in attached:
            return
        if port in attached.values():
            self._client.detach_lun(machine_uuid, port)
        self._client.attach_lun(machine_uuid, port, old)

    def _port(self, machine_uuid: str, lun: api.Lun) -> int:
        try:
            attached = self._attached(machine_uuid)
        except errors.MachineNotFound:
            # Nova takes it for detached then, which it is.
            attached = {}
        if lun.address not in attached:
            raise exception.DiskNotFound(location=str(lun.address))
        return attached[lun.address]

    def _attached(self, machine_uuid: str) -> dict[api.LunAddress, int]:
        """Return the ports of a machine's volumes."""
        return {disk.lun: disk.port for disk
                in self._client.machine_settings(machine_uuid).disks
                if disk.lun is not None}

    def extend(self, instance: objects.Instance,
               connection_info: Mapping[str, Any]) -> None:
        """See that a server will find its volume larger.

        VirtualBox asks for its size when the machine starts.

        :raises DiskNotFound: the server does not have it
        """
        lun = volumes.lun(connection_info, self._initiator)
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            self._port(uuid, lun)
            if self._client.machine_state(uuid) in _ALIVE:
                LOG.warning('%s is larger now; the server sees it when it '
                            'is next started', lun.address, instance=instance)

    def match(self, instance: objects.Instance,
              block_device_info: Mapping[str, Any] | None) -> None:
        """Give a machine that is off the volumes that its server has.

        The instance's lock is held.  A volume that it does not have any more
        may be somebody else's by now.
        """
        if not block_device_info:
            return
        wanted = self.planned(block_device_info)
        uuid = self._uuid(instance)
        attached = self._attached(uuid)
        gone = attached.keys() - {volume.lun.address for volume in wanted}
        if cinder.are_connected(block_device_info):
            self._let_go(instance, {attached[lun]: lun for lun in gone})
        self.attach_all(uuid, [volume for volume in wanted
                               if volume.lun.address not in attached])

    def _let_go(self, instance: objects.Instance,
                gone: Mapping[int, api.LunAddress]) -> None:
        for port, address in gone.items():
            LOG.warning('The server does not have %s, its machine has: it is '
                        'detached', address, instance=instance)
            self._client.detach_lun(self._uuid(instance), port)

    def usage(self, instance: objects.Instance,
              bdms: objects.BlockDeviceMappingList) -> list[dict[str, Any]]:
        """Return what a server has read from and written to its volumes.

        Since it was started; nothing if it does not run.
        """
        uuid = self._uuid(instance)
        try:
            disks = self._client.statistics(uuid).disks
            attached = self._attached(uuid)
        except (errors.InvalidState, errors.MachineNotFound):
            return []
        found = []
        for bdm in bdms:
            lun = volumes.connected(bdm, self._initiator)
            port = attached.get(lun.address) if lun is not None else None
            if port is not None and port in disks:
                found.append({'volume': bdm.volume_id, 'instance': instance,
                              'rd_req': disks[port].read_requests,
                              'rd_bytes': disks[port].read_bytes,
                              'wr_req': disks[port].write_requests,
                              'wr_bytes': disks[port].written_bytes})
        return found

    def counters(self, instance: objects.Instance,
                 device_name: str) -> list[int | None] | None:
        """Return what a server has read and written, by a device's name.

        :returns: requests and bytes read, requests and bytes written, flushes
        """
        port = volumes.named_port(device_name)
        try:
            disks = self._client.statistics(self._uuid(instance)).disks
        except (errors.InvalidState, errors.MachineNotFound):
            return None
        found = disks.get(spec.ROOT_PORT if port is None else port,
                          api.DiskStatistics(0, 0, 0, 0))
        return [found.read_requests, found.read_bytes, found.write_requests,
                found.written_bytes, None]

    def _uuid(self, instance: objects.Instance) -> str:
        return self._machines.machine_uuid(instance.uuid)
