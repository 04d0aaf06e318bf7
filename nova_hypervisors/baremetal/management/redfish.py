# SPDX-License-Identifier: Apache-2.0
"""Says what to boot from, to what has Redfish."""

from __future__ import annotations

from typing import ClassVar

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import certificates
from nova_hypervisors.baremetal.access import redfish
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.clients.bmc import api


class RedfishManagementInterface(machine.MachineManagement):
    settings: ClassVar[tuple[backend.Setting, ...]] = redfish.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return redfish.machine_of(self, node)

    def validate(self, node: nodes.Node) -> list[backend.Fault]:
        return [*super().validate(node), *certificates.faults(
            'redfish_verify_ca', node.driver_info.get('redfish_verify_ca'))]
