# SPDX-License-Identifier: Apache-2.0
"""Disks and ISO images by the web service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_TYPES = {api.DiskKind.DISK: 'HardDisk', api.DiskKind.DVD: 'DVD'}
_ACCESS = {api.DiskKind.DISK: 'ReadWrite', api.DiskKind.DVD: 'ReadOnly'}

_MB = 1 << 20

# What is done at once, but for a host that is busy.
_CREATE_S = 60.0


def _tree(web: WebSession, disk: str,
          parent: str | None) -> Iterator[api.Medium]:
    """Return a disk, and all that differ from it."""
    medium = _medium(web, disk, api.DiskKind.DISK, parent)
    yield medium
    for child in web.texts('IMedium_getChildren', disk):
        yield from _tree(web, child, medium.path)


def _medium(web: WebSession, reference: str, kind: api.DiskKind,
            parent: str | None) -> api.Medium:
    size = web.text('IMedium_getLogicalSize', reference)
    return api.Medium(web.text('IMedium_getLocation', reference), kind,
                      int(size) // _MB, parent)


def opened(web: WebSession, path: PurePath,
           kind: api.DiskKind = api.DiskKind.DISK) -> str:
    """Return the reference to a medium, which VirtualBox then knows.

    :raises MediumNotFound: there is no such file
    """
    return web.text('IVirtualBox_openMedium', web.root, location=str(path),
                    deviceType=_TYPES[kind], accessMode=_ACCESS[kind],
                    forceNewUuid=False)


def new(web: WebSession, path: PurePath) -> str:
    """Return the reference to a disk that is about to be made."""
    return web.text('IVirtualBox_createMedium', web.root, format='VDI',
                    location=str(path), accessMode='ReadWrite',
                    aDeviceTypeType='HardDisk')


class WebMedia:
    """:class:`.interface.MediumApi`."""

    _sessions: weblogon.WebSessions
    _copy_timeout_s: float
    # VirtualBox opens a parent for a child that is being made, and another
    # caller may just be closing it.
    _media: threading.Lock

    @weblogon.reads
    def list_media(self, web: WebSession) -> list[api.Medium]:
        disks = web.texts('IVirtualBox_getHardDisks', web.root)
        images = web.texts('IVirtualBox_getDVDImages', web.root)
        return [*(medium for disk in disks
                  if web.text('IMedium_getFormat', disk) != api.LUN_FORMAT
                  for medium in _tree(web, disk, None)),
                *(_medium(web, image, api.DiskKind.DVD, None)
                  for image in images)]

    @weblogon.changes
    def open_disk(self, web: WebSession, path: PurePath) -> None:
        opened(web, path)

    @weblogon.changes
    def create_disk(self, web: WebSession, path: PurePath,
                    size_mb: int) -> None:
        progress = web.text(
            'IMedium_createBaseStorage', new(web, path),
            logicalSize=size_mb * _MB, variant=['Standard'])
        web.wait(progress, 'create_disk', _CREATE_S)

    @weblogon.changes
    def create_child_disk(self, web: WebSession, path: PurePath,
                          parent: PurePath) -> None:
        with self._media:
            progress = web.text(
                'IMedium_createDiffStorage', opened(web, parent),
                target=new(web, path), variant=['Standard', 'Diff'])
            web.wait(progress, 'create_child_disk', _CREATE_S)

    @weblogon.changes
    def resize_disk(self, web: WebSession, path: PurePath,
                    size_mb: int) -> None:
        medium = opened(web, path)
        progress = web.text('IMedium_resize', medium,
                            logicalSize=size_mb * _MB)
        web.wait(progress, 'resize_disk', _CREATE_S)
        # It tells the former size until it has looked.
        web.call('IMedium_refreshState', medium)

    @weblogon.changes
    def move_disk(self, web: WebSession, path: PurePath,
                  target: PurePath) -> None:
        progress = web.text('IMedium_moveTo', opened(web, path),
                            location=str(target))
        web.wait(progress, 'move_disk', self._copy_timeout_s)

    @weblogon.changes
    def clone_disk(self, web: WebSession, source: PurePath,
                   target: PurePath) -> None:
        copy = new(web, target)
        progress = web.text('IMedium_cloneToBase', opened(web, source),
                            target=copy, variant=['Standard'])
        web.wait(progress, 'clone_disk', self._copy_timeout_s)
        web.call('IMedium_close', copy)

    @weblogon.changes
    def close_medium(self, web: WebSession, path: PurePath,
                     delete: bool = False,
                     kind: api.DiskKind = api.DiskKind.DISK) -> None:
        with self._media:
            medium = opened(web, path, kind)
            if not delete:
                web.call('IMedium_close', medium)
                return
            for operation in ('IMedium_getMachineIds', 'IMedium_getChildren'):
                if web.texts(operation, medium):
                    raise errors.InUse(f'{path} is in use',
                                       operation='close_medium')
            web.wait(web.text('IMedium_deleteStorage', medium),
                     'close_medium', _CREATE_S)

    @weblogon.changes
    def attach_disk(self, web: WebSession, uuid: str, port: int,
                    path: PurePath,
                    kind: api.DiskKind = api.DiskKind.DISK) -> None:
        medium = opened(web, path, kind)
        with web.locked(uuid) as lock:
            bus = webhardware.disk_bus(web, lock.machine)
            place = controllers.place(bus, kind, port)
            webhardware.attach(web, lock.machine, place, _TYPES[kind],
                               medium)
            if kind is api.DiskKind.DISK:
                self._set_up_disk(web, lock.machine, bus, port)
            lock.save()

    def _set_up_disk(self, web: WebSession, machine: str, bus: api.DiskBus,
                     port: int) -> None:
        """Give a disk the cache and the limit that the machine's have."""
        unsafe = webhardware.is_cached(web, machine, bus)
        webhardware.set_flushing(web, machine, bus, port, unsafe or None)
        if webhardware.limits(web, machine).disk_kib_s:
            webhardware.limit_disk(web, machine, controllers.place(
                bus, api.DiskKind.DISK, port))

    @weblogon.changes
    def detach_disk(self, web: WebSession, uuid: str, port: int) -> None:
        with web.locked(uuid) as lock:
            bus = webhardware.disk_bus(web, lock.machine)
            kind = self._kind_of(web, lock.machine, port)
            place = controllers.place(bus, kind, port)
            web.call('IMachine_detachDevice', lock.machine,
                     name=place.controller, controllerPort=place.port,
                     device=place.device)
            if kind is api.DiskKind.DISK:
                webhardware.set_extradata(
                    web, lock.machine,
                    controllers.no_flush_settings(bus, port))
            lock.save()

    def _kind_of(self, web: WebSession, machine: str,
                 port: int) -> api.DiskKind:
        """Return what is at a port: a DVD may be, or else a disk."""
        for attachment in web.structs(
                'IMachine_getMediumAttachmentsOfController', machine,
                name=api.DISK_CONTROLLER):
            if attachment['type'] == 'DVD' and port == controllers.port_of(
                    api.DISK_CONTROLLER, int(attachment['port']), 0):
                return api.DiskKind.DVD
        return api.DiskKind.DISK
