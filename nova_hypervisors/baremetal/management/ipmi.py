# SPDX-License-Identifier: Apache-2.0
"""Says what to boot from, to what has IPMI."""

from __future__ import annotations

from typing import ClassVar

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import ipmi
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.clients.bmc import api


class IpmiManagementInterface(machine.MachineManagement):
    settings: ClassVar[tuple[backend.Setting, ...]] = ipmi.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return ipmi.machine_of(self, node)
