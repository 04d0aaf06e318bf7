# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping servers, for good or for a while."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable

from nova import objects
from nova.compute import power_state
from nova.virt import hardware

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import diagnostics
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import networkops
from nova_hypervisors.virtualbox import spec
from nova_hypervisors.virtualbox import watcher

POWER_STATES = {
    api.MachineState.RUNNING: power_state.RUNNING,
    api.MachineState.PAUSED: power_state.PAUSED,
    api.MachineState.SAVED: power_state.SUSPENDED,
    api.MachineState.OFF: power_state.SHUTDOWN,
    api.MachineState.ABORTED: power_state.CRASHED,
    api.MachineState.ARRIVING: power_state.NOSTATE,
    api.MachineState.DEPARTED: power_state.SHUTDOWN,
    api.MachineState.INACCESSIBLE: power_state.NOSTATE,
}

#: The states in which a machine has a process.
ALIVE = (api.MachineState.RUNNING, api.MachineState.PAUSED)

# How often a guest that was asked to shut down is looked at.
_LOOK_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class PowerOps:
    """:param soft_reboot_s: how long a guest may take to shut down"""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles,
                 networks: networkops.NetworkOps,
                 consoles: consoleops.ConsoleOps,
                 instance_locks: locks.InstanceLocks,
                 watch: watcher.Watcher, *,
                 soft_reboot_s: int, clock: Clock | None = None) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._networks = networks
        self._consoles = consoles
        self._locks = instance_locks
        self._watcher = watch
        self._soft_reboot_s = soft_reboot_s
        self._clock = clock or Clock()
        # The machines whose plug we have pulled.
        self._ended: set[str] = set()

    def info(self, instance: objects.Instance,
             use_cache: bool) -> hardware.InstanceInfo:
        """:param use_cache: what was true seconds ago is good enough"""
        state = self._watcher.state(instance.uuid) if use_cache else None
        if state is None:
            state = self._client.machine_state(self._uuid(instance))
        state = self._as_wanted(self._uuid(instance), state)
        return hardware.InstanceInfo(POWER_STATES[state])

    def _as_wanted(self, uuid: str,
                   state: api.MachineState) -> api.MachineState:
        """Take a machine as off whose process died of being powered off.

        VirtualBox's does so now and then.
        """
        if state is api.MachineState.ABORTED and uuid in self._ended:
            return api.MachineState.OFF
        return state

    def examine(self, instance: objects.Instance) -> diagnostics.Examination:
        uuid = self._uuid(instance)
        state = self._as_wanted(uuid, self._client.machine_state(uuid))
        return diagnostics.Examination(
            state=state,
            settings=self._client.machine_settings(uuid),
            statistics=(self._client.statistics(uuid) if state in ALIVE
                        else None),
            config_drive=bool(instance.config_drive))

    def power_on(self, instance: objects.Instance,
                 prepare: Callable[[], None] | None = None) -> None:
        """Start a server, or let it go on if it was paused or suspended.

        :param prepare: is called before one is started that was off
        """
        with self._locks.hold(instance.uuid):
            self.boot(instance, prepare)

    def boot(self, instance: objects.Instance,
             prepare: Callable[[], None] | None = None) -> None:
        """The same with the instance's lock held."""
        uuid = self._uuid(instance)
        state = self._client.machine_state(uuid)
        if state is api.MachineState.PAUSED:
            self._client.resume(uuid)
        elif state is api.MachineState.SAVED:
            self.start(instance.uuid)
        elif state is not api.MachineState.RUNNING:
            if prepare is not None:
                prepare()
            self._networks.renew_spares(instance)
            self._consoles.renew_display(instance.uuid)
            once = self._files.instance(instance.uuid).boot_once
            self._set_boot_order(instance, once.exists())
            self.start(instance.uuid)
            once.unlink(missing_ok=True)

    def _set_boot_order(self, instance: objects.Instance, once: bool) -> None:
        boot = spec.boot_plan(instance)
        order = boot.once if once and boot.once else boot.order
        uuid = self._uuid(instance)
        if self._client.machine_settings(uuid).boot_order != order:
            self._client.set_boot_order(uuid, order)

    def start(self, instance_uuid: str) -> None:
        """Start a machine that is off or saved; its lock is held."""
        self._consoles.follow_serial(instance_uuid)
        uuid = self._machines.machine_uuid(instance_uuid)
        self._ended.discard(uuid)
        self._client.start(uuid)

    def forget(self, uuid: str) -> None:
        """A machine has been deleted."""
        self._ended.discard(uuid)

    def power_off(self, instance: objects.Instance, timeout_s: int,
                  retry_interval_s: int) -> None:
        """Shut the guest down; pull the plug after ``timeout_s`` seconds.

        :param retry_interval_s: how often the guest is asked; 0 for once
        """
        with self._locks.hold(instance.uuid):
            self.stop(self._uuid(instance), timeout_s, retry_interval_s)

    def stop(self, uuid: str, timeout_s: int, retry_interval_s: int) -> None:
        """The same for a machine, whose instance's lock is held."""
        if not (timeout_s and self._shut_down(
                uuid, timeout_s, retry_interval_s or timeout_s)):
            self.end(uuid)

    def _shut_down(self, uuid: str, timeout_s: float,
                   retry_interval_s: float) -> bool:
        """Press the power button until the guest is off; say if it is."""
        end = self._clock.now() + timeout_s
        press_at = self._clock.now()
        while self._client.machine_state(uuid) is api.MachineState.RUNNING:
            now = self._clock.now()
            if now >= end:
                return False
            if now >= press_at:
                with contextlib.suppress(errors.InvalidState):
                    # It may have just gone off.
                    self._client.press_power_button(uuid)
                press_at = now + retry_interval_s
            self._clock.sleep(_LOOK_S)
        return self._client.machine_state(uuid) is api.MachineState.OFF

    def end(self, uuid: str) -> None:
        """Make sure that a machine neither runs nor has a saved state.

        :param uuid: the machine's; its instance's lock is held
        """
        state = self._client.machine_state(uuid)
        if state is api.MachineState.ARRIVING:
            self._client.end_waiting(uuid)
        elif state is api.MachineState.SAVED:
            self._client.discard_state(uuid)
        elif state in (*ALIVE, api.MachineState.ABORTED):
            self._pull_plug(uuid)
            self._ended.add(uuid)

    def _pull_plug(self, uuid: str) -> None:
        try:
            self._client.power_off(uuid)
        except errors.InvalidState:
            # An aborted machine may still have a process that is stuck.
            return
        except errors.ClientError:
            # Its process may have died of it, which is what was wanted.
            if self._client.machine_state(uuid) in ALIVE:
                raise

    def reboot(self, instance: objects.Instance, soft: bool,
               prepare: Callable[[], None] | None = None) -> None:
        """Start a server anew; hard, if the guest does not shut down.

        :param prepare: is called while it is off
        """
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            if not (soft and self._shut_down(uuid, self._soft_reboot_s,
                                             self._soft_reboot_s)):
                self.end(uuid)
            self.boot(instance, prepare)

    def pause(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            if self._client.machine_state(uuid) is not (
                    api.MachineState.PAUSED):
                self._client.pause(uuid)

    def unpause(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            if self._client.machine_state(uuid) is not (
                    api.MachineState.RUNNING):
                self._client.resume(uuid)

    def suspend(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            uuid = self._uuid(instance)
            if self._client.machine_state(uuid) is not (
                    api.MachineState.SAVED):
                self._client.save_state(uuid)

    def inject_nmi(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            self._client.inject_nmi(self._uuid(instance))

    def _uuid(self, instance: objects.Instance) -> str:
        return self._machines.machine_uuid(instance.uuid)
