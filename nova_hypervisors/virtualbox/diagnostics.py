# SPDX-License-Identifier: Apache-2.0
"""What Nova's API tells of a running machine.

Since 2.48 it wants one form from all drivers, and takes the names of five
drivers only (nova.objects.fields.HypervisorDriver): VirtualBox goes as
"libvirt", with the truth in ``hypervisor``.
"""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

from nova import objects
from nova.objects import diagnostics
from nova.objects import fields
from oslo_utils import units

from nova_hypervisors.clients.vbox import api

_STATES = {
    api.MachineState.RUNNING: fields.InstancePowerState.RUNNING,
    api.MachineState.PAUSED: fields.InstancePowerState.PAUSED,
    api.MachineState.SAVED: fields.InstancePowerState.SUSPENDED,
    api.MachineState.OFF: fields.InstancePowerState.SHUTDOWN,
    api.MachineState.ABORTED: fields.InstancePowerState.CRASHED,
    api.MachineState.ARRIVING: fields.InstancePowerState.NOSTATE,
    api.MachineState.DEPARTED: fields.InstancePowerState.SHUTDOWN,
    api.MachineState.INACCESSIBLE: fields.InstancePowerState.NOSTATE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Examination:
    """:param statistics: None if the machine does not run"""

    state: api.MachineState
    settings: api.MachineSettings
    statistics: api.MachineStatistics | None
    config_drive: bool


def as_object(found: Examination) -> objects.Diagnostics:
    settings = found.settings
    statistics = found.statistics
    result = diagnostics.Diagnostics(
        state=_STATES[found.state],
        driver='libvirt', hypervisor='virtualbox',
        hypervisor_os=platform.system().lower(),
        uptime=statistics.uptime_s if statistics else 0,
        config_drive=found.config_drive,
        memory_details=diagnostics.MemoryDiagnostics(
            maximum=settings.memory_mb, used=None))
    for index in range(settings.vcpus):
        result.add_cpu(id=index, time=_cpu_time(statistics, index))
    for nic in _plugged(settings):
        counters = statistics and statistics.nics.get(nic.slot)
        result.add_nic(
            mac_address=nic.mac,
            rx_octets=counters.received_bytes if counters else None,
            tx_octets=counters.transmitted_bytes if counters else None)
    for disk in settings.disks:
        used = statistics and statistics.disks.get(disk.port)
        result.add_disk(
            read_bytes=used.read_bytes if used else None,
            read_requests=used.read_requests if used else None,
            write_bytes=used.written_bytes if used else None,
            write_requests=used.write_requests if used else None)
    return result


def _plugged(settings: api.MachineSettings) -> list[api.Nic]:
    """Return the adapters of a server's ports; spare ones have none."""
    return [nic for nic in settings.nics if nic.attachment != api.UNPLUGGED]


def _cpu_time(statistics: api.MachineStatistics | None,
              index: int) -> int | None:
    if statistics is None or index >= len(statistics.cpu_times_ns):
        return None
    return statistics.cpu_times_ns[index]


def as_dict(found: Examination) -> dict[str, Any]:
    """Return what the API shows before 2.48: whatever a driver likes.

    The names are libvirt's: cpu0_time in ns, memory in KiB, the rest in bytes
    and requests.
    """
    result: dict[str, Any] = {
        'state': found.state.value,
        'vcpus': found.settings.vcpus,
        'memory': found.settings.memory_mb * units.Ki,
    }
    statistics = found.statistics
    if statistics is None:
        return result
    result['uptime'] = statistics.uptime_s
    for index, time_ns in enumerate(statistics.cpu_times_ns):
        result[f'cpu{index}_time'] = time_ns
    for nic in _plugged(found.settings):
        if nic.slot in statistics.nics:
            counters = statistics.nics[nic.slot]
            result[f'nic{nic.slot}_rx'] = counters.received_bytes
            result[f'nic{nic.slot}_tx'] = counters.transmitted_bytes
    for port, used in statistics.disks.items():
        result[f'disk{port}_read'] = used.read_bytes
        result[f'disk{port}_read_req'] = used.read_requests
        result[f'disk{port}_write'] = used.written_bytes
        result[f'disk{port}_write_req'] = used.write_requests
    return result
