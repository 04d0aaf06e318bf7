# SPDX-License-Identifier: Apache-2.0
"""Booting a node from a rescue image, with its server's disk as it is."""

from __future__ import annotations

from typing import Any

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.virt import driver as virt_driver

from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import powerops
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import task as task_types
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.common import locks
from nova_hypervisors.common import request as requests
from nova_hypervisors.common import undo


class RescueOps:
    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, instance_locks: locks.InstanceLocks,
                 power: powerops.PowerOps) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._locks = instance_locks
        self._power = power

    def rescue(self, spawn: requests.SpawnRequest, image_ref: str) -> None:
        """:param image_ref: the UUID of the rescue image"""
        instance = spawn.instance
        with self._locks.hold(instance.uuid), undo.Undo() as back:
            task = self._tasks.begin(self._host.of_instance(instance),
                                     'rescue', spawn)
            task.step('power off')
            self._power.stop(task.node)
            back.add(task.interfaces.boot.prepare_instance, task)
            back.add(task.save_instance_info, **{booting.RESCUE_IMAGE: None})
            back.add(task.interfaces.boot.clean_up_rescue, task)
            task.step('boot the rescue image')
            task.save_instance_info(**{booting.RESCUE_IMAGE: image_ref})
            task.interfaces.boot.prepare_rescue(task, image_ref)
            self._power.start(task.node)
            task.end_step()
            self._move(instance, task, states.ACTIVE, states.RESCUED)
            back.pop_all()

    def unrescue(self, instance: objects.Instance,
                 context: nova_context.RequestContext) -> None:
        with self._locks.hold(instance.uuid):
            node = self._host.of_instance(instance)
            task = self._tasks.begin(
                node, 'unrescue', context=context,
                block_device_info=_volumes(context, instance, node))
            task.step('power off')
            self._power.stop(task.node)
            task.step('boot the server')
            task.interfaces.boot.clean_up_rescue(task)
            task.interfaces.boot.prepare_instance(task)
            self._power.start(task.node)
            task.end_step()
            task.save_instance_info(**{booting.RESCUE_IMAGE: None})
            self._move(instance, task, states.RESCUED, states.ACTIVE)

    def _move(self, instance: objects.Instance, task: task_types.Task,
              before: str, after: str) -> None:
        if not self._store.move(task.node.uuid, [before, after], after):
            raise exception.InstanceInvalidState(
                instance_uuid=instance.uuid, attr='node',
                state=task.node.provision_state, method=task.operation)


def _volumes(context: nova_context.RequestContext,
             instance: objects.Instance,
             node: nodes.Node) -> dict[str, Any] | None:
    """Return what Nova knows of a server's volumes: it does not say it here.
    """
    if not node.instance_info.get(spec.FROM_VOLUME):
        return None
    found: dict[str, Any] = virt_driver.get_block_device_info(
        instance, objects.BlockDeviceMappingList.get_by_instance_uuid(
            context, instance.uuid))
    return found
