# SPDX-License-Identifier: Apache-2.0
"""The DVD and the floppy drive of a machine of VirtualBox.

What a URL has is fetched by us, looked at, and sent to VirtualBox's host by
its web service, into a folder beside the machine's settings.  It is deleted
there when it is ejected.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import uuid as uuid_module
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import imagefiles
from nova_hypervisors.clients.vbox import api as vbox
from nova_hypervisors.clients.vbox import webexplorer
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webservice
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

#: Where the images are that we have sent, in the machine's own folder.
FOLDER = 'nova-hypervisors-media'

_TYPES = {api.MediaKind.CDROM: 'DVD', api.MediaKind.FLOPPY: 'Floppy'}
_SUFFIXES = {api.MediaKind.CDROM: '.iso', api.MediaKind.FLOPPY: '.img'}
# A machine's only floppy controller, and a place of its own for a DVD.
_NEW = {api.MediaKind.CDROM: ('nova-hypervisors DVD', 'IDE', 'PIIX4'),
        api.MediaKind.FLOPPY: ('nova-hypervisors floppy', 'Floppy', 'I82078')}


@dataclasses.dataclass(frozen=True, slots=True)
class Fetching:
    """How images are fetched.

    :param timeout_s: of fetching one, and of sending it on
    :param verify: a file with certificates to trust, or False for none
    :param folder: where they are meanwhile; the system's if there is none
    """

    timeout_s: float = 600.0
    limit_bytes: int = 8 << 30
    verify: bool | str = True
    folder: Path | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Drive:
    """:param medium: the reference to what is in it, or empty"""

    kind: api.MediaKind
    controller: str
    port: int
    device: int
    medium: str

    @property
    def place(self) -> dict[str, str | int]:
        return {'name': self.controller, 'controllerPort': self.port,
                'device': self.device}


def drives(web: WebSession, machine: str) -> Iterator[Drive]:
    kinds = {name: kind for kind, name in _TYPES.items()}
    for found in web.structs('IMachine_getMediumAttachments', machine):
        if found['type'] in kinds:
            yield Drive(kinds[found['type']], found['controller'],
                        int(found['port']), int(found['device']),
                        found.get('medium', ''))


def find_drive(web: WebSession, machine: str,
               kind: api.MediaKind) -> Drive | None:
    """Return the first drive of a kind, if there is one."""
    return next((drive for drive in drives(web, machine)
                 if drive.kind is kind), None)


class Drives:
    """:class:`.clients.bmc.api.MediaApi`."""

    _sessions: weblogon.WebSessions
    _client: webservice.WebServiceClient
    _name: str
    _fetching: Fetching
    # The URLs, which VirtualBox does not know; they may have a signature.
    _inserted: dict[api.MediaKind, str]

    @weblogon.reads
    def media(self, web: WebSession) -> tuple[api.Media, ...]:
        found: dict[api.MediaKind, api.Media] = {}
        for drive in drives(web, web.machine(self._name)):
            if drive.kind not in found:
                found[drive.kind] = self._media(web, drive)
        return tuple(found.values())

    def _media(self, web: WebSession, drive: Drive) -> api.Media:
        if not drive.medium:
            return api.Media(drive.kind)
        path = web.text('IMedium_getLocation', drive.medium)
        ours = vbox.host_path(path).parent.name == FOLDER
        return api.Media(drive.kind, True,
                         self._inserted.get(drive.kind) if ours else path)

    def insist_on_media(self) -> None:
        """Every VirtualBox can: a drive that misses is added."""

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        """:param url: or the path of a file on VirtualBox's host"""
        self.eject_media(kind)
        if imagefiles.is_url(url):
            self._insert(kind, self._send(kind, url))
            self._inserted[kind] = url
        else:
            self._insert(kind, vbox.host_path(url.removeprefix('file://')))

    def _send(self, kind: api.MediaKind, url: str) -> PurePath:
        """Bring what a URL has to VirtualBox's host; return where it is."""
        with tempfile.TemporaryDirectory(dir=self._fetching.folder) as folder:
            file = Path(folder) / 'image'
            imagefiles.fetch(
                url, file, kind, timeout_s=self._fetching.timeout_s,
                limit_bytes=self._fetching.limit_bytes,
                verify=self._fetching.verify)
            # VirtualBox remembers files by their paths: never the same one.
            target = self._folder() / (str(uuid_module.uuid4())
                                       + _SUFFIXES[kind])
            self._client.upload_file(file, target)
        return target

    @weblogon.reads
    def _folder(self, web: WebSession) -> PurePath:
        settings = web.text('IMachine_getSettingsFilePath',
                            web.machine(self._name))
        return vbox.host_path(settings).parent / FOLDER

    @weblogon.changes
    def _insert(self, web: WebSession, kind: api.MediaKind,
                path: PurePath) -> None:
        medium = web.text(
            'IVirtualBox_openMedium', web.root, location=str(path),
            deviceType=_TYPES[kind], accessMode='ReadOnly',
            forceNewUuid=False)
        try:
            self._mount(web, kind, medium)
        except errors.ClientError:
            _forget(web, medium)
            raise

    def _mount(self, web: WebSession, kind: api.MediaKind,
               medium: str) -> None:
        machine = web.machine(self._name)
        drive = find_drive(web, machine, kind)
        if drive is None:
            self._add_drive(web, kind)
            drive = find_drive(web, machine, kind)
        if drive is None:
            raise errors.Unsupported(
                f'the machine {self._name} has no {kind.value} drive')
        with web.locked(self._name) as lock:
            web.call('IMachine_mountMedium', lock.machine, **drive.place,
                     medium=medium, force=True)
            lock.save()

    def _add_drive(self, web: WebSession, kind: api.MediaKind) -> None:
        name, bus, model = _NEW[kind]
        if web.text('IMachine_getState', web.machine(self._name)) not in (
                'PoweredOff', 'Aborted'):
            raise errors.InvalidState(
                f'the machine {self._name} has no {kind.value} drive, and '
                'gets one only while it is off', operation='insert_media')
        with web.locked(self._name, 'Write') as lock:
            controller = web.text('IMachine_addStorageController',
                                  lock.machine, name=name, connectionType=bus)
            web.call('IStorageController_setControllerType', controller,
                     controllerType=model)
            web.call('IMachine_attachDeviceWithoutMedium', lock.machine,
                     name=name, controllerPort=0, device=0,
                     type=_TYPES[kind])
            lock.save()

    @weblogon.changes
    def eject_media(self, web: WebSession, kind: api.MediaKind) -> None:
        machine = web.machine(self._name)
        for drive in drives(web, machine):
            if drive.kind is kind and drive.medium:
                with web.locked(self._name) as lock:
                    # Also if the guest has locked the drive.
                    web.call('IMachine_unmountMedium', lock.machine,
                             **drive.place, force=True)
                    lock.save()
                _forget(web, drive.medium)
        self._inserted.pop(kind, None)


def _forget(web: WebSession, medium: str) -> None:
    """Let VirtualBox forget an image; one that we have sent is deleted."""
    path = vbox.host_path(web.text('IMedium_getLocation', medium))
    with contextlib.suppress(errors.InUse, errors.InvalidState):
        # Another machine may have it, if it is not one of ours.
        web.call('IMedium_close', medium)
    if path.parent.name == FOLDER:
        webexplorer.delete(web, path.parent, [path.name])
