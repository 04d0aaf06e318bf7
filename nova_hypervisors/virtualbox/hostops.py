# SPDX-License-Identifier: Apache-2.0
"""The host and what it has for servers."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import time
from pathlib import PurePath
from typing import Any

import os_resource_classes as orc
import psutil
from nova import exception
from nova.objects import fields
from nova.virt import node
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.common import resources
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import storage

LOG = logging.getLogger(__name__)

HYPERVISOR_TYPE = 'VirtualBox'

# More processors than this VirtualBox gives to no machine.
_MOST_VCPUS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What somebody takes of the host."""

    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0


class HostOps:
    """:param hostname: [DEFAULT] host, which is the node's name too"""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles, where: storage.Storage, *,
                 hostname: str, reserved: resources.Reserved) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._storage = where
        self._reserved = reserved
        self.hostname = hostname
        #: the folder for servers, when Nova asked for it last
        self.spaces: dict[str, resources.Space] = {}

    @functools.cached_property
    def node_uuid(self) -> str:
        """What Nova knows the host by, under whatever name."""
        return str(node.get_local_node_uuid())

    def check_version(self) -> None:
        """:raises InvalidConfiguration: VirtualBox is too old"""
        found = self._client.get_version()
        if found.release < version.OLDEST:
            oldest = '.'.join(map(str, version.OLDEST))
            raise exception.InvalidConfiguration(
                f'VirtualBox {found} is too old: this driver needs {oldest} '
                'or newer')
        if version.Quirks.of(found).unknown:
            LOG.warning('VirtualBox %s is newer than this driver; it is '
                        'treated as %s', found,
                        '.'.join(map(str, version.NEWEST)))

    def available_resource(self) -> dict[str, Any]:
        """Return what ComputeDriver.get_available_resource returns."""
        host = self._client.host()
        disk = self._storage.space()
        where = (self._files.host.top if self._files.host
                 else self._files.instances)
        self.spaces = {str(where): resources.Space(disk.total, disk.free)}
        owned = self._usage(powerops.ALIVE)
        return {
            'vcpus': host.cpus,
            'vcpus_used': owned.vcpus,
            'memory_mb': host.memory_mb,
            'memory_mb_used': host.memory_mb - host.memory_free_mb,
            'local_gb': disk.total // units.Gi,
            'local_gb_used': (disk.total - disk.free) // units.Gi,
            'disk_available_least': disk.free // units.Gi,
            'hypervisor_type': HYPERVISOR_TYPE,
            'hypervisor_version': self._client.get_version().number,
            'hypervisor_hostname': self.hostname,
            'cpu_info': jsonutils.dumps({
                'arch': host.architecture,
                'model': host.processor,
                'topology': {'sockets': 1, 'cores': host.cores,
                             'threads': max(1, host.cpus // host.cores)}}),
            'supported_instances': [
                (fields.Architecture.canonicalize(host.architecture),
                 fields.HVType.VBOX, fields.VMMode.HVM)],
            'numa_topology': None,
            'uuid': self.node_uuid,
        }

    def _usage(self, states: tuple[api.MachineState, ...]) -> Usage:
        """Return what our machines in these states take."""
        used = [self._settings(uuid)
                for uuid, state in self._client.machine_states().items()
                if state in states and self._machines.instance_uuid(uuid)]
        return Usage(vcpus=sum(machine.vcpus for machine in used if machine))

    def _settings(self, uuid: str) -> api.MachineSettings | None:
        with contextlib.suppress(errors.ClientError):
            return self._client.machine_settings(uuid)
        return None

    def strangers_usage(self) -> Usage:
        """Return what machines that are not ours take of the host.

        Processors and memory of those that run, and the space of all their
        disks on the file system that ours are on.
        """
        running = [
            self._settings(uuid)
            for uuid, state in self._client.machine_states().items()
            if state in powerops.ALIVE
            and self._machines.instance_uuid(uuid) is None]
        return Usage(
            vcpus=sum(machine.vcpus for machine in running if machine),
            memory_mb=sum(machine.memory_mb for machine in running
                          if machine),
            disk_gb=math.ceil(
                self._storage.taken_by_others(self._is_own) / units.Gi))

    def _is_own(self, disk: PurePath) -> bool:
        return any(disk.is_relative_to(folder) for folder in
                   (self._files.instances, self._files.image_cache))

    def inventory(self, ratios: dict[str, float]) -> dict[str, Any]:
        """Return Placement's inventory of this host, by resource class.

        :param ratios: allocation ratios, by resource class
        """
        host = self._client.host()
        disk = self._storage.space()
        strangers = self.strangers_usage()

        disk_gb = disk.total // units.Gi
        return {
            orc.VCPU: resources.inventory(
                host.cpus, self._reserved.vcpus, strangers.vcpus,
                ratios[orc.VCPU], min(host.cpus, _MOST_VCPUS)),
            orc.MEMORY_MB: resources.inventory(
                host.memory_mb, self._reserved.memory_mb,
                strangers.memory_mb, ratios[orc.MEMORY_MB], host.memory_mb),
            orc.DISK_GB: resources.inventory(
                disk_gb, self._reserved.disk_gb, strangers.disk_gb,
                ratios[orc.DISK_GB], disk_gb),
        }

    def architecture_traits(self) -> set[str]:
        arch = self._client.host().architecture.upper()
        return {f'HW_ARCH_{arch}', f'COMPUTE_ARCH_{arch}'}

    def cpu_stats(self) -> dict[str, int]:
        """Return what ComputeDriver.get_host_cpu_stats returns.

        Nanoseconds of all processors since the host was booted, and MHz.
        """
        times = psutil.cpu_times()
        frequency = psutil.cpu_freq()
        # Not every operating system tells all of them.
        seconds = {
            'user': times.user + getattr(times, 'nice', 0.0),
            'kernel': sum(getattr(times, name, 0.0) for name in
                          ('system', 'irq', 'softirq')),
            'idle': times.idle,
            'iowait': getattr(times, 'iowait', 0.0)}
        return {**{name: int(value * 10 ** 9)
                   for name, value in seconds.items()},
                'frequency': int(frequency.current) if frequency else 0}

    def uptime(self) -> str:
        """Return how long the host is up, as ``uptime`` prints it.

        :raises Unsupported: it is another host, of which VirtualBox does not
            tell that
        """
        if self._files.host is not None:
            raise errors.Unsupported(
                "VirtualBox's web service does not tell how long its host is "
                'up', operation='uptime')
        seconds = time.time() - psutil.boot_time()
        days, rest = divmod(int(seconds), 24 * 3600)
        hours, minutes = divmod(rest // 60, 60)
        load = ', '.join(f'{value:.2f}' for value in psutil.getloadavg())
        return (f' {time.strftime("%H:%M:%S")} up {days} days, '
                f'{hours:2}:{minutes:02},  {len(psutil.users())} users,  '
                f'load average: {load}')
