# SPDX-License-Identifier: Apache-2.0
"""Reading VirtualBox's settings files: VirtualBox.xml and a machine's .vbox.

VBoxManage can tell the same, but ``showvminfo`` takes a lock on the machine,
starts a process a machine and can hang in the middle of a power-off.  The
files cost neither: VBoxSVC writes them at every change and replaces them as
a whole, so a reader sees the state before or after.  They are only ever read.

Source: VirtualBox-settings.xsd of the SDK; "Where VirtualBox stores its
files" in the manual.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import settings_display
from nova_hypervisors.clients.vbox import settings_nics

_NS = '{http://www.virtualbox.org/}'

_BOOT_DEVICES = {
    'HardDisk': api.BootDevice.DISK,
    'DVD': api.BootDevice.DVD,
    'Network': api.BootDevice.NETWORK,
}

_DISK_KINDS = {'HardDisk': api.DiskKind.DISK, 'DVD': api.DiskKind.DVD}

_TPM_VERSIONS = {'v1_2': '1.2', 'v2_0': '2.0'}

_LOGGED_STATE = re.compile(rb"Machine state changed to '(\w+)'")

# While VBoxSVC replaces a file, it is missing for a moment.
_READ_TRIES = 5
_READ_PAUSE_S = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """A machine's settings, and how it came to rest.

    :param saved: it has a saved state to go on from
    :param aborted: its process died
    """

    settings: api.MachineSettings
    saved: bool
    aborted: bool
    remote_display: api.RemoteDisplay | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Medium:
    """:param lun: None if it is a file"""

    path: str
    lun: api.LunAddress | None = None


_UNKNOWN_MEDIUM = Medium('')


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """What one settings file says.

    :param images: what is attached: port, kind, UUID, and where
    :param media: what is in the file's own registry, by UUID
    """

    saved: Saved
    images: tuple[tuple[int, api.DiskKind, str, controllers.Place], ...]
    media: Mapping[str, Medium]


class Registry:
    """The machines of one VirtualBox, read from its files.

    A file that has not changed is not read again.

    :param home: the folder of VirtualBox.xml
    """

    def __init__(self, home: Path) -> None:
        self._path = home / 'VirtualBox.xml'
        # By path: what stat() said of the file, and what was in it.
        self._files: dict[Path, tuple[tuple[int, int], _File]] = {}

    def settings_files(self) -> dict[str, Path]:
        """Return the settings file of each registered machine, by UUID."""
        root = _parse(self._path)
        if root is None:
            return {}
        return {_uuid(entry): Path(entry.get('src', ''))
                for entry in root.iter(f'{_NS}MachineEntry')}

    def read(self, path: Path) -> Saved:
        """Read a machine's settings file.

        :raises MachineNotFound: there is no such file
        """
        file = self._read(path)
        media = dict(file.media)
        if any(uuid not in media for _, _, uuid, _ in file.images):
            # Disks with a common parent are in the registry of one of their
            # machines only.
            media = self._all_media()
        disks = tuple(
            api.AttachedDisk(port, kind, found.path, found.lun)
            for port, kind, uuid, _ in file.images
            for found in (media.get(uuid, _UNKNOWN_MEDIUM),))
        return dataclasses.replace(
            file.saved, settings=dataclasses.replace(
                file.saved.settings, disks=disks))

    def medium_at(self, path: Path, port: int,
                  ) -> tuple[str, controllers.Place] | None:
        """Return the UUID of what a machine has at a port, and where."""
        return next(((uuid, place) for number, _, uuid, place
                     in self._read(path).images if number == port), None)

    def luns(self) -> dict[str, tuple[api.LunAddress, str | None]]:
        """Return the disks of storages that machines note, by UUID.

        :returns: where each is, and which machine has it
        """
        files = []
        for path in self.settings_files().values():
            with contextlib.suppress(errors.ClientError):
                files.append(self._read(path))
        machines = {uuid: file.saved.settings.uuid for file in files
                    for _, _, uuid, _ in file.images}
        return {uuid: (medium.lun, machines.get(uuid)) for file in files
                for uuid, medium in file.media.items()
                if medium.lun is not None}

    def _read(self, path: Path) -> _File:
        try:
            stat = path.stat()
        except OSError as error:
            raise errors.MachineNotFound(
                f'no machine settings in {path}') from error
        version = stat.st_mtime_ns, stat.st_size
        known = self._files.get(path)
        if known is None or known[0] != version:
            known = version, _read_machine(path)
            self._files[path] = known
        return known[1]

    def _all_media(self) -> dict[str, Medium]:
        root = _parse(self._path)
        media = {} if root is None else _media(root, self._path.parent)
        for path in self.settings_files().values():
            with contextlib.suppress(errors.ClientError):
                media.update(self._read(path).media)
        return media


def default_home() -> Path:
    """Return the folder that holds VirtualBox.xml.

    VirtualBox asks the password database for the home folder, not $HOME.
    """
    if 'VBOX_USER_HOME' in os.environ:
        return Path(os.environ['VBOX_USER_HOME'])
    home = Path(f'~{_user_name()}').expanduser()
    if sys.platform == 'darwin':
        return home / 'Library' / 'VirtualBox'
    legacy = home / '.VirtualBox'
    if legacy.is_dir():
        return legacy
    return home / '.config' / 'VirtualBox'


def environment(home: Path) -> dict[str, str]:
    """Return what makes VirtualBox use a folder that is not its default.

    The processes of one user find each other by a socket.  With the same one
    they would talk to the VBoxSVC that is there, whatever its folder is.
    """
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return {'VBOX_USER_HOME': str(home), 'VBOX_IPC_SOCKETID': f'nova-{name}'}


def _user_name() -> str:
    import pwd
    return pwd.getpwuid(os.getuid()).pw_name


def _read_machine(path: Path) -> _File:
    root = _parse(path)
    machine = root.find(f'{_NS}Machine') if root is not None else None
    if machine is None:
        raise errors.MachineNotFound(f'no machine settings in {path}')
    hardware = _child(machine, 'Hardware')
    bus = controllers.bus_of({
        controller.get('name', '') for controller
        in hardware.iter(f'{_NS}StorageController')})
    saved = Saved(
        settings=api.MachineSettings(
            uuid=_uuid(machine),
            name=machine.get('name', ''),
            folder=path.parent,
            vcpus=int(_child(hardware, 'CPU').get('count', '1')),
            memory_mb=int(_child(hardware, 'Memory').get('RAMSize', '0')),
            chipset=_chipset(machine),
            nics=tuple(settings_nics.read(hardware)),
            boot_order=tuple(_boot_order(hardware)),
            display_ports=settings_display.ports(hardware),
            os_type=machine.get('OSType', ''),
            efi=_type(hardware, 'Firmware').startswith('EFI'),
            tpm=_TPM_VERSIONS.get(
                _type(hardware, 'TrustedPlatformModule'), ''),
            disk_bus=bus,
            unsafe_cache=_is_cached(hardware, bus),
            limits=_limits(hardware),
            execution_percent=int(
                _child(hardware, 'CPU').get('executionCap', '100')),
            snapshots=tuple(snapshot.get('name', '') for snapshot
                            in machine.iter(f'{_NS}Snapshot'))),
        saved='stateFile' in machine.attrib,
        aborted=machine.get('aborted') in ('true', '1'),
        remote_display=settings_display.read(machine, hardware))
    return _File(saved, tuple(_images(hardware)),
                 _media(machine, path.parent))


def last_logged_state(folder: Path) -> str | None:
    """Return VirtualBox's name of the last state in a machine's log.

    The log of a running machine is the one place that tells Running from
    Paused without a lock: it is written through, line by line.
    """
    try:
        log = (folder / 'Logs' / 'VBox.log').read_bytes()
    except OSError:
        return None
    states = _LOGGED_STATE.findall(log)
    return states[-1].decode() if states else None


def has_teleporter(path: Path) -> bool:
    """Return whether a machine would wait for another when it starts."""
    root = _parse(path)
    return root is not None and any(
        element.get('enabled') in ('true', '1')
        for element in root.iter(f'{_NS}Teleporter'))


def port_count(path: Path, controller: str) -> int:
    """Return how many ports a machine's controller has."""
    root = _parse(path)
    if root is None:
        return 0
    return next((int(found.get('PortCount', '0')) for found
                 in root.iter(f'{_NS}StorageController')
                 if found.get('name') == controller), 0)


def _parse(path: Path) -> ElementTree.Element | None:
    for left in range(_READ_TRIES, 0, -1):
        try:
            # VirtualBox's own file, of our own user.
            return ElementTree.parse(path).getroot()  # noqa: S314
        except FileNotFoundError:
            if left == 1:
                return None
        except ElementTree.ParseError as error:
            if left == 1:
                raise errors.ClientError(
                    f'{path} is not a settings file: {error}') from error
        except OSError as error:
            raise errors.ClientError(
                f'{path} cannot be read: {error.strerror}') from error
        time.sleep(_READ_PAUSE_S)
    return None


def _child(parent: ElementTree.Element, tag: str) -> ElementTree.Element:
    found = parent.find(f'{_NS}{tag}')
    return found if found is not None else ElementTree.Element(tag)


def _uuid(element: ElementTree.Element) -> str:
    return element.get('uuid', '').strip('{}').lower()


def _media(root: ElementTree.Element, folder: Path) -> dict[str, Medium]:
    """Return what is in a file's own registry of media."""
    media = {}
    for tag in ('HardDisk', 'Image'):
        for medium in root.iter(f'{_NS}{tag}'):
            location = medium.get('location')
            if location is None:
                continue
            if medium.get('format') == api.LUN_FORMAT:
                media[_uuid(medium)] = Medium(location, _lun(medium))
            else:
                media[_uuid(medium)] = Medium(str(folder / location))
    return media


def _lun(medium: ElementTree.Element) -> api.LunAddress:
    properties = {item.get('name'): item.get('value', '')
                  for item in medium.iter(f'{_NS}Property')}
    return api.LunAddress(
        properties.get('TargetAddress', ''), properties.get('TargetName', ''),
        int(properties.get('LUN', '0'), 0))


def _images(hardware: ElementTree.Element,
            ) -> Iterator[tuple[int, api.DiskKind, str,
                                controllers.Place]]:
    for controller in hardware.iter(f'{_NS}StorageController'):
        name = controller.get('name', '')
        for device in controller.iter(f'{_NS}AttachedDevice'):
            image = device.find(f'{_NS}Image')
            kind = _DISK_KINDS.get(device.get('type', ''))
            place = controllers.Place(name, int(device.get('port', '0')),
                                      int(device.get('device', '0')))
            port = controllers.port_of(place.controller, place.port,
                                       place.device)
            if image is not None and kind is not None and port is not None:
                yield port, kind, _uuid(image), place


def _chipset(machine: ElementTree.Element) -> str:
    # It is beside the hardware for ARM.
    return _type(machine, 'Chipset').lower() or 'piix3'


def _type(hardware: ElementTree.Element, tag: str) -> str:
    """Return the type that an element names; it may be left out."""
    # 7.1 has moved some into an element for the platform.
    found = next(hardware.iter(f'{_NS}{tag}'), None)
    return '' if found is None else found.get('type', '')


def _is_cached(hardware: ElementTree.Element, bus: api.DiskBus) -> bool:
    name = controllers.CONTROLLERS[bus].name
    return any(controller.get('useHostIOCache') in ('true', '1')
               for controller in hardware.iter(f'{_NS}StorageController')
               if controller.get('name') == name)


def _limits(hardware: ElementTree.Element) -> api.Limits:
    found = {group.get('name'): int(group.get('maxBytesPerSec', '0')) >> 10
             for group in hardware.iter(f'{_NS}BandwidthGroup')}
    return api.Limits(found.get(controllers.DISKS_GROUP, 0),
                      found.get(controllers.NICS_GROUP, 0))


def _boot_order(hardware: ElementTree.Element) -> Iterator[api.BootDevice]:
    for item in _child(hardware, 'Boot'):
        device = _BOOT_DEVICES.get(item.get('device', ''))
        if device is not None:
            yield device
