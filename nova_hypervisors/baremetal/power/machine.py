# SPDX-License-Identifier: Apache-2.0
"""Power by whatever speaks for a machine: see clients/bmc/api.py."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.power import base
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

#: Between two looks at a machine that is to change its power, in seconds.
_LOOK_S = 1.0


class MachinePower(base.PowerInterface):
    """What power interfaces do alike; each says how to get at the machine.

    :ivar sleep: waits for some seconds
    :ivar clock: tells seconds
    """

    sleep: Callable[[float], None] = staticmethod(time.sleep)
    clock: Callable[[], float] = staticmethod(time.monotonic)

    @abc.abstractmethod
    def machine(self, node: nodes.Node) -> api.Machine:
        """Return the node's machine; connect to nothing.

        :raises InvalidArgument: the node's settings are not right
        """

    def power(self, node: nodes.Node) -> api.Power:
        return self.machine(node).power()

    def set_power(self, node: nodes.Node, target: api.Power,
                  soft: bool = False,
                  timeout_s: float = base.POWER_TIMEOUT_S) -> None:
        machine = self.machine(node)
        if machine.power() is target:
            return
        if target is api.Power.ON:
            machine.power_on()
        else:
            machine.power_off(soft=soft)
        self._wait(node, machine, target, timeout_s)

    def reboot(self, node: nodes.Node, soft: bool = False,
               timeout_s: float = base.POWER_TIMEOUT_S) -> None:
        machine = self.machine(node)
        if machine.power() is not api.Power.ON:
            machine.power_on()
        else:
            machine.reset(soft=soft)
        self._wait(node, machine, api.Power.ON, timeout_s)

    def _wait(self, node: nodes.Node, machine: api.Machine,
              target: api.Power, timeout_s: float) -> None:
        ends = self.clock() + timeout_s
        while (found := machine.power()) is not target:
            if self.clock() >= ends:
                raise errors.TimedOut(
                    f'its power is {found.value}, and not {target.value}, '
                    f'after {timeout_s:g} seconds',
                    operation=f'node {node.name}')
            self.sleep(_LOOK_S)
