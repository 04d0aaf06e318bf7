# SPDX-License-Identifier: Apache-2.0
"""Goes through the steps of a deploy and writes nothing."""

from __future__ import annotations

from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.deploy import base
from nova_hypervisors.clients.bmc import api


class FakeDeploy(base.DeployInterface):
    def deploy(self, task: tasks.Task) -> None:
        node = task.node
        task.step('boot the ramdisk')
        task.interfaces.boot.prepare_ramdisk(task, {'node': node.uuid})
        task.interfaces.power.set_power(node, api.Power.ON)
        task.step('write the image')
        task.save_instance_info(deployed=task.node.instance_info.get(
            'image_source', ''))
        task.step('end the ramdisk')
        task.interfaces.power.set_power(node, api.Power.OFF)
        task.interfaces.boot.clean_up_ramdisk(task)
        firmware.secure(task)

    def tear_down(self, task: tasks.Task) -> None:
        task.interfaces.power.set_power(task.node, api.Power.OFF)

    def clean_up(self, task: tasks.Task) -> None:
        task.interfaces.boot.clean_up_ramdisk(task)

    def clean(self, task: tasks.Task) -> None:
        task.step('wipe nothing')
