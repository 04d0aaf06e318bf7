# SPDX-License-Identifier: Apache-2.0
"""A machine in memory, for tests and demonstrations."""

from __future__ import annotations

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.power import machine
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake


def machine_of(services: backend.Access, node: nodes.Node) -> api.Machine:
    """Return the one that all fake interfaces of a node share."""
    return services.machines.get(('fake', node.uuid), fake.FakeMachine)


class FakePower(machine.MachinePower):
    """It is off after each start of nova-compute."""

    def machine(self, node: nodes.Node) -> api.Machine:
        return machine_of(self.services, node)
