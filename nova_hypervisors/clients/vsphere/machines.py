# SPDX-License-Identifier: Apache-2.0
"""Machines of a host, and their power."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import details
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import specs
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values
from nova_hypervisors.clients.vsphere import watcher

# The news of what a task has done come with its end, or right after it.
_NEWS_S = 0.5

_DETAILS = (
    *watcher.MACHINE_PATHS, details.PATH, 'config.guestId',
    'config.firmware', 'config.hardware.numCoresPerSocket',
    'config.extraConfig', 'snapshot.rootSnapshotList',
    'snapshot.currentSnapshot', 'guest.toolsRunningStatus',
    'summary.quickStats.overallCpuUsage', 'summary.quickStats.uptimeSeconds',
    'summary.quickStats.guestMemoryUsage', 'runtime.bootTime')


class Machines(tasks.HostTasks):
    """MachineApi and PowerApi of :mod:`.interface`."""

    def list_machines(self) -> list[api.Machine]:
        return list(self._known().values())

    def find_machine(self, instance_uuid: str) -> api.Machine:
        wanted = instance_uuid.lower()
        for machine in self._known().values():
            if machine.instance_uuid == wanted:
                return machine
        raise errors.MachineNotFound(
            f'there is no machine with the instance UUID {wanted}')

    def _known(self) -> dict[str, api.Machine]:
        """Return the machines that are watched, or read them."""
        if self._watch.in_step:
            return self._watch.machines()
        found = properties.read(self._session, properties.Wanted(
            self._place.host, {'HostSystem': ('name',),
                               'VirtualMachine': watcher.MACHINE_PATHS},
            (properties.Step('HostSystem', 'vm'),)))
        return {ref.value: watcher.machine_of(ref.value, watcher.texts(its))
                for ref, its in found.items() if ref.type == 'VirtualMachine'}

    def machine_details(self, ref: str) -> api.MachineDetails:
        found = self._read(tasks.machine_ref(ref), *_DETAILS)
        array = found.get(details.PATH)

        def number(path: str) -> int:
            return values.integer(found.get(path))

        return api.MachineDetails(
            machine=watcher.machine_of(ref, watcher.texts({
                path: found[path] for path in watcher.MACHINE_PATHS
                if path in found})),
            guest_id=values.text(found.get('config.guestId')),
            firmware=values.text(found.get('config.firmware'),
                                 default='bios'),
            cores_per_socket=number('config.hardware.numCoresPerSocket') or 1,
            disks=details.disks(array), nics=details.nics(array),
            cdrom=details.cdrom(array),
            extra_config=details.options(found.get('config.extraConfig')),
            snapshots=details.snapshots(
                found.get('snapshot.rootSnapshotList'),
                values.text(found.get('snapshot.currentSnapshot'))),
            tools_running=values.text(found.get(
                'guest.toolsRunningStatus')) == 'guestToolsRunning',
            serial_file=details.serial_file(array),
            serial_port=details.serial_port(array),
            cpu_used_mhz=number('summary.quickStats.overallCpuUsage'),
            memory_used=number('summary.quickStats.guestMemoryUsage') << 20,
            uptime_s=number('summary.quickStats.uptimeSeconds'),
            booted_at=values.time(found.get('runtime.bootTime')))

    def create_machine(self, spec: api.MachineSpec) -> str:
        place = self._place
        result = self._run(
            'CreateVM_Task', place.folder, pool=place.pool, host=place.host,
            config=specs.machine(self._make, spec))
        return self._appeared(values.text(result), 'CreateVM_Task')

    def change_machine(self, ref: str, change: api.MachineChange) -> None:
        present = details.Devices()
        if (change.add_disks or change.remove_disks or change.remove_nics
                or change.cdrom is not None or change.limit_disks
                or change.boot_order is not None):
            present = details.devices(self._read(
                tasks.machine_ref(ref), details.PATH).get(details.PATH))
        self._run('ReconfigVM_Task', tasks.machine_ref(ref),
                  spec=specs.change(self._make, change, present))

        def is_so(machine: api.Machine | None) -> bool:
            return machine is not None and all(
                wanted in (None, now) for wanted, now in (
                    (change.name, machine.name),
                    (change.vcpus, machine.vcpus),
                    (change.memory_mb, machine.memory_mb)))

        self._follow(ref, is_so)

    def register_machine(self, path: api.DatastorePath, name: str) -> str:
        place = self._place
        result = self._run(
            'RegisterVM_Task', place.folder, path=str(path), name=name,
            asTemplate=False, pool=place.pool, host=place.host)
        return self._appeared(values.text(result), 'RegisterVM_Task')

    def unregister_machine(self, ref: str) -> None:
        self._call('UnregisterVM', tasks.machine_ref(ref))
        self._follow(ref, lambda machine: machine is None)

    def destroy_machine(self, ref: str) -> None:
        self._run('Destroy_Task', tasks.machine_ref(ref))
        self._follow(ref, lambda machine: machine is None)

    def on_change(self, listener: watcher.Listener) -> None:
        self._listeners.append(listener)
        if self._watcher is not None:
            self._watcher.add_listener(listener)

    def power_on(self, ref: str) -> None:
        self._to_state(ref, 'PowerOnVM_Task', api.PowerState.ON)

    def power_off(self, ref: str) -> None:
        self._to_state(ref, 'PowerOffVM_Task', api.PowerState.OFF)

    def suspend(self, ref: str) -> None:
        self._to_state(ref, 'SuspendVM_Task', api.PowerState.SUSPENDED)

    def reset(self, ref: str) -> None:
        self._run('ResetVM_Task', tasks.machine_ref(ref))

    def send_nmi(self, ref: str) -> None:
        self._call('SendNMI', tasks.machine_ref(ref))

    def shut_down_guest(self, ref: str) -> None:
        self._call('ShutdownGuest', tasks.machine_ref(ref))

    def reboot_guest(self, ref: str) -> None:
        self._call('RebootGuest', tasks.machine_ref(ref))

    def wait_for_state(self, ref: str, state: api.PowerState,
                       timeout_s: float) -> bool:
        return self._watch.wait_for(
            lambda known: ref in known and known[ref].state is state,
            timeout_s)

    def _to_state(self, ref: str, operation: str,
                  state: api.PowerState) -> None:
        self._run(operation, tasks.machine_ref(ref))
        self._follow(ref, lambda machine: machine is not None
                     and machine.state is state)

    def _appeared(self, ref: str, operation: str) -> str:
        if not ref:
            raise errors.ClientError('the host names no machine',
                                     operation=operation)
        self._follow(ref, lambda machine: machine is not None
                     and machine.instance_uuid != '')
        return ref

    def _follow(self, ref: str,
                is_so: Callable[[api.Machine | None], bool]) -> None:
        """Wait until what is watched has what was done, or read it.

        Whoever has changed a machine finds it so in the next list.
        """
        if self._watch.wait_for(lambda known: is_so(known.get(ref)),
                                _NEWS_S):
            return
        found = None
        with contextlib.suppress(errors.NotFound):
            found = watcher.texts(self._read(tasks.machine_ref(ref),
                                             *watcher.MACHINE_PATHS))
        self._watch.put(ref, found)
