# SPDX-License-Identifier: Apache-2.0
"""Servers that run from a volume: nothing is written.

A node has this deploy interface if it has no disk.  Others go by it, too,
while their server runs from a volume.
"""

from __future__ import annotations

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.baremetal.deploy import base
from nova_hypervisors.clients.bmc import api


class VolumeDeploy(base.DeployInterface):
    uses_ramdisk = False

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if task.request is None:
            # By Fibre Channel no boot interface has to do anything.
            return found if task.node.properties.get('wwpns') else [
                *found, *task.interfaces.boot.volume_faults(task.node)]
        if not spec.boots_from_volume(task.block_device_info):
            return [*found, backend.Fault(
                'deploy_interface', "'volume' writes no images: the server "
                'has to run from a volume')]
        if volumes.root(task.block_device_info) is None:
            return found
        return [*found, *task.interfaces.boot.volume_faults(task.node)]

    def deploy(self, task: tasks.Task) -> None:
        """See that the volume can be used; the storage has it."""
        task.step('find the volume')
        volumes.root(task.block_device_info)
        firmware.secure(task)

    def tear_down(self, task: tasks.Task) -> None:
        task.interfaces.power.set_power(task.node, api.Power.OFF)

    def clean_up(self, task: tasks.Task) -> None:
        """The boot interface has all that there is."""
