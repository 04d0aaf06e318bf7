# SPDX-License-Identifier: Apache-2.0
"""Switching servers on and off, and seeing whether they are."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import power_state
from nova.virt import event as virtevent
from nova.virt import hardware
from oslo_log import log as logging

from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import locks
from nova_hypervisors.common import watcher

LOG = logging.getLogger(__name__)

_STATES = {api.Power.ON: power_state.RUNNING,
           api.Power.OFF: power_state.SHUTDOWN,
           api.Power.ERROR: power_state.NOSTATE}

EVENTS = {api.Power.ON: virtevent.EVENT_LIFECYCLE_STARTED,
          api.Power.OFF: virtevent.EVENT_LIFECYCLE_STOPPED}


class Watcher(watcher.Watcher[api.Power]):
    running = api.Power.ON


class Poller:
    """Looks at the power of all nodes: see common/watcher.py.

    :param workers: how many nodes are asked at the same time
    """

    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, workers: int) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._workers = workers

    def look(self) -> Mapping[str, api.Power]:
        """Return the power of servers by UUID; keep that of all nodes.

        Those in maintenance are left alone: they may be in pieces, and hold
        up the others.
        """
        found = [node for node in self._host.own() if not node.maintenance]
        seen = self._seen(found)
        self._store.note_power({
            node.uuid: seen[node.uuid].value for node in found
            if node.power_state != seen[node.uuid].value})
        return {node.instance_uuid: seen[node.uuid] for node in found
                if node.instance_uuid}

    def _seen(self, found: list[nodes.Node]) -> dict[str, api.Power]:
        seen: dict[str, api.Power] = {}
        kinds: dict[str, list[nodes.Node]] = {}
        for node in found:
            kinds.setdefault(node.power_interface, []).append(node)
        for name, alike in kinds.items():
            seen |= self._at_once(name, alike)
        # A pool of its own each time: a BMC that hangs holds up this look
        # only, and that has a limit.
        with concurrent.futures.ThreadPoolExecutor(
                self._workers, thread_name_prefix='power') as pool:
            left = [node for node in found if node.uuid not in seen]
            for node, power in zip(left, pool.map(self._one, left),
                                   strict=True):
                seen[node.uuid] = power
        return seen

    def _at_once(self, name: str,
                 alike: list[nodes.Node]) -> dict[str, api.Power]:
        """Ask for many in one go, where there is a way."""
        try:
            interface = self._tasks.registry.get('power', name)
            seen = interface.power_of_all(alike)
        except errors.ClientError as error:
            LOG.warning('The power of nodes by %s cannot be seen: %s', name,
                        error)
            return dict.fromkeys((node.uuid for node in alike),
                                 api.Power.ERROR)
        if seen is None:
            return {}
        return {node.uuid: seen.get(node.uuid, api.Power.ERROR)
                for node in alike}

    def _one(self, node: nodes.Node) -> api.Power:
        try:
            interface = self._tasks.registry.get('power',
                                                 node.power_interface)
            seen: api.Power = interface.power(node)
        except errors.ClientError as error:
            # Once, not at every look.
            LOG.log(logging.DEBUG
                    if node.power_state == api.Power.ERROR.value
                    else logging.WARNING,
                    'The power of node %s cannot be seen: %s', node.name,
                    error)
            return api.Power.ERROR
        return seen


class PowerOps:
    """:param timeout_s: within which a node has to be on or off

    :param soft_s: how long a system may take to shut down
    """

    def __init__(self, kept: store.Store, host: hostops.HostOps,
                 make: tasks.Tasks, instance_locks: locks.InstanceLocks,
                 watch: Watcher, *, timeout_s: float, soft_s: float) -> None:
        self._store = kept
        self._host = host
        self._tasks = make
        self._locks = instance_locks
        self._watch = watch
        self._timeout_s = timeout_s
        self._soft_s = soft_s

    def info(self, instance: objects.Instance,
             use_cache: bool) -> hardware.InstanceInfo:
        """:param use_cache: whether what was seen last will do"""
        node = self._host.of_instance(instance)
        seen = self._watch.state(instance.uuid) if use_cache else None
        if seen is None:
            seen = self._tasks.interfaces(node).power.power(node)
        return hardware.InstanceInfo(_STATES[seen])

    def recall(self) -> None:
        """Begin with what was seen before this service was started."""
        for node in self._host.own():
            if node.instance_uuid and node.power_state:
                self._watch.expect(node.instance_uuid,
                                   api.Power(node.power_state))

    def power_on(self, instance: objects.Instance,
                 context: nova_context.RequestContext,
                 block_device_info: Mapping[str, Any] | None) -> None:
        with self._locks.hold(instance.uuid):
            task = self._tasks.begin(self._host.of_instance(instance),
                                     'power on', context=context,
                                     block_device_info=block_device_info)
            booting.prepare(task)
            self.start(task.node)

    def start(self, node: nodes.Node) -> None:
        """Switch a node on, with the instance's lock held."""
        self._tasks.interfaces(node).power.set_power(
            node, api.Power.ON, timeout_s=self._timeout_s)
        self._started(node)

    def _started(self, node: nodes.Node) -> None:
        self._note(node, api.Power.ON)
        if node.instance_info.get(spec.BOOT_ONCE):
            self._store.update_instance_info(node.uuid,
                                             {spec.BOOT_ONCE: None})

    def _note(self, node: nodes.Node, power: api.Power) -> None:
        self._store.note_power({node.uuid: power.value})
        if node.instance_uuid:
            self._watch.expect(node.instance_uuid, power)

    def power_off(self, instance: objects.Instance, timeout_s: int) -> None:
        """Let the system shut down; pull the plug after a time."""
        with self._locks.hold(instance.uuid):
            self.stop(self._host.of_instance(instance), timeout_s)

    def stop(self, node: nodes.Node, soft_s: float = 0) -> None:
        """Switch a node off, with the instance's lock held.

        :param soft_s: how long its system may take to shut down
        """
        if not (soft_s and self._shuts_down(node, soft_s)):
            self._tasks.interfaces(node).power.set_power(
                node, api.Power.OFF, timeout_s=self._timeout_s)
        self._note(node, api.Power.OFF)

    def leave_off(self, node: nodes.Node, nova_starts: bool) -> None:
        """Switch a node off whose server was just made.

        :param nova_starts: Nova believes that it is started
        """
        self.stop(node)
        if nova_starts and node.instance_uuid:
            self._watch.expect(node.instance_uuid, api.Power.ON)

    def _shuts_down(self, node: nodes.Node, timeout_s: float) -> bool:
        try:
            self._tasks.interfaces(node).power.set_power(
                node, api.Power.OFF, soft=True, timeout_s=timeout_s)
        except (errors.TimedOut, errors.Unsupported) as error:
            LOG.info('Node %s does not shut down by itself: %s', node.name,
                     error)
            return False
        return True

    def reboot(self, instance: objects.Instance, soft: bool,
               context: nova_context.RequestContext,
               block_device_info: Mapping[str, Any] | None) -> None:
        with self._locks.hold(instance.uuid):
            node = self._host.of_instance(instance)
            task = self._tasks.begin(node, 'reboot', context=context,
                                     block_device_info=block_device_info)
            if soft:
                self.stop(node, self._soft_s)
            # What it boots from may be a disc that has to be put in again.
            booting.prepare(task)
            task.interfaces.power.reboot(node, timeout_s=self._timeout_s)
            self._started(node)

    def crash(self, instance: objects.Instance) -> None:
        """Let the system dump its memory, if it is set up for that."""
        with self._locks.hold(instance.uuid):
            node = self._host.of_instance(instance)
            self._tasks.interfaces(node).management.nmi(node)
