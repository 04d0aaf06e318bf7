# SPDX-License-Identifier: Apache-2.0
"""VirtualBox through the VBoxManage command, on the host we run on.

What can be read without starting a process or locking a machine is read from
VirtualBox's settings files; see :mod:`.settings`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import platform
import shutil
import threading
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from pathlib import PurePath

import psutil

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import luns
from nova_hypervisors.clients.vbox import manageguests
from nova_hypervisors.clients.vbox import managemedia
from nova_hypervisors.clients.vbox import manageteleport
from nova_hypervisors.clients.vbox import parse
from nova_hypervisors.clients.vbox import process
from nova_hypervisors.clients.vbox import program
from nova_hypervisors.clients.vbox import settings
from nova_hypervisors.clients.vbox import version

# The settings file of a machine that is listed and not in the registry.
_NO_PATH = Path('unregistered')

# What a new machine has.
_DEFAULT_CHIPSET = 'piix3'

# VirtualBox's names of states that a machine does not leave by itself.
_STUCK = ('GuruMeditation', 'Stuck')

# Those of machines that it does not list as running, whose logs say more.
_LOGGED_STATES = {'TeleportingIn': api.MachineState.ARRIVING,
                  'Teleported': api.MachineState.DEPARTED}

# What VBoxManage calls the lists of things to attach an adapter to.
_NETWORK_LISTS = {
    api.AttachmentKind.BRIDGED: 'bridgedifs',
    api.AttachmentKind.HOST_ONLY: 'hostonlyifs',
    api.AttachmentKind.HOST_ONLY_NETWORK: 'hostonlynets',
    api.AttachmentKind.NAT_NETWORK: 'natnets',
}


class VBoxManageClient(managemedia.ManageMedia, luns.ManagedLuns,
                       manageteleport.ManageTeleport,
                       manageguests.ManageGuests):
    """:class:`.interface.VBoxClient` by VBoxManage.

    :param home: the folder of VirtualBox.xml
    :param copy_timeout_s: limit of what takes as long as there is data, in
        seconds: cloning disks, saving memory
    """

    def __init__(self, run: program.Program, home: Path,
                 copy_timeout_s: float) -> None:
        self._run = run
        self._home = home
        self._registry = settings.Registry(home)
        self._copy_timeout_s = copy_timeout_s
        self._teleports = {}
        # VirtualBox opens a parent for a child that is being made, and
        # another caller may just be closing it.
        self._media = threading.Lock()

    # The host

    def get_version(self) -> version.Version:
        return self._version

    @functools.cached_property
    def _version(self) -> version.Version:
        text = self._run(('--version',))
        try:
            return version.parse(text)
        except ValueError as error:
            raise errors.ClientError(str(error)) from error

    def host(self) -> api.Host:
        free = psutil.virtual_memory().available
        return dataclasses.replace(self._host, memory_free_mb=free >> 20)

    @functools.cached_property
    def _host(self) -> api.Host:
        # Once: VirtualBox looks the host's domain up for it, which takes
        # seconds where no name server answers.
        return parse.host(self._run(('list', 'hostinfo')),
                          platform.machine())

    def extension_packs(self, candidates: Collection[str] = (),  # noqa: ARG002
                        ) -> list[api.ExtensionPack]:
        return parse.extension_packs(self._run(('list', 'extpacks')))

    def host_networks(self) -> Mapping[api.AttachmentKind, frozenset[str]]:
        found = {}
        for kind, name in _NETWORK_LISTS.items():
            try:
                found[kind] = parse.names(self._run(('list', name)))
            except errors.ClientError:
                # Not a list that VirtualBox has on this operating system.
                found[kind] = frozenset()
        return found

    def get_extradata(self, prefix: str) -> Mapping[str, str]:
        text = self._run(('getextradata', 'global', 'enumerate'))
        return {key.removeprefix(prefix): value
                for key, value in parse.extradata(text).items()
                if key.startswith(prefix)}

    def set_extradata(self, key: str, value: str | None) -> None:
        self._run(commands.set_extradata(key, value))

    # Machines

    def list_machines(self) -> list[api.Machine]:
        return parse.machines(self._run(('list', 'vms')))

    def machine_settings(self, uuid: str) -> api.MachineSettings:
        return self._registry.read(self._settings_file(uuid)).settings

    def _settings_file(self, uuid: str) -> Path:
        path = self._registry.settings_files().get(uuid)
        if path is None:
            # VirtualBox has the last word on what there is.
            fields = parse.pairs(self._run(
                ('showvminfo', uuid, '--machinereadable')))
            path = Path(fields['CfgFile'])
        return path

    def create_machine(self, spec: api.MachineSpec) -> None:
        quirks = version.Quirks.of(self._version)
        try:
            self._run(commands.create(spec, quirks.platform_architecture))
            # A new machine has one adapter, and it is not one of ours.
            self._configure(spec, slots=1, limits=api.Limits(),
                            more=commands.snapshot_folder(
                                spec.snapshot_folder))
            for bus in dict.fromkeys((api.DiskBus.SATA, spec.disk_bus)):
                self._run(commands.add_disk_controller(
                    spec.uuid, bus,
                    spec.unsafe_cache and bus is spec.disk_bus,
                    controllers.ports(bus, spec)))
            if spec.firmware.secure_boot:
                for command in commands.secure_boot(spec.uuid):
                    self._run(command)
        except errors.AlreadyExists:
            raise
        except errors.ClientError:
            with contextlib.suppress(errors.ClientError):
                self.delete_machine(spec.uuid)
            raise

    def configure_machine(self, spec: api.MachineSpec) -> None:
        have = self.machine_settings(spec.uuid)
        self._configure(
            spec, slots=max([nic.slot for nic in have.nics], default=0),
            limits=have.limits)
        self._run(commands.set_ports(
            spec.uuid, api.DISK_CONTROLLER,
            controllers.sata_ports(spec, have.disks)))
        disks = [disk for disk in have.disks
                 if disk.kind is api.DiskKind.DISK]
        if spec.limits.disk_kib_s and not have.limits.disk_kib_s:
            for disk in disks:
                self._run(commands.attach_disk(
                    spec.uuid, controllers.place(have.disk_bus, disk.kind,
                                                 disk.port),
                    disk.path, disk.kind, limited=True))
        if spec.unsafe_cache is not have.unsafe_cache:
            self._run(commands.set_host_cache(spec.uuid, have.disk_bus,
                                              spec.unsafe_cache))
            for disk in disks:
                self._set_flushing(spec.uuid, have.disk_bus, disk.port,
                                   spec.unsafe_cache)

    def _configure(self, spec: api.MachineSpec, slots: int,
                   limits: api.Limits,
                   more: commands.Command = ()) -> None:
        """:param limits: those that it has"""
        for group, had, wanted in (
                (controllers.DISKS_GROUP, limits.disk_kib_s,
                 spec.limits.disk_kib_s),
                (controllers.NICS_GROUP, limits.nic_kib_s,
                 spec.limits.nic_kib_s)):
            if had != wanted:
                self._set_limit(spec.uuid, group, wanted)
        if spec.chipset != _DEFAULT_CHIPSET:
            self._run(commands.set_chipset(spec.uuid, spec.chipset))
        display = spec.remote_display
        self._run((*commands.configure(spec, slots), *more),
                  secrets=display.properties.values() if display else ())
        if display is not None:
            self._set_logins(spec.uuid, display.logins)

    def _set_logins(self, uuid: str,
                    logins: Mapping[str, str | None]) -> None:
        for user, password_hash in logins.items():
            self._run(commands.set_login(uuid, user, password_hash),
                      secrets=(password_hash,) if password_hash else ())

    def _set_limit(self, uuid: str, group: str, kib_s: int) -> None:
        try:
            self._run(commands.add_limit(uuid, group, kib_s))
        except errors.InUse:
            # VirtualBox has no better name for "it is there".
            self._run(commands.set_limit(uuid, group, kib_s))

    def set_boot_order(self, uuid: str,
                       order: tuple[api.BootDevice, ...]) -> None:
        self._run(commands.set_boot_order(uuid, order))

    def delete_machine(self, uuid: str) -> None:
        path = self._settings_file(uuid)
        self.unregister_machine(uuid)
        # unregistervm --delete would also delete the parent of a disk that
        # has no other child: the cached image.
        if path.parent.name == path.stem:
            shutil.rmtree(path.parent, ignore_errors=True)

    def unregister_machine(self, uuid: str) -> None:
        # It closes the machine's disks, too.
        with self._media:
            self._run(commands.unregister(uuid))

    # Power

    def machine_state(self, uuid: str) -> api.MachineState:
        path = self._settings_file(uuid)
        return self._state(path, uuid in self._running())

    def machine_states(self) -> Mapping[str, api.MachineState]:
        machines = self.list_machines()
        running = self._running()
        paths = self._registry.settings_files()
        return {machine.uuid: self._state(paths.get(machine.uuid, _NO_PATH),
                                          machine.uuid in running)
                for machine in machines}

    def _state(self, path: Path, running: bool) -> api.MachineState:
        try:
            saved = self._registry.read(path)
        except errors.ClientError:
            return api.MachineState.INACCESSIBLE
        logged = settings.last_logged_state(path.parent)
        if running:
            return (api.MachineState.PAUSED if logged == 'Paused'
                    else api.MachineState.RUNNING)
        if saved.saved:
            return api.MachineState.SAVED
        if saved.aborted or logged in _STUCK:
            return api.MachineState.ABORTED
        return _LOGGED_STATES.get(logged or '', api.MachineState.OFF)

    def _running(self) -> frozenset[str]:
        """Return the machines that have a process, paused ones included."""
        listed = parse.machines(self._run(('list', 'runningvms')))
        return frozenset(machine.uuid for machine in listed)

    def start(self, uuid: str) -> None:
        self._forget_teleporter(uuid)
        self._run(commands.start(uuid))

    def power_off(self, uuid: str) -> None:
        self._run(commands.control(uuid, 'poweroff'))

    def press_power_button(self, uuid: str) -> None:
        self._run(commands.control(uuid, 'acpipowerbutton'))

    def inject_nmi(self, uuid: str) -> None:
        self._run(('debugvm', uuid, 'injectnmi'))

    def pause(self, uuid: str) -> None:
        self._run(commands.control(uuid, 'pause'))

    def resume(self, uuid: str) -> None:
        self._run(commands.control(uuid, 'resume'))

    def save_state(self, uuid: str) -> None:
        self._run(commands.control(uuid, 'savestate'),
                  timeout_s=self._copy_timeout_s)

    def discard_state(self, uuid: str) -> None:
        self._run(('discardstate', uuid))

    # Media

    def attach_disk(self, uuid: str, port: int, path: PurePath,
                    kind: api.DiskKind = api.DiskKind.DISK) -> None:
        have = self.machine_settings(uuid)
        is_disk = kind is api.DiskKind.DISK
        place = controllers.place(have.disk_bus, kind, port)
        self._provide_port(uuid, place)
        self._run(commands.attach_disk(
            uuid, place, str(path), kind,
            limited=is_disk and bool(have.limits.disk_kib_s)))
        if is_disk:
            self._set_flushing(uuid, have.disk_bus, port,
                               have.unsafe_cache or None)

    def _set_flushing(self, uuid: str, bus: api.DiskBus, port: int,
                      unsafe: bool | None) -> None:
        self._set_extradata(uuid, controllers.flush_settings(
            bus, port, unsafe))

    def _set_extradata(self, uuid: str, pairs: Mapping[str, str]) -> None:
        for key, value in pairs.items():
            self._run(commands.set_machine_extradata(uuid, key, value))

    def detach_disk(self, uuid: str, port: int) -> None:
        have = self.machine_settings(uuid)
        kinds = {disk.port: disk.kind for disk in have.disks}
        kind = kinds.get(port, api.DiskKind.DISK)
        self._run(commands.detach_disk(uuid, controllers.place(
            have.disk_bus, kind, port)))
        if kind is api.DiskKind.DISK:
            self._set_extradata(uuid, controllers.no_flush_settings(
                have.disk_bus, port))

    # Network adapters

    def set_nic(self, uuid: str, nic: api.Nic) -> None:
        limits = self.machine_settings(uuid).limits
        self._run(commands.set_nic(uuid, nic, bool(limits.nic_kib_s)))

    def remove_nic(self, uuid: str, slot: int) -> None:
        self._run(commands.remove_nic(uuid, slot))

    def plug_nic(self, uuid: str, slot: int,
                 attachment: api.Attachment) -> None:
        for key, value in attachment.properties.items():
            self._run(commands.set_nic_property(uuid, slot, key, value))
        self._run(commands.plug_nic(uuid, slot, attachment))

    # Snapshots, display, statistics

    def take_snapshot(self, uuid: str, name: str, live: bool = True) -> None:
        self._run(commands.take_snapshot(uuid, name, live),
                  timeout_s=self._copy_timeout_s)

    def delete_snapshot(self, uuid: str, name: str) -> None:
        self._run(commands.delete_snapshot(uuid, name),
                  timeout_s=self._copy_timeout_s)

    def restore_snapshot(self, uuid: str, name: str) -> None:
        self._run(commands.restore_snapshot(uuid, name))

    def save_screenshot(self, uuid: str, path: PurePath) -> None:
        self._run(commands.control(uuid, 'screenshotpng', str(path)))
        Path(path).chmod(0o600)

    def remote_display(self, uuid: str) -> api.RemoteDisplay | None:
        return self._registry.read(self._settings_file(uuid)).remote_display

    def set_remote_display(self, uuid: str,
                           display: api.RemoteDisplay | None) -> None:
        if display is None:
            self._run(commands.set_remote_display(uuid, None, ()))
            return
        have = self.remote_display(uuid)
        stale = have.properties.keys() - display.properties if have else ()
        self._run(commands.set_remote_display(uuid, display, sorted(stale)),
                  secrets=display.properties.values())
        gone = have.logins.keys() - display.logins if have else ()
        self._set_logins(uuid, {**dict.fromkeys(gone), **display.logins})

    def display_port(self, uuid: str) -> int | None:
        fields = parse.pairs(self._run(
            ('showvminfo', uuid, '--machinereadable')))
        port = int(fields.get('vrdeport', '-1'))
        return port if port > 0 else None

    def statistics(self, uuid: str) -> api.MachineStatistics:
        nics, disks = parse.statistics(self._run(commands.statistics(uuid)))
        vcpus = self.machine_settings(uuid).vcpus
        used = process.usage(uuid, vcpus)
        return api.MachineStatistics(used.uptime_s, used.cpu_times_ns, nics,
                                     disks)

