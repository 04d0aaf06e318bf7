# SPDX-License-Identifier: Apache-2.0
"""What is done with a node between two servers.

The database is the queue: whatever node of this service is in the state
``cleaning`` is cleaned, also after nova-compute was started anew.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from oslo_log import log as logging
from stevedore import named

from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import task as task_types
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

LOG = logging.getLogger(__name__)

GROUP = 'nova_hypervisors.baremetal.clean_steps'

Step = Callable[[task_types.Task], None]



def power_off(task: task_types.Task) -> None:
    """Switch the node off, and see that it is."""
    task.interfaces.power.set_power(task.node, api.Power.OFF)


def eject_media(task: task_types.Task) -> None:
    """Take out what is in the virtual drives."""
    try:
        machine = task.interfaces.management.machine(task.node)
        for drive in machine.media():
            if drive.inserted:
                machine.eject_media(drive.kind)
    except errors.Unsupported:
        LOG.debug('Node %s has no virtual drives', task.node.name)


def erase(task: task_types.Task) -> None:
    """Let the deploy interface take the last server's data away."""
    task.interfaces.deploy.clean(task)


def boot_order(task: task_types.Task) -> None:
    """Let the node boot from its disk again."""
    task.interfaces.management.set_boot(
        task.node, api.BootDevice.DISK, persistent=True)


def load(names: Sequence[str]) -> list[tuple[str, Step]]:
    """Return the steps of those names, in that order.

    :raises NotFound: one of them is not there
    """
    found: named.NamedExtensionManager[Any] = named.NamedExtensionManager(
        GROUP, list(names), name_order=False,
        warn_on_missing_entrypoint=False)
    plugins = {one.name: one.plugin for one in found}
    missing = [name for name in names if name not in plugins]
    if missing:
        raise errors.NotFound(
            f'there is no clean step {", ".join(missing)}',
            operation='[baremetal] clean_steps')
    return [(name, plugins[name]) for name in names]


class Cleaner:
    """:param steps: with their names

    :param workers: how many nodes are cleaned at the same time
    """

    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, steps: Callable[[], Sequence[
                     tuple[str, Step]]], workers: int) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._steps = steps
        self._workers = workers
        self._lock = threading.Lock()
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._going_on: dict[str, task_types.Task | None] = {}

    def start(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(
            self._workers, thread_name_prefix='clean')

    def stop(self) -> None:
        """End soon; what is not done is done after the next start."""
        with self._lock:
            pool, self._pool = self._pool, None
            going_on = list(self._going_on.values())
        for task in going_on:
            if task is not None:
                task.cancel()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def look(self) -> None:
        """Begin with those nodes that are to be cleaned."""
        for node in self._host.own():
            if node.provision_state == states.CLEANING:
                self.begin(node)

    def begin(self, node: nodes.Node) -> None:
        """Clean a node soon; it may be told again."""
        with self._lock:
            if self._pool is None or node.uuid in self._going_on:
                return
            self._going_on[node.uuid] = None
            self._pool.submit(self._run, node.uuid)

    def _run(self, uuid: str) -> None:
        try:
            self.clean(self._store.get_node(uuid))
        except Exception:
            LOG.exception('Node %s could not be cleaned', uuid)
        finally:
            with self._lock:
                self._going_on.pop(uuid, None)

    def clean(self, node: nodes.Node) -> None:
        """Clean a node; it is available afterwards, or says why not."""
        task = None
        try:
            task = self._tasks.begin(node, 'clean')
            with self._lock:
                self._going_on[node.uuid] = task
            for name, step in self._steps():
                task.step(name)
                step(task)
            task.end_step()
        except errors.Cancelled:
            LOG.info('Node %s is cleaned after the next start', node.name)
        except errors.ClientError as error:
            self._fail(node, task, str(error))
        except Exception as error:
            LOG.exception('Cleaning node %s', node.name)
            self._fail(node, task, f'{type(error).__name__}: {error}')
        else:
            self._store.move(node.uuid, [states.CLEANING], states.AVAILABLE,
                             last_error=None)

    def _fail(self, node: nodes.Node, task: task_types.Task | None,
              reason: str) -> None:
        LOG.error('Node %s could not be cleaned and gets no server: %s',
                  node.name, reason)
        if task is not None:
            task.end_step(reason)
        self._store.move(node.uuid, [states.CLEANING], states.CLEAN_FAILED,
                         last_error=reason)
