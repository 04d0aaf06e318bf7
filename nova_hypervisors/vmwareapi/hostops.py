# SPDX-License-Identifier: Apache-2.0
"""The host and what it has for servers."""

from __future__ import annotations

import datetime
import functools
import re
from typing import Any

import os_resource_classes as orc
from nova import exception
from nova.objects import fields
from nova.virt import node
from oslo_log import log as logging
from oslo_serialization import jsonutils
from oslo_utils import timeutils
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import resources
from nova_hypervisors.vmwareapi import cputraits
from nova_hypervisors.vmwareapi import datastores
from nova_hypervisors.vmwareapi import machines

LOG = logging.getLogger(__name__)

HYPERVISOR_TYPE = 'VMware ESXi'

# Nova's column is an INTEGER; "8.0.2" is 8000002, as others number versions.
_VERSION_STEP = 1000


class HostOps:
    """:param hostname: [DEFAULT] host, which is the node's name too

    :param pattern: [vmware] datastore_regex
    """

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, *, hostname: str,
                 reserved: resources.Reserved, pattern: str | None,
                 maintenance_timeout_s: int = 600) -> None:
        self._client = client
        self._machines = machine_map
        self._reserved = reserved
        self._pattern_text = pattern
        self._maintenance_timeout_s = maintenance_timeout_s
        self.hostname = hostname
        #: the datastores for servers, when Nova asked for them last
        self.spaces: dict[str, resources.Space] = {}

    @functools.cached_property
    def node_uuid(self) -> str:
        """What Nova knows the host by, under whatever name."""
        return str(node.get_local_node_uuid())

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return re.compile(self._pattern_text) if self._pattern_text else None

    def usable(self) -> list[api.Datastore]:
        """Return the datastores for servers, the one with most room first.

        One call.
        """
        return self._usable(self._client.datastores())

    def _usable(self, found: Any) -> list[api.Datastore]:
        return datastores.usable(found, self._pattern)

    def available_resource(self) -> dict[str, Any]:
        """Return what ComputeDriver.get_available_resource returns."""
        host = self._client.host()
        usage = self._client.usage()
        usable = self._usable(usage.datastores)
        self.spaces = {
            datastore.name: resources.Space(datastore.capacity,
                                            datastore.free)
            for datastore in usable}
        total, free = _space(usable)
        return {
            'vcpus': host.threads,
            'vcpus_used': sum(
                machine.vcpus for machine in self._machines.owned().values()
                if machine.state is api.PowerState.ON),
            'memory_mb': host.memory // units.Mi,
            'memory_mb_used': usage.memory_used // units.Mi,
            'local_gb': total // units.Gi,
            'local_gb_used': (total - free) // units.Gi,
            'disk_available_least': free // units.Gi,
            'hypervisor_type': HYPERVISOR_TYPE,
            'hypervisor_version': version_number(host.version),
            'hypervisor_hostname': self.hostname,
            'cpu_info': jsonutils.dumps({
                'arch': fields.Architecture.X86_64,
                'model': host.cpu_model,
                'vendor': host.cpu_vendor,
                'topology': {
                    'sockets': host.sockets,
                    'cores': max(1, host.cores // max(1, host.sockets)),
                    'threads': max(1, host.threads // max(1, host.cores))}}),
            'supported_instances': [
                (architecture, fields.HVType.VMWARE, fields.VMMode.HVM)
                for architecture in (fields.Architecture.I686,
                                     fields.Architecture.X86_64)],
            'numa_topology': None,
            'uuid': self.node_uuid,
        }

    def inventory(self, ratios: dict[str, float]) -> dict[str, Any]:
        """Return Placement's inventory of this host, by resource class.

        What machines that are not ours take is reserved.

        :param ratios: allocation ratios, by resource class
        """
        host = self._client.host()
        usage = self._client.usage()
        total, _ = _space(self._usable(usage.datastores))
        running = [machine for machine in self._machines.strangers()
                   if machine.state is api.PowerState.ON]

        memory_mb = host.memory // units.Mi
        found = {
            orc.VCPU: resources.inventory(
                host.threads, self._reserved.vcpus,
                sum(machine.vcpus for machine in running),
                ratios[orc.VCPU], host.threads),
            orc.MEMORY_MB: resources.inventory(
                memory_mb, self._reserved.memory_mb,
                sum(machine.memory_mb for machine in running),
                ratios[orc.MEMORY_MB], memory_mb)}
        if total >= units.Gi:
            found[orc.DISK_GB] = resources.inventory(
                total // units.Gi, self._reserved.disk_gb, 0,
                ratios[orc.DISK_GB], total // units.Gi)
        return found

    def architecture_traits(self) -> set[str]:
        return {'HW_ARCH_X86_64', 'COMPUTE_ARCH_X86_64',
                *cputraits.of(self._client.host().cpu_leaves)}

    def uptime(self) -> str:
        """Return how long the host is up, as ``uptime`` begins it.

        :raises Unsupported: the host does not tell when it was booted
        """
        booted_at = self._client.host().booted_at
        if booted_at is None:
            raise errors.Unsupported(
                'the host does not tell when it was booted',
                operation='uptime')
        now = timeutils.utcnow(with_timezone=True)
        up = max(now - booted_at, datetime.timedelta())
        hours, minutes = divmod(up.seconds // 60, 60)
        return (f' {now.strftime("%H:%M:%S")} up {up.days} days, '
                f'{hours:2}:{minutes:02}')

    def set_maintenance(self, on: bool) -> str:
        """Return what ComputeDriver.host_maintenance_mode returns.

        :raises MigrationError: machines run on it: they cannot be moved away
        """
        running = [machine.name for machine in self._client.list_machines()
                   if machine.state is api.PowerState.ON]
        if on and running:
            raise exception.MigrationError(
                reason='a host by itself moves no machine away; power off or '
                f'migrate {", ".join(sorted(running))} first')
        self._client.set_maintenance(on, self._maintenance_timeout_s)
        return 'on_maintenance' if on else 'off_maintenance'


def _space(found: list[api.Datastore]) -> tuple[int, int]:
    """Return the size and the free space of all datastores together."""
    return (sum(datastore.capacity for datastore in found),
            sum(datastore.free for datastore in found))


def version_number(text: str) -> int:
    """Return '8.0.2' as 8000002, and what is no version as 0."""
    numbers = [int(part) for part in re.findall(r'\d+', text)[:3]]
    numbers += [0] * (3 - len(numbers))
    return ((numbers[0] * _VERSION_STEP + numbers[1]) * _VERSION_STEP
            + numbers[2])
