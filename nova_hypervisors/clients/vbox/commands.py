# SPDX-License-Identifier: Apache-2.0
"""VBoxManage command lines, built and nothing else.

A command is a tuple of words: no shell, no formatting of a whole line, no
I/O, so that a test reads the words and that is all.  Option names are those
of the VBoxManage reference of VirtualBox 7.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from pathlib import PurePath

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import guests

Command = tuple[str, ...]

_BOOT_POSITIONS = 4

# The option that names the other end of an attachment.
_NAME_OPTIONS = {
    api.AttachmentKind.BRIDGED: 'bridge-adapter',
    api.AttachmentKind.HOST_ONLY: 'host-only-adapter',
    api.AttachmentKind.HOST_ONLY_NETWORK: 'host-only-net',
    api.AttachmentKind.INTERNAL: 'intnet',
    api.AttachmentKind.NAT_NETWORK: 'nat-network',
}

# modifyvm and controlvm have one word for every attachment but this.
_UDP_TUNNEL_MODE = 'generic'
_UDP_TUNNEL_DRIVER = 'UDPTunnel'


def create(spec: api.MachineSpec, platform_architecture: bool) -> Command:
    command: Command = (
        'createvm', '--name', spec.name, '--uuid', spec.uuid,
        '--ostype', spec.os_type, '--basefolder', str(spec.folder),
        '--register')
    if platform_architecture:
        command += ('--platform-architecture', spec.architecture)
    return command


def configure(spec: api.MachineSpec, slots: int) -> Command:
    """Set all of a machine's hardware.

    :param slots: adapters that the machine may have had: those that the spec
        does not name are taken out
    """
    return ('modifyvm', spec.uuid, *_hardware(spec),
            *_firmware(spec), *_boot_order(spec.boot_order),
            *_nics(spec.nics, slots, bool(spec.limits.nic_kib_s)),
            *_serial(spec.serial_socket),
            *_remote_display(spec.remote_display))


def _hardware(spec: api.MachineSpec) -> Command:
    return ('--memory', str(spec.memory_mb), '--cpus', str(spec.vcpus),
            '--cpuexecutioncap', '100',
            '--description', spec.description,
            # More than one processor needs the I/O APIC.
            '--ioapic', 'on', '--rtc-use-utc', 'on',
            '--graphicscontroller', 'vmsvga', '--vram', '16',
            '--audio-enabled', 'off', '--usb-ohci', 'off',
            # Else what a guest has written waits in VirtualBox's memory,
            # until the machine ends.
            '--iocache', 'off')


def _firmware(spec: api.MachineSpec) -> Command:
    return ('--firmware', 'efi64' if spec.firmware.efi else 'bios',
            '--bios-boot-menu',
            'messageandmenu' if spec.boot_menu else 'disabled',
            '--tpm-type', spec.firmware.tpm or 'none')


def secure_boot(uuid: str) -> Iterator[Command]:
    """Give a machine's EFI the usual keys, and let it check signatures."""
    for words in (('inituefivarstore',), ('enrollorclpk',),
                  ('enrollmssignatures',), ('secureboot', '--enable')):
        yield ('modifynvram', uuid, *words)


def _boot_order(order: tuple[api.BootDevice, ...]) -> Iterator[str]:
    missing = _BOOT_POSITIONS - len(order)
    for position, device in enumerate(
            order + (api.BootDevice.NONE,) * missing, start=1):
        yield from (f'--boot{position}', device.value)


def _nics(nics: tuple[api.Nic, ...], slots: int,
          limited: bool) -> Iterator[str]:
    used = {nic.slot for nic in nics}
    for nic in nics:
        yield from _nic(nic, limited)
    for slot in range(1, slots + 1):
        if slot not in used:
            yield from (f'--nic{slot}', 'none')


def _nic(nic: api.Nic, limited: bool) -> Iterator[str]:
    slot = nic.slot
    if limited:
        yield from (f'--nic-bandwidth-group{slot}', controllers.NICS_GROUP)
    yield from (f'--nictype{slot}', nic.model)
    yield from (f'--mac-address{slot}', nic.mac.replace(':', ''))
    yield from (f'--cable-connected{slot}',
                'on' if nic.cable_connected else 'off')
    yield from _attachment(slot, nic.attachment)


def _attachment(slot: int, attachment: api.Attachment) -> Iterator[str]:
    kind = attachment.kind
    if kind is api.AttachmentKind.UDP_TUNNEL:
        yield from (f'--nic{slot}', _UDP_TUNNEL_MODE)
        yield from (f'--nic-generic-drv{slot}', _UDP_TUNNEL_DRIVER)
        for key, value in attachment.properties.items():
            yield from (f'--nic-property{slot}', f'{key}={value}')
        return
    yield from (f'--nic{slot}', kind.value)
    if kind in _NAME_OPTIONS:
        yield from (f'--{_NAME_OPTIONS[kind]}{slot}', attachment.name)


def _serial(socket: PurePath | None) -> Command:
    if socket is None:
        return ('--uart1', 'off')
    # COM1, where every operating system looks first.
    return ('--uart1', '0x3F8', '4', '--uart-mode1', 'server', str(socket))


def _remote_display(display: api.RemoteDisplay | None) -> Iterator[str]:
    if display is None:
        yield from ('--vrde', 'off')
        return
    yield from ('--vrde', 'on', '--vrde-extpack', display.extension_pack,
                '--vrde-address', display.address,
                '--vrde-port', display.ports)
    yield from (('--vrde-auth-type', 'external',
                 '--vrde-auth-library', api.LOGIN_LIBRARY) if display.logins
                else ('--vrde-auth-type', 'null',
                      '--vrde-auth-library', 'default'))
    for key, value in display.properties.items():
        yield from ('--vrde-property', f'{key}={value}')


def snapshot_folder(folder: PurePath | None) -> Command:
    return () if folder is None else ('--snapshot-folder', str(folder))


def set_remote_display(uuid: str, display: api.RemoteDisplay | None,
                       stale: Collection[str]) -> Command:
    """:param stale: properties that are to go"""
    clear = (word for key in stale for word in ('--vrde-property', f'{key}='))
    return ('modifyvm', uuid, *clear, *_remote_display(display))


def set_login(uuid: str, user: str, password_hash: str | None) -> Command:
    return ('setextradata', uuid, f'{api.LOGIN_KEY}{user}',
            *((password_hash,) if password_hash is not None else ()))


def set_chipset(uuid: str, chipset: str) -> Command:
    """modifyvm counts adapter slots before it changes the chipset."""
    return ('modifyvm', uuid, '--chipset', chipset)


def set_boot_order(uuid: str, order: tuple[api.BootDevice, ...]) -> Command:
    return ('modifyvm', uuid, *_boot_order(order))


def set_nic(uuid: str, nic: api.Nic, limited: bool) -> Command:
    return ('modifyvm', uuid, *_nic(nic, limited))


def remove_nic(uuid: str, slot: int) -> Command:
    return ('modifyvm', uuid, f'--nic{slot}', 'none')


def plug_nic(uuid: str, slot: int, attachment: api.Attachment) -> Command:
    """Replug a running machine's adapter; one command takes one setting."""
    kind = attachment.kind
    words: Command = (kind.value,)
    if kind is api.AttachmentKind.UDP_TUNNEL:
        words = (_UDP_TUNNEL_MODE, _UDP_TUNNEL_DRIVER)
    elif kind in _NAME_OPTIONS:
        words += (attachment.name,)
    return ('controlvm', uuid, f'nic{slot}', *words)


def set_nic_property(uuid: str, slot: int, key: str, value: str) -> Command:
    return ('controlvm', uuid, f'nicproperty{slot}', f'{key}={value}')


def add_disk_controller(uuid: str, bus: api.DiskBus, cached: bool,
                        ports: int | None) -> Command:
    """:param cached: the host may cache what goes to its disks"""
    controller = controllers.CONTROLLERS[bus]
    kind, model = controller.words
    count = ('--portcount', str(ports)) if ports else ()
    return ('storagectl', uuid, '--name', controller.name,
            '--add', kind, '--controller', model, *count,
            '--bootable', 'on', *_host_cache(cached))


def set_ports(uuid: str, controller: str, ports: int) -> Command:
    return ('storagectl', uuid, '--name', controller,
            '--portcount', str(ports))


def _host_cache(cached: bool) -> Command:
    # IDE has it on if nobody says otherwise.
    return ('--hostiocache', 'on' if cached else 'off')


def set_host_cache(uuid: str, bus: api.DiskBus, cached: bool) -> Command:
    return ('storagectl', uuid, '--name', controllers.CONTROLLERS[bus].name,
            *_host_cache(cached))


def set_machine_extradata(uuid: str, key: str, value: str) -> Command:
    return ('setextradata', uuid, key, value)


def add_limit(uuid: str, group: str, kib_s: int) -> Command:
    kind = 'disk' if group == controllers.DISKS_GROUP else 'network'
    return ('bandwidthctl', uuid, 'add', group, '--type', kind,
            *_limit(kib_s))


def set_limit(uuid: str, group: str, kib_s: int) -> Command:
    return ('bandwidthctl', uuid, 'set', group, *_limit(kib_s))


def _limit(kib_s: int) -> Command:
    # A small k means kilobits; zero switches a limit off.
    return ('--limit', f'{kib_s}K')


def attach_disk(uuid: str, place: controllers.Place, medium: str,
                kind: api.DiskKind, limited: bool = False) -> Command:
    group = (('--bandwidthgroup', controllers.DISKS_GROUP) if limited else ())
    return (*_storage(uuid, place), '--type', kind.value,
            '--medium', medium, *group)


def detach_disk(uuid: str, place: controllers.Place) -> Command:
    return (*_storage(uuid, place), '--medium', 'none')


def _storage(uuid: str, place: controllers.Place) -> Command:
    return ('storageattach', uuid, '--storagectl', place.controller,
            '--port', str(place.port), '--device', str(place.device))


def attach_lun(uuid: str, place: controllers.Place, lun: api.Lun,
               limited: bool, pluggable: bool) -> Command:
    """:param pluggable: it can be detached while the machine runs"""
    server, _, tcp_port = lun.address.server.rpartition(':')
    command: Command = (
        *attach_disk(uuid, place, 'iscsi', api.DiskKind.DISK, limited),
        # What is written through is left out of snapshots.
        '--mtype', 'writethrough', '--server', server, '--tport', tcp_port,
        '--target', lun.address.target, '--lun', str(lun.address.lun),
        '--initiator', lun.initiator)
    if pluggable:
        command += ('--hotpluggable', 'on')
    if lun.user:
        command += ('--username', lun.user, '--password', lun.secret)
    return command


def close_by_uuid(medium_uuid: str) -> Command:
    return ('closemedium', 'disk', medium_uuid)


def show_by_uuid(medium_uuid: str) -> Command:
    return ('showmediuminfo', 'disk', medium_uuid)


def show_disk(path: PurePath) -> Command:
    return ('showmediuminfo', 'disk', str(path))


def create_disk(path: PurePath, size_mb: int) -> Command:
    return ('createmedium', 'disk', '--filename', str(path),
            '--size', str(size_mb), '--format', 'VDI')


def create_child_disk(path: PurePath, parent: PurePath) -> Command:
    return ('createmedium', 'disk', '--filename', str(path),
            '--diffparent', str(parent))


def resize_disk(path: PurePath, size_mb: int) -> Command:
    return ('modifymedium', 'disk', str(path), '--resize', str(size_mb))


def move_disk(path: PurePath, target: PurePath) -> Command:
    return ('modifymedium', 'disk', str(path), '--move', str(target))


def copy_medium(source: str, target: str) -> Command:
    """Write over one that there is; both are named by their UUIDs."""
    return ('clonemedium', 'disk', source, target, '--existing')


def clone_disk(source: PurePath, target: PurePath) -> Command:
    return ('clonemedium', 'disk', str(source), str(target),
            '--format', 'VDI')


def close_medium(path: PurePath, delete: bool,
                 kind: api.DiskKind) -> Command:
    word = 'dvd' if kind is api.DiskKind.DVD else 'disk'
    return ('closemedium', word, str(path),
            *(('--delete',) if delete else ()))


def control(uuid: str, *words: str) -> Command:
    return ('controlvm', uuid, *words)


def start(uuid: str) -> Command:
    return ('startvm', uuid, '--type', 'headless')


def kill(uuid: str) -> Command:
    """End a machine's process, whatever it is about."""
    return ('startvm', uuid, '--type', 'emergencystop')


def set_teleporter(uuid: str, target: api.TeleportTarget | None) -> Command:
    if target is None:
        return ('modifyvm', uuid, '--teleporter', 'off')
    return ('modifyvm', uuid, '--teleporter', 'on',
            '--teleporter-port', str(target.port),
            '--teleporter-address', target.address,
            '--teleporter-password', target.password)


def teleport(uuid: str, target: api.TeleportTarget) -> Command:
    return control(uuid, 'teleport', '--host', target.address,
                   '--port', str(target.port), '--password', target.password)


def limit_execution(uuid: str, percent: int) -> Command:
    return control(uuid, 'cpuexecutioncap', str(percent))


def unregister(uuid: str) -> Command:
    return ('unregistervm', uuid)


def take_snapshot(uuid: str, name: str, live: bool) -> Command:
    return ('snapshot', uuid, 'take', name, *(('--live',) if live else ()))


def delete_snapshot(uuid: str, name: str) -> Command:
    return ('snapshot', uuid, 'delete', name)


def restore_snapshot(uuid: str, name: str) -> Command:
    return ('snapshot', uuid, 'restore', name)


def statistics(uuid: str) -> Command:
    return ('debugvm', uuid, 'statistics',
            '--pattern', '/Public/*')


def set_extradata(key: str, value: str | None) -> Command:
    return ('setextradata', 'global', key,
            *((value,) if value is not None else ()))


def run_in_guest(uuid: str, wanted: guests.GuestProgram,
                 timeout_s: int) -> Command:
    variables = (word for name, value in wanted.environment.items()
                 for word in ('--putenv', f'{name}={value}'))
    return ('guestcontrol', uuid, 'run', '--username', wanted.user,
            '--password', wanted.password, '--timeout',
            str(timeout_s * 1000), *variables, '--exe', wanted.words[0],
            # The words after this begin with the program's own name.
            '--', *wanted.words)
