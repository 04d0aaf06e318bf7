# SPDX-License-Identifier: Apache-2.0
"""What the API shows of a server's machine."""

from __future__ import annotations

from typing import Any

from nova import objects
from nova.objects import diagnostics
from nova.objects import fields
from oslo_utils import units

from nova_hypervisors.clients.vsphere import api

_STATES = {
    api.PowerState.ON: fields.InstancePowerState.RUNNING,
    api.PowerState.OFF: fields.InstancePowerState.SHUTDOWN,
    api.PowerState.SUSPENDED: fields.InstancePowerState.SUSPENDED,
}


def as_object(found: api.MachineDetails,
              config_drive: bool) -> objects.Diagnostics:
    result = diagnostics.Diagnostics(
        state=_STATES[found.machine.state],
        driver='vmwareapi', hypervisor='esx', hypervisor_os='esxi',
        uptime=found.uptime_s, config_drive=config_drive,
        memory_details=diagnostics.MemoryDiagnostics(
            maximum=found.machine.memory_mb,
            used=found.memory_used // units.Mi))
    for index in range(found.machine.vcpus):
        result.add_cpu(id=index)
    for nic in found.nics:
        result.add_nic(mac_address=nic.mac)
    for _ in found.disks:
        result.add_disk()
    return result


def as_dict(found: api.MachineDetails) -> dict[str, Any]:
    """Return what the API shows before 2.48: whatever a driver likes."""
    return {
        'state': found.machine.state.value,
        'vcpus': found.machine.vcpus,
        'memory': found.machine.memory_mb * units.Ki,
        'memory_used': found.memory_used // units.Ki,
        'cpu_used_mhz': found.cpu_used_mhz,
        'uptime': found.uptime_s,
        'guest': found.guest_id,
        'tools_running': found.tools_running,
    }
