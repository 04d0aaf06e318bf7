# SPDX-License-Identifier: Apache-2.0
"""What switches a node on and off."""

from __future__ import annotations

import abc

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients.bmc import api

#: How long a change of power may take by default, in seconds.
POWER_TIMEOUT_S = 60.0


class PowerInterface(backend.Interface):
    """Every failure is an error of clients/errors.py."""

    def validate(self, node: nodes.Node) -> list[backend.Fault]:
        """Return all that is wrong with the node; asks no BMC."""
        return self.setting_faults(node)

    @abc.abstractmethod
    def power(self, node: nodes.Node) -> api.Power:
        """Return what the machine says now.

        ERROR is what the machine itself calls one.
        """

    @abc.abstractmethod
    def set_power(self, node: nodes.Node, target: api.Power,
                  soft: bool = False,
                  timeout_s: float = POWER_TIMEOUT_S) -> None:
        """Switch it on or off, and wait until it is.

        What is so already is no work.

        :param soft: ask what runs on it, and do no more
        :raises TimedOut: it is not, in time
        :raises Unsupported: it cannot be asked
        """

    @abc.abstractmethod
    def reboot(self, node: nodes.Node, soft: bool = False,
               timeout_s: float = POWER_TIMEOUT_S) -> None:
        """Start it anew; one that is off is switched on.

        It is on afterwards.
        """

    def power_of_all(self, found: list[nodes.Node],
                     ) -> dict[str, api.Power] | None:
        """Return the power of many nodes by UUID, if there is a way.

        :returns: None: ask one by one.  A node that it does not have is in
            an unknown state
        """
        return None
