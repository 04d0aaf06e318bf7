# SPDX-License-Identifier: Apache-2.0
"""What tells a node from which device and how to boot, and the like."""

from __future__ import annotations

import abc
from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients.bmc import api


class ManagementInterface(backend.Interface):
    """Every failure is an error of clients/errors.py."""

    def validate(self, node: nodes.Node) -> list[backend.Fault]:
        """Return all that is wrong with the node; asks no BMC."""
        return self.setting_faults(node)

    @abc.abstractmethod
    def boot_devices(self, node: nodes.Node) -> frozenset[api.BootDevice]:
        """Return those that ``set_boot`` takes."""

    @abc.abstractmethod
    def boot(self, node: nodes.Node) -> api.Boot:
        """Return what it boots from next."""

    @abc.abstractmethod
    def set_boot(self, node: nodes.Node, device: api.BootDevice,
                 persistent: bool = False) -> None:
        """Let it boot from a device: the next time, or from now on.

        It may be said while the node is on, and counts at the next power-on.
        """

    def boot_mode(self, node: nodes.Node) -> api.BootMode | None:
        """Return None if it cannot be told."""
        return None

    def set_boot_mode(self, node: nodes.Node, mode: api.BootMode) -> None:
        """:raises Unsupported: it has only the one that it has"""
        raise backend.unsupported('its boot mode cannot be set', node)

    def secure_boot(self, node: nodes.Node) -> bool | None:
        """Return None if it has no such thing."""
        return None

    def set_secure_boot(self, node: nodes.Node, wanted: bool) -> None:
        """:raises Unsupported: it has no such thing"""
        if wanted:
            raise backend.unsupported('it has no secure boot', node)

    def nmi(self, node: nodes.Node) -> None:
        """Send what makes a system dump its memory.

        :raises Unsupported: it has no such thing
        """
        raise backend.unsupported('it has no way to send an NMI', node)

    def sensors(self, node: nodes.Node) -> dict[str, Any]:
        """Return what its sensors say, by kind and name.

        :raises Unsupported: it has none
        """
        raise backend.unsupported('it has no sensors', node)

    def console_output(self, node: nodes.Node) -> str:
        """Return what has been said on its serial line, or the end of it.

        :raises Unsupported: nobody has kept that
        """
        raise backend.unsupported(
            'nobody keeps what it says on its serial line', node)

    def machine(self, node: nodes.Node) -> api.Machine:
        """Return the machine behind the BMC, for virtual media.

        :raises Unsupported: this way to it knows none
        """
        raise backend.unsupported('it has no virtual media', node)
