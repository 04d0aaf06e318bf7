# SPDX-License-Identifier: Apache-2.0
"""From a free node to a server, and back.

Where a node is on that way is in the database before anything is done to it:
see states.py.  So a service that is started anew finds what the one before
had begun.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterator
from pathlib import Path

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states
from nova.virt import configdrive as nova_configdrive
from oslo_log import log as logging

from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import cleaning
from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import networkops
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import powerops
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import task as task_types
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.baremetal import validation
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.clients import errors
from nova_hypervisors.common import configdrive
from nova_hypervisors.common import locks
from nova_hypervisors.common import request as requests

LOG = logging.getLogger(__name__)

# The deploy interface of servers that run from a volume.
_VOLUME = 'volume'

_REDEPLOYED = (states.ACTIVE, states.RESCUED, states.DEPLOY_FAILED)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """:param folder: for what a deploy needs for a while

    :param automated_clean: whether nodes are cleaned between servers
    """

    folder: Path
    host: str
    default_format: str
    automated_clean: bool


class DeployOps:
    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, instance_locks: locks.InstanceLocks,
                 networks: networkops.NetworkOps, cleaner: cleaning.Cleaner,
                 power: powerops.PowerOps, settings: Settings) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._locks = instance_locks
        self._networks = networks
        self._cleaner = cleaner
        self._settings = settings
        self._power = power

    # Before

    def reserve(self, instance: objects.Instance) -> None:
        """Take the node that the scheduler has chosen.

        :raises ComputeResourcesUnavailable: it is not free any more; Nova
            tries another one
        """
        if not (self._host.is_there(instance.node) and self._store.reserve(
                instance.node, instance.uuid, self._settings.host)):
            raise exception.ComputeResourcesUnavailable(
                reason=f'node {instance.node} is not available')

    def release(self, instance: objects.Instance) -> None:
        """Let go of a node that was reserved, if there is one."""
        with self._locks.hold(instance.uuid):
            node = self._store.find_by_instance(instance.uuid)
            if node and node.provision_state == states.RESERVED:
                self._networks.unplug(node)
                self._store.move(node.uuid, [states.RESERVED],
                                 states.AVAILABLE, instance_uuid=None)

    def unplug(self, instance: objects.Instance) -> None:
        """Undo what was done to a server's ports, if it has a node.

        It has none if that could not be reserved, which is no fault here.
        """
        node = self._store.find_by_instance(instance.uuid)
        if node is not None:
            self._networks.unplug(node)

    # A server is made

    def spawn(self, spawn: requests.SpawnRequest) -> None:
        with self._locks.hold(spawn.instance.uuid):
            node = self._host.of_instance(spawn.instance)
            self._store.forget_steps(node.uuid)
            with self._deploying(node, 'deploy', (states.RESERVED,),
                                 spawn) as task:
                self._deploy(task, spawn)

    def rebuild(self, spawn: requests.SpawnRequest,
                preserve_ephemeral: bool) -> None:
        """Put an image on the node again; the server stays on it."""
        with self._locks.hold(spawn.instance.uuid):
            node = self._host.of_instance(spawn.instance)
            with self._deploying(node, 'rebuild', _REDEPLOYED,
                                 spawn) as task:
                if node.provision_state == states.RESCUED:
                    task.interfaces.boot.clean_up_rescue(task)
                self._deploy(task, spawn, preserve_ephemeral)

    @contextlib.contextmanager
    def _deploying(self, node: nodes.Node, operation: str,
                   before: tuple[str, ...], spawn: requests.SpawnRequest,
                   ) -> Iterator[task_types.Task]:
        """Keep in the database what becomes of a deploy."""
        if not self._store.move(node.uuid, before, states.DEPLOYING,
                                last_error=None):
            raise exception.InstanceInvalidState(
                instance_uuid=spawn.instance.uuid, attr='node',
                state=node.provision_state, method=operation)
        task = None
        try:
            task = self._tasks.begin(
                self._store.get_node(node.uuid), operation, spawn,
                functools.partial(_is_wanted, spawn))
            yield task
            task.end_step()
        except Exception as error:
            self._fail(node, task, error)
            if isinstance(error, errors.Cancelled):
                # What Nova takes for deleted.
                raise exception.InstanceNotFound(
                    instance_id=spawn.instance.uuid) from error
            raise
        self._store.move(node.uuid, [states.DEPLOYING], states.ACTIVE)

    def _deploy(self, task: task_types.Task, spawn: requests.SpawnRequest,
                preserve_ephemeral: bool = False) -> None:
        task.step('validate')
        starts = spec.starts(spawn)
        task.save_instance_info(**spec.instance_info(
            spawn, self._settings.default_format, preserve_ephemeral))
        self._look_at_volumes(task)
        validation.insist(task.node, self._tasks.registry, task)
        booting.insist(task)
        four = task.interfaces
        task.step('plug ports')
        self._networks.plug(task.node, spawn.network_info)
        task.step('power off')
        self._power.stop(task.node)
        task.step('prepare')
        with self._config_drive(task, spawn):
            four.deploy.prepare(task)
            task.step('deploy')
            four.deploy.deploy(task)
        task.step('boot')
        four.boot.prepare_instance(task)
        if starts:
            self._power.start(task.node)
        else:
            # It may run what was deployed already.
            self._power.leave_off(task.node, spawn.power_on)

    def _look_at_volumes(self, task: task_types.Task) -> None:
        """Write nothing for a server that runs from a volume."""
        if task.node.instance_info.get(spec.FROM_VOLUME):
            task.interfaces = dataclasses.replace(
                task.interfaces, deploy=self._tasks.registry.get(
                    'deploy', _VOLUME))
        volumes.refuse_others(task.node, task.block_device_info)

    @contextlib.contextmanager
    def _config_drive(self, task: task_types.Task,
                      spawn: requests.SpawnRequest) -> Iterator[None]:
        """Write the config drive, as ``instance_info`` says where.

        It has secrets of the server, and is gone when the deploy is over.
        """
        if not nova_configdrive.required_by(spawn.instance):
            yield
            return
        path = self._drive_of(task.node)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        node = self._store.get_node(task.node.uuid)
        configdrive.write(dataclasses.replace(
            spawn, network_info=networkops.addresses(
                node, spawn.network_info)), path)
        task.save_instance_info(configdrive=str(path))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            task.save_instance_info(configdrive=None)

    def _drive_of(self, node: nodes.Node) -> Path:
        return self._settings.folder / 'configdrives' / f'{node.uuid}.iso'

    def _fail(self, node: nodes.Node, task: task_types.Task | None,
              error: Exception) -> None:
        reason = str(error) or type(error).__name__
        LOG.warning('Node %s: its deploy failed: %s', node.name, reason)
        if task is not None:
            step_names = self._store.list_steps(node.uuid)
            if step_names:
                reason = f'{step_names[-1].name}: {reason}'
            task.end_step(str(error))
            self._take_back(task)
        self._store.move(node.uuid, [states.DEPLOYING],
                         states.DEPLOY_FAILED, last_error=reason)

    def _take_back(self, task: task_types.Task) -> None:
        """Leave nothing of a deploy but a disk that nobody can use."""
        self._drive_of(task.node).unlink(missing_ok=True)
        for what in (task.interfaces.deploy.tear_down,
                     task.interfaces.deploy.clean_up,
                     task.interfaces.boot.clean_up_instance):
            try:
                what(task)
            except Exception:
                # The server is deleted next, and then it is done again.
                LOG.exception('Node %s: a failed deploy is not all taken '
                              'back', task.node.name)

    # A server is taken away

    def destroy(self, instance: objects.Instance,
                context: nova_context.RequestContext) -> None:
        with self._locks.hold(instance.uuid):
            node = self._store.find_by_instance(instance.uuid)
            if node is None:
                LOG.info('It is on no node', instance=instance)
                return
            self._store.move(node.uuid, states.ALL, states.DELETING)
            try:
                self._take_away(node, context)
            except Exception as error:
                if not node.maintenance:
                    self._store.move(node.uuid, [states.DELETING],
                                     states.DELETING, last_error=str(error))
                    raise
                LOG.warning('Node %s is in maintenance, and its server is '
                            'given up: %s', node.name, error)
                self._free(node, states.CLEAN_FAILED, str(error))
                return
            self._free(node, states.CLEANING if self._settings.automated_clean
                       else states.AVAILABLE)
            self._cleaner.look()

    def _take_away(self, node: nodes.Node,
                   context: nova_context.RequestContext) -> None:
        task = self._tasks.begin(node, 'delete', context=context)
        four = task.interfaces
        task.step('power off')
        four.deploy.tear_down(task)
        task.step('clean up')
        if booting.RESCUE_IMAGE in node.instance_info:
            four.boot.clean_up_rescue(task)
        four.deploy.clean_up(task)
        four.boot.clean_up_instance(task)
        booting.restore(task)
        firmware.restore(task)
        self._drive_of(node).unlink(missing_ok=True)
        task.step('unplug ports')
        self._networks.unplug(node)
        task.end_step()

    def _free(self, node: nodes.Node, state: str,
              error: str | None = None) -> None:
        self._store.move(node.uuid, [states.DELETING], state,
                         instance_uuid=None, instance_info={},
                         last_error=error)

    # After a start

    def recover(self) -> None:
        """Note what the service before was doing, and begin to undo it.

        Nova has given up these servers, too: it calls them failed.
        """
        found = [node for node in self._host.own()
                 if node.provision_state == states.DEPLOYING]
        for node in found:
            step = self._store.interrupt_steps(node.uuid) or 'its beginning'
            self._store.move(
                node.uuid, [states.DEPLOYING], states.DEPLOY_FAILED,
                last_error=f'{step}: nova-compute ended in the middle of it')
        if found:
            threading.Thread(target=self._undo_all, args=(found,),
                             name='undo-deploys', daemon=True).start()

    def _undo_all(self, found: list[nodes.Node]) -> None:
        for before in found:
            try:
                self._undo_one(before)
            except Exception:
                LOG.exception('Node %s: an interrupted deploy is not taken '
                              'back', before.name)

    def _undo_one(self, before: nodes.Node) -> None:
        with self._locks.hold(str(before.instance_uuid)):
            node = self._store.get_node(before.uuid)
            # It may have been deleted, or be rebuilt, in the meantime.
            if (node.instance_uuid == before.instance_uuid
                    and node.provision_state == states.DEPLOY_FAILED):
                self._take_back(self._tasks.begin(node, 'undo'))


def _is_wanted(spawn: requests.SpawnRequest) -> bool:
    """Ask Nova whether the server is not deleted in the meantime."""
    try:
        instance = objects.Instance.get_by_uuid(spawn.context,
                                                spawn.instance.uuid)
    except exception.InstanceNotFound:
        return False
    except Exception:
        # That it cannot be told is no reason to end a deploy.
        LOG.exception('Nova does not say whether a server is still wanted')
        return True
    return bool(instance.task_state != task_states.DELETING)
