# SPDX-License-Identifier: Apache-2.0
"""Says what to boot from, to a server of a cloud."""

from __future__ import annotations

from typing import ClassVar
from typing import cast

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import openstack
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import openstack as client


class OpenStackManagementInterface(machine.MachineManagement):
    settings: ClassVar[tuple[backend.Setting, ...]] = openstack.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return openstack.machine_of(self, node)

    def console_output(self, node: nodes.Node) -> str:
        server = cast(client.OpenStackMachine, self.machine(node))
        return server.console_output()
