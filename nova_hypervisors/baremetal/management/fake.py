# SPDX-License-Identifier: Apache-2.0
"""A machine in memory, for tests and demonstrations."""

from __future__ import annotations

from typing import cast

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.baremetal.power import fake
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake as client


class FakeManagement(machine.MachineManagement):
    def machine(self, node: nodes.Node) -> api.Machine:
        return fake.machine_of(self.services, node)

    def console_output(self, node: nodes.Node) -> str:
        machine = cast(client.FakeMachine, self.machine(node))
        return machine.console_output()
