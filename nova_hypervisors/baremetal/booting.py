# SPDX-License-Identifier: Apache-2.0
"""What a node boots when it is switched on for its server."""

from __future__ import annotations

from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

#: In ``instance_info``: the image of a server that is rescued.
RESCUE_IMAGE = 'rescue_image'

_DEVICES = {spec.DISK: api.BootDevice.DISK,
            spec.NETWORK: api.BootDevice.PXE}


def prepare(task: tasks.Task) -> None:
    """Let the node boot its server, or what rescues it."""
    boot = task.interfaces.boot
    if task.node.provision_state == states.RESCUED:
        boot.prepare_rescue(task, task.node.instance_info[RESCUE_IMAGE])
    else:
        boot.prepare_instance(task)


def set_device(task: tasks.Task) -> None:
    """Let the node boot from what its server wants, for once and always."""
    info = task.node.instance_info
    management = task.interfaces.management
    management.set_boot(task.node, _DEVICES[info.get(spec.BOOT, spec.DISK)],
                        persistent=True)
    if once := info.get(spec.BOOT_ONCE):
        management.set_boot(task.node, _DEVICES[once])


def restore(task: tasks.Task) -> None:
    """Let the node boot from its disk again, if its server did not."""
    info = task.node.instance_info
    if info.get(spec.FROM_VOLUME) or info.get(spec.BOOT, spec.DISK) != (
            spec.DISK):
        task.interfaces.management.set_boot(
            task.node, api.BootDevice.DISK, persistent=True)


def insist(task: tasks.Task) -> None:
    """Find out if the node can boot as its server wants.

    :raises Unsupported: it cannot
    """
    info = task.node.instance_info
    if spec.NETWORK not in (info.get(spec.BOOT), info.get(spec.BOOT_ONCE)):
        return
    devices = task.interfaces.management.boot_devices(task.node)
    if api.BootDevice.PXE not in devices:
        raise errors.Unsupported(
            'it does not boot from the network, as baremetal:boot or '
            'baremetal:boot_once asks for',
            operation=f'node {task.node.name}')
