# SPDX-License-Identifier: Apache-2.0
"""What puts an image on a node."""

from __future__ import annotations

import abc

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.clients.bmc import api


class DeployInterface(backend.ServerInterface):
    """Every failure is an error of clients/errors.py.

    All that it does can be done again: nova-compute may have ended in
    between.

    :cvar uses_ramdisk: whether the boot interface has to bring one
    """

    uses_ramdisk = True

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        """Return all that is wrong with the node, and with what is wanted.

        ``task.request`` is None when a node is validated by itself.
        """
        return self.setting_faults(task.node)

    def prepare(self, task: tasks.Task) -> None:
        """Do what comes before: power, boot mode, files."""
        task.interfaces.power.set_power(task.node, api.Power.OFF)
        firmware.set_mode(task)

    @abc.abstractmethod
    def deploy(self, task: tasks.Task) -> None:
        """Put the image on the node; return when it is there.

        It names its steps by ``task.step(name)`` and gives up when
        ``task.check()`` raises.  The node is off afterwards, or runs what
        was deployed; booting it is what the caller does.
        """

    @abc.abstractmethod
    def tear_down(self, task: tasks.Task) -> None:
        """Let go of the node's disk: whatever is going on ends.

        It leaves the node powered off.
        """

    @abc.abstractmethod
    def clean_up(self, task: tasks.Task) -> None:
        """Leave nothing of a deploy but what is on the disk."""

    def clean(self, task: tasks.Task) -> None:
        """Take the last server's data away; by default nothing is done.

        The node is off before and afterwards.
        """
