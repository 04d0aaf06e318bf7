# SPDX-License-Identifier: Apache-2.0
"""A machine in memory, for tests and demonstrations."""

from __future__ import annotations

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.baremetal.power import fake
from nova_hypervisors.clients.bmc import api


class FakeManagement(machine.MachineManagement):
    def machine(self, node: nodes.Node) -> api.Machine:
        return fake.machine_of(self.services, node)
