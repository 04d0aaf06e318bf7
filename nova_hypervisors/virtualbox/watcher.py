# SPDX-License-Identifier: Apache-2.0
"""Seeing what happens to VirtualBox's machines without us."""

from __future__ import annotations

from collections.abc import Callable

from nova.virt import event as virtevent

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import availability
from nova_hypervisors.common import locks
from nova_hypervisors.common import watcher
from nova_hypervisors.virtualbox import machines

_EVENTS = {
    api.MachineState.RUNNING: virtevent.EVENT_LIFECYCLE_STARTED,
    api.MachineState.PAUSED: virtevent.EVENT_LIFECYCLE_PAUSED,
    api.MachineState.SAVED: virtevent.EVENT_LIFECYCLE_SUSPENDED,
    api.MachineState.OFF: virtevent.EVENT_LIFECYCLE_STOPPED,
    api.MachineState.ABORTED: virtevent.EVENT_LIFECYCLE_STOPPED,
}


class Watcher(watcher.Watcher[api.MachineState]):
    """Looks cost the same however many machines there are."""

    running = api.MachineState.RUNNING
    paused = api.MachineState.PAUSED

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks, interval_s: float,
                 emit: Callable[[virtevent.LifecycleEvent], None],
                 started: Callable[[str], None],
                 host: availability.Availability | None = None) -> None:
        def states() -> dict[str, api.MachineState]:
            found = client.machine_states()
            return {instance_uuid: found[uuid] for uuid in found
                    if (instance_uuid := machine_map.instance_uuid(uuid))}

        super().__init__(states, _EVENTS, instance_locks, interval_s, emit,
                         started, host)
