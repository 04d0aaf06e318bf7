# SPDX-License-Identifier: Apache-2.0
"""Ironic's power interfaces."""

from __future__ import annotations

from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.conductor import task_manager
from ironic.conf import CONF
from ironic.drivers import base

from nova_hypervisors.baremetal.power import base as ours
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.ironic import families

_STATES = {api.Power.ON: states.POWER_ON, api.Power.OFF: states.POWER_OFF,
           api.Power.ERROR: states.ERROR}
_SOFT = (states.SOFT_POWER_OFF, states.SOFT_REBOOT)


class MachinePower(families.Told, base.PowerInterface):
    """What they do alike; each says what machines it is for."""

    _ours: ours.PowerInterface

    def __init__(self) -> None:
        super().__init__()
        self._ours = self.family.power(families.access())

    def get_power_state(self, task: Any) -> str:
        with families.speaking(task, self.family) as node:
            return str(_STATES[self._ours.power(node)])

    @task_manager.require_exclusive_lock
    def set_power_state(self, task: Any, power_state: str,
                        timeout: int | None = None) -> None:
        if power_state == states.REBOOT:
            self.reboot(task, timeout)
            return
        soft = power_state in _SOFT
        with families.speaking(task, self.family,
                               exception.PowerStateFailure) as node:
            if power_state != states.POWER_ON:
                self._ours.set_power(node, api.Power.OFF, soft,
                                     _limit(timeout, soft))
            if power_state in (states.POWER_ON, states.SOFT_REBOOT):
                self._ours.set_power(node, api.Power.ON, False,
                                     _limit(timeout))

    @task_manager.require_exclusive_lock
    def reboot(self, task: Any, timeout: int | None = None) -> None:
        with families.speaking(task, self.family,
                               exception.PowerStateFailure) as node:
            self._ours.reboot(node, False, _limit(timeout))

    def get_supported_power_states(self, task: Any) -> list[str]:
        return [states.POWER_ON, states.POWER_OFF, states.REBOOT, *_SOFT]


def _limit(timeout: int | None, soft: bool = False) -> float:
    """Return how long a change of power may take, in seconds."""
    return float(timeout or (
        CONF.conductor.soft_power_off_timeout if soft
        else CONF.conductor.power_state_change_timeout))


class Ilo4Power(MachinePower):
    family = families.ILO4


class OpenStackPower(MachinePower):
    family = families.OPENSTACK


class VirtualBoxPower(MachinePower):
    family = families.VIRTUALBOX
