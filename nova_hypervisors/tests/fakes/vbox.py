# SPDX-License-Identifier: Apache-2.0
"""A VirtualBox held in memory, checked by the same contract as the real."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.tests.fakes import displays
from nova_hypervisors.tests.fakes import guests
from nova_hypervisors.tests.fakes import luns
from nova_hypervisors.tests.fakes import snapshots
from nova_hypervisors.tests.fakes import teleport

_ALIVE = (api.MachineState.RUNNING, api.MachineState.PAUSED)

@dataclasses.dataclass
class _Machine:
    spec: api.MachineSpec
    state: api.MachineState = api.MachineState.OFF
    nics: dict[int, api.Nic] = dataclasses.field(default_factory=dict)
    disks: dict[int, api.AttachedDisk] = dataclasses.field(
        default_factory=dict)
    # Newest last.
    snapshots: list[snapshots.Snapshot] = dataclasses.field(
        default_factory=list)
    started_at: float = 0.0
    nmis: int = 0
    execution_percent: int = 100
    ports: int = 0
    programs: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Medium:
    capacity_mb: int
    parent: str | None = None
    kind: api.DiskKind = api.DiskKind.DISK


class FakeVBox(snapshots.FakeSnapshots, teleport.FakeTeleport,
               luns.FakeLuns, guests.FakeGuests, displays.FakeDisplays):
    """Implements :class:`.clients.vbox.interface.VBoxClient`."""

    def __init__(self) -> None:
        super().__init__()
        self.machines: dict[str, _Machine] = {}
        self.media: dict[str, _Medium] = {}
        self.extradata: dict[str, str] = {}
        self.ignores_power_button: set[str] = set()

    # The host

    def get_version(self):
        return version.Version(7, 2, 22)

    def host(self):
        return api.Host(
            cpus=2, cores=2, memory_mb=16384, memory_free_mb=8192,
            processor='Fake', architecture='x86_64',
            operating_system='Linux 6.1', hardware_virtualization=True)

    def extension_packs(self, candidates=()):
        return [api.ExtensionPack('VNC', '7.2.22', 'VBoxVNC', '')]

    def host_networks(self):
        return {api.AttachmentKind.BRIDGED: frozenset({'eth0'}),
                api.AttachmentKind.HOST_ONLY: frozenset(),
                api.AttachmentKind.HOST_ONLY_NETWORK: frozenset(),
                api.AttachmentKind.NAT_NETWORK: frozenset()}

    def get_extradata(self, prefix):
        return {key.removeprefix(prefix): value
                for key, value in self.extradata.items()
                if key.startswith(prefix)}

    def set_extradata(self, key, value):
        if value is None:
            self.extradata.pop(key, None)
        else:
            self.extradata[key] = value

    # Machines

    def list_machines(self):
        return [api.Machine(
            uuid, machine.spec.name,
            machine.state is not api.MachineState.INACCESSIBLE)
            for uuid, machine in self.machines.items()]

    def machine_settings(self, uuid):
        machine = self._machine(uuid)
        if machine.state is api.MachineState.INACCESSIBLE:
            raise errors.MachineNotFound(f'no settings of {uuid}')
        spec = machine.spec
        return api.MachineSettings(
            uuid=uuid, name=spec.name, folder=self._folder(spec),
            vcpus=spec.vcpus, memory_mb=spec.memory_mb, chipset=spec.chipset,
            disks=tuple(machine.disks[port] for port in sorted(machine.disks)),
            nics=tuple(machine.nics[slot] for slot in sorted(machine.nics)),
            boot_order=spec.boot_order,
            display_ports=(spec.remote_display.ports if spec.remote_display
                           else ''),
            snapshots=tuple(snapshot.name
                            for snapshot in machine.snapshots),
            os_type=spec.os_type, efi=spec.firmware.efi,
            tpm=spec.firmware.tpm, disk_bus=spec.disk_bus,
            unsafe_cache=spec.unsafe_cache, limits=spec.limits,
            execution_percent=machine.execution_percent)

    def _folder(self, spec):
        return spec.folder / spec.name

    def create_machine(self, spec):
        if spec.uuid in self.machines:
            raise errors.AlreadyExists(f'there is a machine {spec.uuid}')
        self._make_machine_folder(self._folder(spec))
        self.machines[spec.uuid] = _Machine(
            spec, nics={nic.slot: nic for nic in spec.nics},
            ports=controllers.sata_ports(spec))

    def configure_machine(self, spec):
        machine = self._off(spec.uuid)
        machine.spec = spec
        machine.ports = controllers.sata_ports(spec, machine.disks.values())
        machine.execution_percent = 100
        machine.nics = {nic.slot: nic for nic in spec.nics}

    def set_boot_order(self, uuid, order):
        machine = self._off(uuid)
        machine.spec = dataclasses.replace(machine.spec, boot_order=order)

    def delete_machine(self, uuid):
        folder = self._folder(self._machine(uuid).spec)
        self.unregister_machine(uuid)
        self._delete_machine_folder(folder)

    def unregister_machine(self, uuid):
        machine = self._machine(uuid)
        if machine.state in _ALIVE:
            raise errors.Busy(f'{uuid} is locked')
        del self.machines[uuid]
        for disk in machine.disks.values():
            self._forget(disk.path)

    def _forget(self, path):
        """Disks are known for as long as a machine or a child has them.

        ISO images stay known until they are closed.
        """
        used = {disk.path for machine in self.machines.values()
                for disk in machine.disks.values()}
        used |= {medium.parent for medium in self.media.values()}
        if path in self.media and path not in used and (
                self.media[path].kind is api.DiskKind.DISK):
            parent = self.media.pop(path).parent
            if parent is not None:
                self._forget(parent)

    # Power

    def machine_state(self, uuid):
        return self._machine(uuid).state

    def machine_states(self):
        return {uuid: machine.state
                for uuid, machine in self.machines.items()}

    def start(self, uuid):
        machine = self._machine(uuid)
        if machine.state in _ALIVE:
            raise errors.Busy(f'{uuid} runs already')
        machine.state = api.MachineState.RUNNING
        machine.started_at = time.monotonic()

    def power_off(self, uuid):
        self._alive(uuid).state = api.MachineState.OFF

    def press_power_button(self, uuid):
        machine = self._alive(uuid)
        if uuid not in self.ignores_power_button:
            machine.state = api.MachineState.OFF

    def inject_nmi(self, uuid):
        self._alive(uuid).nmis += 1

    def pause(self, uuid):
        machine = self._alive(uuid)
        if machine.state is api.MachineState.PAUSED:
            raise errors.InvalidState(f'{uuid} is paused')
        machine.state = api.MachineState.PAUSED

    def resume(self, uuid):
        machine = self._alive(uuid)
        if machine.state is not api.MachineState.PAUSED:
            raise errors.InvalidState(f'{uuid} is not paused')
        machine.state = api.MachineState.RUNNING

    def save_state(self, uuid):
        self._alive(uuid).state = api.MachineState.SAVED

    def discard_state(self, uuid):
        machine = self._machine(uuid)
        if machine.state is not api.MachineState.SAVED:
            raise errors.InvalidState(f'{uuid} has no saved state')
        machine.state = api.MachineState.OFF

    def crash(self, uuid):
        """Let the machine's process die."""
        self._alive(uuid).state = api.MachineState.ABORTED

    def lose_settings(self, uuid):
        """Let the machine's settings file disappear."""
        self._machine(uuid).state = api.MachineState.INACCESSIBLE

    # Media

    def list_media(self):
        return [api.Medium(path, medium.kind, medium.capacity_mb,
                           medium.parent)
                for path, medium in self.media.items()]

    def open_disk(self, path):
        self._known(path)

    def create_disk(self, path, size_mb):
        self._new_file(path)
        self.media[str(path)] = _Medium(size_mb)

    def create_child_disk(self, path, parent):
        self._known(parent)
        self._new_file(path)
        self.media[str(path)] = _Medium(
            self.media[str(parent)].capacity_mb, str(parent))

    def resize_disk(self, path, size_mb):
        self._known(path)
        if size_mb < self.media[str(path)].capacity_mb:
            raise errors.Unsupported(f'{path} cannot be made smaller')
        self.media[str(path)].capacity_mb = size_mb

    def move_disk(self, path, target):
        self._known(path)
        self._new_file(target)
        self._copy_file(path, target)
        self._delete_file(path)
        self.media[str(target)] = self.media.pop(str(path))
        self._rename(str(path), str(target))

    def _rename(self, path, target):
        """Let machines, snapshots and children follow a file."""
        for medium in self.media.values():
            if medium.parent == path:
                medium.parent = target
        for machine in self.machines.values():
            for disks in (machine.disks, *(snapshot.disks for snapshot
                                           in machine.snapshots)):
                for port, disk in disks.items():
                    if disk.path == path:
                        disks[port] = dataclasses.replace(disk, path=target)

    def clone_disk(self, source, target):
        self._known(source)
        self._new_file(target)
        path = str(source)
        while self.media[path].parent is not None:
            path = self.media[path].parent
        self._copy_file(path, target)

    def close_medium(self, path, delete=False, kind=api.DiskKind.DISK):
        self._known(path)
        if any(disk.path == str(path) for machine in self.machines.values()
               for disks in (machine.disks, *(
                   snapshot.disks for snapshot in machine.snapshots))
               for disk in disks.values()):
            raise errors.InUse(f'{path} is attached')
        if any(medium.parent == str(path) for medium in self.media.values()):
            raise errors.InUse(f'{path} has children')
        del self.media[str(path)]
        if delete:
            self._delete_file(path)

    def attach_disk(self, uuid, port, path, kind=api.DiskKind.DISK):
        machine = self._machine(uuid)
        controllers.place(machine.spec.disk_bus, kind, port)
        self._known(path, kind)
        if any(disk.path == str(path) for other in self.machines.values()
               for disk in other.disks.values()
               if kind is api.DiskKind.DISK):
            raise errors.InUse(f'{path} is attached')
        machine.disks[port] = api.AttachedDisk(port, kind, str(path))

    def detach_disk(self, uuid, port):
        self._machine(uuid).disks.pop(port, None)

    def _known(self, path, kind=api.DiskKind.DISK):
        """Open a file that is there, as VirtualBox does when it is named."""
        if str(path) not in self.media:
            if not self._is_file(path):
                raise errors.MediumNotFound(f'no file {path}')
            self.media[str(path)] = _Medium(1, kind=kind)

    def _new_file(self, path):
        if self._is_file(path):
            raise errors.AlreadyExists(f'there is a file {path}')
        self._write_file(path, b'')

    # Its files are ours

    def _make_machine_folder(self, folder):
        folder.mkdir(parents=True)

    def _delete_machine_folder(self, folder):
        shutil.rmtree(folder, ignore_errors=True)

    def _is_file(self, path):
        return Path(path).exists()

    def _write_file(self, path, data):
        Path(path).write_bytes(data)

    def _copy_file(self, source, target):
        shutil.copy(source, target)

    def _delete_file(self, path):
        Path(path).unlink()

    # Network adapters

    def set_nic(self, uuid, nic):
        self._off(uuid).nics[nic.slot] = nic

    def remove_nic(self, uuid, slot):
        self._off(uuid).nics.pop(slot, None)

    def plug_nic(self, uuid, slot, attachment):
        nics = self._alive(uuid).nics
        nics[slot] = dataclasses.replace(nics[slot], attachment=attachment)

    # Statistics

    def statistics(self, uuid):
        machine = self._alive(uuid)
        uptime_s = time.monotonic() - machine.started_at
        return api.MachineStatistics(
            uptime_s=int(uptime_s),
            cpu_times_ns=(int(uptime_s * 10 ** 9),) * machine.spec.vcpus,
            nics={slot: api.NicStatistics(0, 0) for slot in machine.nics},
            disks={port: api.DiskStatistics(512, 1, 0, 0)
                   for port in machine.disks})

    # What is so, or an error

    def _machine(self, uuid):
        if uuid not in self.machines:
            raise errors.MachineNotFound(f'no machine {uuid}')
        return self.machines[uuid]

    def _alive(self, uuid):
        machine = self._machine(uuid)
        if machine.state not in _ALIVE:
            raise errors.InvalidState(f'{uuid} does not run')
        return machine

    def _off(self, uuid):
        machine = self._machine(uuid)
        if machine.state in _ALIVE:
            raise errors.Busy(f'{uuid} is locked')
        return machine
