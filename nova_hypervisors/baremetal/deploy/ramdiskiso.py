# SPDX-License-Identifier: Apache-2.0
"""Servers that run from their image, which is a disc: nothing is written."""

from __future__ import annotations

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import bootiso
from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.boot import virtualmedia
from nova_hypervisors.baremetal.deploy import base
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api


class RamdiskISODeploy(base.DeployInterface):
    """Boots the ISO image that the server has as its image."""

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if not isinstance(task.interfaces.boot,
                          virtualmedia.VirtualMediaBoot):
            found.append(backend.Fault(
                'boot_interface', f'{task.node.boot_interface!r} puts in no '
                'discs: set it to virtual-media'))
        return found

    def deploy(self, task: tasks.Task) -> None:
        task.step('choose the disc')
        source = task.node.instance_info.get('image_source')
        if not source:
            raise errors.InvalidArgument(
                'the server has no image: it has to have an ISO image',
                operation=f'node {task.node.name}')
        task.save_instance_info(
            **{bootiso.BOOT_ISO: glance.image_id(str(source))})
        firmware.secure(task)

    def tear_down(self, task: tasks.Task) -> None:
        task.interfaces.power.set_power(task.node, api.Power.OFF)

    def clean_up(self, task: tasks.Task) -> None:
        """The boot interface takes the disc out."""
