# SPDX-License-Identifier: Apache-2.0
"""Management by whatever speaks for a machine: see clients/bmc/api.py."""

from __future__ import annotations

import abc
from typing import Any

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.management import base
from nova_hypervisors.clients.bmc import api


class MachineManagement(base.ManagementInterface):
    """What they do alike; each says how to get at the machine."""

    @abc.abstractmethod
    def machine(self, node: nodes.Node) -> api.Machine:
        """Return the node's machine; connect to nothing.

        :raises InvalidArgument: the node's settings are not right
        """

    def boot_devices(self, node: nodes.Node) -> frozenset[api.BootDevice]:
        return self.machine(node).boot_devices()

    def boot(self, node: nodes.Node) -> api.Boot:
        return self.machine(node).boot()

    def set_boot(self, node: nodes.Node, device: api.BootDevice,
                 persistent: bool = False) -> None:
        self.machine(node).set_boot(device, persistent)

    def boot_mode(self, node: nodes.Node) -> api.BootMode | None:
        return self.machine(node).boot_mode()

    def set_boot_mode(self, node: nodes.Node, mode: api.BootMode) -> None:
        self.machine(node).set_boot_mode(mode)

    def secure_boot(self, node: nodes.Node) -> bool | None:
        return self.machine(node).secure_boot()

    def set_secure_boot(self, node: nodes.Node, wanted: bool) -> None:
        self.machine(node).set_secure_boot(wanted)

    def nmi(self, node: nodes.Node) -> None:
        self.machine(node).nmi()

    def sensors(self, node: nodes.Node) -> dict[str, Any]:
        return self.machine(node).sensors()
