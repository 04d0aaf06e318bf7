# SPDX-License-Identifier: Apache-2.0
"""What a node boots when it is switched on for its server."""

from __future__ import annotations

from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import task as tasks

#: In ``instance_info``: the image of a server that is rescued.
RESCUE_IMAGE = 'rescue_image'


def prepare(task: tasks.Task) -> None:
    """Let the node boot its server, or what rescues it."""
    boot = task.interfaces.boot
    if task.node.provision_state == states.RESCUED:
        boot.prepare_rescue(task, task.node.instance_info[RESCUE_IMAGE])
    else:
        boot.prepare_instance(task)
