# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping servers, for good or for a while."""

from __future__ import annotations

from collections.abc import Callable

from nova import objects
from nova.compute import power_state
from nova.virt import hardware
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.vmwareapi import boot
from nova_hypervisors.vmwareapi import machines

LOG = logging.getLogger(__name__)

POWER_STATES = {
    api.PowerState.ON: power_state.RUNNING,
    api.PowerState.OFF: power_state.SHUTDOWN,
    api.PowerState.SUSPENDED: power_state.SUSPENDED,
}


class PowerOps:
    """:param soft_reboot_s: how long a guest may take to shut down"""

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks, *,
                 soft_reboot_s: int) -> None:
        self._client = client
        self._machines = machine_map
        self._locks = instance_locks
        self._soft_reboot_s = soft_reboot_s

    def info(self, instance: objects.Instance) -> hardware.InstanceInfo:
        """Return the state as the host told it when it changed: no call."""
        machine = self._machines.find(instance.uuid)
        if not machine.accessible:
            return hardware.InstanceInfo(power_state.NOSTATE)
        return hardware.InstanceInfo(POWER_STATES[machine.state])

    def power_on(self, instance: objects.Instance,
                 prepare: Callable[[], None] | None = None) -> None:
        """Start a server, or let it go on if it was suspended.

        :param prepare: is called before one is started that was off
        """
        with self._locks.hold(instance.uuid):
            self.boot(instance, prepare)

    def boot(self, instance: objects.Instance,
             prepare: Callable[[], None] | None = None) -> None:
        """The same with the instance's lock held."""
        machine = self._machines.find(instance.uuid)
        if machine.state is api.PowerState.ON:
            return
        if machine.state is api.PowerState.OFF:
            if prepare is not None:
                prepare()
            self._set_boot_order(instance, machine.ref)
        self._client.power_on(machine.ref)

    def _set_boot_order(self, instance: objects.Instance, ref: str) -> None:
        if boot.plan(instance).once is None:
            return
        change = boot.later_boot(instance, self._client.machine_details(ref))
        if change is not None:
            self._client.change_machine(ref, change)

    def power_off(self, instance: objects.Instance, timeout_s: int) -> None:
        """Shut the guest down; pull the plug after ``timeout_s`` seconds."""
        with self._locks.hold(instance.uuid):
            self.stop(instance.uuid, timeout_s)

    def stop(self, instance_uuid: str, timeout_s: float) -> None:
        """The same with the instance's lock held."""
        machine = self._machines.find(instance_uuid)
        if machine.state is api.PowerState.OFF:
            return
        if not (timeout_s and machine.state is api.PowerState.ON
                and self._shut_down(machine.ref, timeout_s)):
            self.end(machine.ref)

    def _shut_down(self, ref: str, timeout_s: float) -> bool:
        """Ask a guest to shut down; return whether it is off."""
        try:
            self._client.shut_down_guest(ref)
        except errors.NoAdditions:
            LOG.info('VMware Tools do not run in machine %s: it is powered '
                     'off', ref)
            return False
        except errors.InvalidState:
            # It may have just gone off.
            timeout_s = min(timeout_s, 1)
        return self._client.wait_for_state(ref, api.PowerState.OFF, timeout_s)

    def end(self, ref: str) -> None:
        """Make sure that a machine is off; a suspended state is lost."""
        try:
            self._client.power_off(ref)
        except errors.InvalidState:
            if not self._client.wait_for_state(ref, api.PowerState.OFF, 1):
                raise

    def reboot(self, instance: objects.Instance, soft: bool,
               prepare: Callable[[], None] | None = None) -> None:
        """Start a server anew; hard, if the guest does not shut down."""
        with self._locks.hold(instance.uuid):
            self.stop(instance.uuid, self._soft_reboot_s if soft else 0)
            self.boot(instance, prepare)

    def inject_nmi(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            self._client.send_nmi(self._machines.ref(instance.uuid))

    def suspend(self, instance: objects.Instance) -> None:
        with self._locks.hold(instance.uuid):
            machine = self._machines.find(instance.uuid)
            if machine.state is not api.PowerState.SUSPENDED:
                self._client.suspend(machine.ref)
