# SPDX-License-Identifier: Apache-2.0
"""Says what to boot from, to what has an iLO 4 or older."""

from __future__ import annotations

from typing import ClassVar

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import certificates
from nova_hypervisors.baremetal.access import ilo4
from nova_hypervisors.baremetal.management import machine
from nova_hypervisors.clients.bmc import api


class Ilo4ManagementInterface(machine.MachineManagement):
    settings: ClassVar[tuple[backend.Setting, ...]] = ilo4.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return ilo4.machine_of(self, node)

    def validate(self, node: nodes.Node) -> list[backend.Fault]:
        return [*super().validate(node), *certificates.faults(
            'ilo_verify_ca', node.driver_info.get('ilo_verify_ca'))]
