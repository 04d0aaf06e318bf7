# SPDX-License-Identifier: Apache-2.0
"""Machines by the web service: what they are set to, and setting it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import webdisplay
from nova_hypervisors.clients.vbox import webexplorer
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webluns
from nova_hypervisors.clients.vbox import webnics
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_BOOT_DEVICES = {
    api.BootDevice.DISK: 'HardDisk',
    api.BootDevice.DVD: 'DVD',
    api.BootDevice.NETWORK: 'Network',
    api.BootDevice.NONE: 'Null',
}
_BOOT_DEVICE_NAMES = {name: device for device, name in _BOOT_DEVICES.items()}
_BOOT_POSITIONS = 4

_DISK_KINDS = {'HardDisk': api.DiskKind.DISK, 'DVD': api.DiskKind.DVD}

# Those that are not just in capital letters.
_CHIPSETS = {'armv8virtual': 'ARMv8Virtual'}

_ARCHITECTURES = {'x86': 'x86', 'arm': 'ARM'}

_INACCESSIBLE = '<inaccessible>'

#: Among a machine's logs: one that VirtualBox, which keeps three, neither
#: moves on nor deletes.
SERIAL_LOG_INDEX = 9

_VIDEO_MEMORY_MB = 16

# Limit of deleting a machine's own files.
_DELETE_S = 60.0


def read(web: WebSession, uuid: str) -> api.MachineSettings:
    machine = web.machine(uuid)
    if not _is_accessible(web, machine):
        raise errors.MachineNotFound(
            f'the settings of machine {uuid} cannot be read')
    chipset = _chipset(web, machine)
    bus = webhardware.disk_bus(web, machine)
    return api.MachineSettings(
        uuid=uuid,
        name=web.text('IMachine_getName', machine),
        folder=api.host_path(
            web.text('IMachine_getSettingsFilePath', machine)).parent,
        vcpus=int(web.text('IMachine_getCPUCount', machine)),
        memory_mb=int(web.text('IMachine_getMemorySize', machine)),
        chipset=chipset,
        disks=tuple(_disks(web, machine)),
        nics=tuple(webnics.read(web, machine, chipset)),
        boot_order=tuple(_boot_order(web, machine)),
        display_ports=webdisplay.ports(web, machine),
        snapshots=tuple(_snapshots(web, machine)),
        os_type=web.text('IMachine_getOSTypeId', machine),
        efi=webhardware.is_efi(web, machine),
        tpm=webhardware.tpm(web, machine),
        disk_bus=bus,
        unsafe_cache=webhardware.is_cached(web, machine, bus),
        limits=webhardware.limits(web, machine),
        execution_percent=int(
            web.text('IMachine_getCPUExecutionCap', machine)))


def _chipset(web: WebSession, machine: str) -> str:
    name = (web.text('IPlatform_getChipsetType',
                     web.text('IMachine_getPlatform', machine))
            if web.quirks.platform_architecture
            else web.text('IMachine_getChipsetType', machine))
    return name.lower()


def _is_accessible(web: WebSession, machine: str) -> bool:
    return web.text('IMachine_getAccessible', machine) == 'true'


def _disks(web: WebSession, machine: str) -> Iterator[api.AttachedDisk]:
    for attachment in web.structs('IMachine_getMediumAttachments', machine):
        kind = _DISK_KINDS.get(attachment['type'])
        medium = attachment.get('medium')
        port = controllers.port_of(
            attachment['controller'], int(attachment['port']),
            int(attachment['device']))
        if kind is not None and medium and port is not None:
            yield api.AttachedDisk(
                port, kind, web.text('IMedium_getLocation', medium),
                webluns.read(web, medium))


def _boot_order(web: WebSession, machine: str) -> Iterator[api.BootDevice]:
    for position in range(1, _BOOT_POSITIONS + 1):
        name = web.text('IMachine_getBootOrder', machine, position=position)
        device = _BOOT_DEVICE_NAMES.get(name, api.BootDevice.NONE)
        if device is not api.BootDevice.NONE:
            yield device


def _snapshots(web: WebSession, machine: str) -> Iterator[str]:
    if web.text('IMachine_getSnapshotCount', machine) == '0':
        return
    # With no name it finds the first one, of which all others come.
    waiting = [web.text('IMachine_findSnapshot', machine, nameOrId='')]
    while waiting:
        snapshot = waiting.pop()
        yield web.text('ISnapshot_getName', snapshot)
        waiting += web.texts('ISnapshot_getChildren', snapshot)


def set_up(web: WebSession, machine: str, spec: api.MachineSpec,
           have: api.MachineSettings | None = None) -> None:
    """Set all of a machine's hardware; it can be changed.

    :param have: None for a new machine, which is not told again what every
        new one has
    """
    # A new one has its first adapter.
    slots = 1 if have is None else max((nic.slot for nic in have.nics),
                                       default=0)
    web.call('IMachine_setMemorySize', machine, memorySize=spec.memory_mb)
    web.call('IMachine_setCPUCount', machine, CPUCount=spec.vcpus)
    web.call('IMachine_setDescription', machine,
             description=spec.description)
    _set_up_platform(web, machine, spec)
    webhardware.set_up_firmware(web, machine, spec.firmware)
    if have is not None:
        web.call('IMachine_setCPUExecutionCap', machine, CPUExecutionCap=100)
    if have is not None or spec.limits != api.Limits():
        webhardware.set_limits(web, machine, spec.limits)
    # Else what a guest has written waits in VirtualBox's memory, until the
    # machine ends.
    web.call('IMachine_setIOCacheEnabled', machine, IOCacheEnabled=False)
    graphics = web.text('IMachine_getGraphicsAdapter', machine)
    web.call('IGraphicsAdapter_setGraphicsControllerType', graphics,
             graphicsControllerType='VMSVGA')
    web.call('IGraphicsAdapter_setVRAMSize', graphics,
             VRAMSize=_VIDEO_MEMORY_MB)
    set_boot_order(web, machine, spec.boot_order)
    used = {nic.slot for nic in spec.nics}
    for nic in spec.nics:
        webnics.set_up(web, machine, nic, bool(spec.limits.nic_kib_s))
    for slot in set(range(1, slots + 1)) - used:
        webnics.remove(web, machine, slot)
    _set_up_serial(web, machine, spec)
    if have is not None or spec.remote_display is not None:
        webdisplay.set_up(web, machine, spec.remote_display)


def _set_up_disks(web: WebSession, machine: str, spec: api.MachineSpec,
                  have: api.MachineSettings) -> None:
    """Change the limit and the cache of disks that are attached."""
    cached = spec.unsafe_cache
    if cached is not have.unsafe_cache:
        webhardware.set_host_cache(web, machine, have.disk_bus, cached)
    for disk in have.disks:
        if disk.kind is not api.DiskKind.DISK:
            continue
        if cached is not have.unsafe_cache:
            webhardware.set_flushing(web, machine, have.disk_bus, disk.port,
                                     cached)
        if spec.limits.disk_kib_s:
            webhardware.limit_disk(web, machine, controllers.place(
                have.disk_bus, disk.kind, disk.port))


def _set_up_platform(web: WebSession, machine: str,
                     spec: api.MachineSpec) -> None:
    if web.quirks.platform_architecture:
        kind, platform = 'IPlatform', web.text('IMachine_getPlatform', machine)
        firmware = 'Firmware'
    else:
        kind, platform, firmware = 'IMachine', machine, 'BIOS'
    web.call(f'{kind}_setChipsetType', platform,
             chipsetType=_CHIPSETS.get(spec.chipset, spec.chipset.upper()))
    web.call(f'{kind}_setRTCUseUTC', platform, RTCUseUTC=True)
    settings = web.text(f'IMachine_get{firmware}Settings', machine)
    # More than one processor needs the I/O APIC.
    web.call(f'I{firmware}Settings_setIOAPICEnabled', settings,
             IOAPICEnabled=True)
    web.call(f'I{firmware}Settings_setBootMenuMode', settings,
             bootMenuMode='MessageAndMenu' if spec.boot_menu else 'Disabled')


def set_boot_order(web: WebSession, machine: str,
                   order: tuple[api.BootDevice, ...]) -> None:
    missing = _BOOT_POSITIONS - len(order)
    for position, device in enumerate(
            order + (api.BootDevice.NONE,) * missing, start=1):
        web.call('IMachine_setBootOrder', machine, position=position,
                 device=_BOOT_DEVICES[device])


def _set_up_serial(web: WebSession, machine: str,
                   spec: api.MachineSpec) -> None:
    port = web.text('IMachine_getSerialPort', machine, slot=0)
    used = spec.serial_log or spec.serial_socket is not None
    if used:
        path = spec.serial_socket or serial_log(web, machine)
        web.call('ISerialPort_setPath', port, path=str(path))
        web.call('ISerialPort_setServer', port, server=not spec.serial_log)
        web.call('ISerialPort_setHostMode', port,
                 hostMode='RawFile' if spec.serial_log else 'HostPipe')
    web.call('ISerialPort_setEnabled', port, enabled=used)


def serial_log(web: WebSession, machine: str) -> PurePath:
    """Return where a serial port is kept, so that readLog finds it."""
    folder = api.host_path(web.text('IMachine_getLogFolder', machine))
    return folder / f'VBox.log.{SERIAL_LOG_INDEX}'


def _empty(web: WebSession, machine: str) -> None:
    """Delete what would stay in a machine's folder, and the folder with it.

    A disk is in it after a snapshot of a running machine: what differs from
    another is merged into the newer file.
    """
    own = api.host_path(
        web.text('IMachine_getSettingsFilePath', machine)).parent
    for name in ('SnapshotFolder', 'LogFolder'):
        folder = api.host_path(web.text(f'IMachine_get{name}', machine))
        if folder.parent == own:
            with contextlib.suppress(errors.NotFound):
                webexplorer.delete(web, folder,
                                   webexplorer.files(web, folder))


def create(web: WebSession, spec: api.MachineSpec) -> str:
    """Return a new machine that nobody else knows, and no file holds."""
    flags = f'UUID={spec.uuid}'
    if spec.uuid not in spec.folder.name:
        # Two machines of one name may be in one folder.
        flags += ',directoryIncludesUUID=1'
    path = web.text('IVirtualBox_composeMachineFilename', web.root,
                    name=spec.name, group='', createFlags=flags,
                    baseFolder=str(spec.folder))
    platform = ({'platform': _ARCHITECTURES[spec.architecture]}
                if web.quirks.platform_architecture else {})
    return web.text(
        'IVirtualBox_createMachine', web.root, settingsFile=path,
        name=spec.name, **platform, groups=[], osTypeId=spec.os_type,
        flags=flags, cipher='', passwordId='', password='')


class WebMachines:
    """:class:`.interface.MachineApi`."""

    _sessions: weblogon.WebSessions
    _media: threading.Lock

    @weblogon.reads
    def list_machines(self, web: WebSession) -> list[api.Machine]:
        found = []
        for machine in web.texts('IVirtualBox_getMachines', web.root):
            with contextlib.suppress(errors.NotFound):
                # It may just be deleted.
                accessible = _is_accessible(web, machine)
                found.append(api.Machine(
                    web.text('IMachine_getId', machine),
                    web.text('IMachine_getName', machine) if accessible
                    else _INACCESSIBLE, accessible))
        return found

    @weblogon.reads
    def machine_settings(self, web: WebSession,
                         uuid: str) -> api.MachineSettings:
        return read(web, uuid)

    @weblogon.changes
    def create_machine(self, web: WebSession, spec: api.MachineSpec) -> None:
        with contextlib.suppress(errors.MachineNotFound):
            web.machine(spec.uuid)
            raise errors.AlreadyExists(
                f'there is a machine with the UUID {spec.uuid}',
                operation='create_machine')
        machine = create(web, spec)
        set_up(web, machine, spec)
        webhardware.add_controllers(web, machine, spec)
        if spec.firmware.secure_boot:
            webhardware.secure_boot(web, machine)
        if spec.snapshot_folder is not None:
            web.call('IMachine_setSnapshotFolder', machine,
                     snapshotFolder=str(spec.snapshot_folder))
        web.call('IMachine_saveSettings', machine)
        web.call('IVirtualBox_registerMachine', web.root, machine=machine)

    @weblogon.changes
    def configure_machine(self, web: WebSession,
                          spec: api.MachineSpec) -> None:
        have = read(web, spec.uuid)
        with web.locked(spec.uuid, 'Write') as lock:
            set_up(web, lock.machine, spec, have)
            webhardware.set_ports(web, lock.machine, api.DISK_CONTROLLER,
                                  controllers.sata_ports(spec, have.disks))
            _set_up_disks(web, lock.machine, spec, have)
            lock.save()

    @weblogon.changes
    def set_boot_order(self, web: WebSession, uuid: str,
                       order: tuple[api.BootDevice, ...]) -> None:
        with web.locked(uuid, 'Write') as lock:
            set_boot_order(web, lock.machine, order)
            lock.save()

    @weblogon.changes
    def delete_machine(self, web: WebSession, uuid: str) -> None:
        machine = self._unregister(web, uuid)
        # One whose settings are lost has no more files.
        with contextlib.suppress(errors.NotFound, errors.InvalidState):
            _empty(web, machine)
            progress = web.text('IMachine_deleteConfig', machine)
            web.wait(progress, 'delete_machine', _DELETE_S)

    @weblogon.changes
    def unregister_machine(self, web: WebSession, uuid: str) -> None:
        self._unregister(web, uuid)

    def _unregister(self, web: WebSession, uuid: str) -> str:
        """Let VirtualBox forget a machine; return the reference to it."""
        machine = web.listed_machine(uuid)
        # Else VirtualBox knows the disks for as long as somebody has a
        # reference to one of them or to the machine, and those of a machine
        # that has run for as long as VBoxSVC lives.  It crashes when one that
        # it knows is made again.
        with self._media:
            disks = web.texts('IMachine_unregister', machine,
                              cleanupMode='DetachAllReturnHardDisksOnly')
            for disk in disks:
                # A parent of other disks stays; children come first.
                with contextlib.suppress(errors.InUse):
                    web.call('IMedium_close', disk)
        return machine
