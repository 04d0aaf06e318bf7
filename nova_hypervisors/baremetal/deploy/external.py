# SPDX-License-Identifier: Apache-2.0
"""For machines on which something else puts the system.

Nothing is written: a server is what the node's disk has.  Power, boot device
and ports are looked after as for any other.
"""

from __future__ import annotations

from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.deploy import base
from nova_hypervisors.clients.bmc import api


class ExternalDeploy(base.DeployInterface):
    uses_ramdisk = False

    def deploy(self, task: tasks.Task) -> None:
        """Write nothing: it is there already."""
        firmware.secure(task)

    def tear_down(self, task: tasks.Task) -> None:
        task.interfaces.power.set_power(task.node, api.Power.OFF)

    def clean_up(self, task: tasks.Task) -> None:
        """There is nothing to clean up."""
