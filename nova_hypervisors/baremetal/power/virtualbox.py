# SPDX-License-Identifier: Apache-2.0
"""Switches a machine of VirtualBox."""

from __future__ import annotations

from typing import ClassVar

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import virtualbox
from nova_hypervisors.baremetal.power import machine
from nova_hypervisors.clients.bmc import api


class VirtualBoxPowerInterface(machine.MachinePower):
    settings: ClassVar[tuple[backend.Setting, ...]] = virtualbox.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return virtualbox.machine_of(self, node)

    def validate(self, node: nodes.Node) -> list[backend.Fault]:
        return virtualbox.faults(self, node)

    def power_of_all(self, found: list[nodes.Node],
                     ) -> dict[str, api.Power] | None:
        return virtualbox.powers(self, found)
