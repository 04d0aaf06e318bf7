# SPDX-License-Identifier: Apache-2.0
"""Switches a server of a cloud."""

from __future__ import annotations

from typing import ClassVar

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.access import openstack
from nova_hypervisors.baremetal.power import machine
from nova_hypervisors.clients.bmc import api


class OpenStackPowerInterface(machine.MachinePower):
    settings: ClassVar[tuple[backend.Setting, ...]] = openstack.SETTINGS

    def machine(self, node: nodes.Node) -> api.Machine:
        return openstack.machine_of(self, node)

    def power_of_all(self, found: list[nodes.Node],
                     ) -> dict[str, api.Power] | None:
        return openstack.powers(self, found)
