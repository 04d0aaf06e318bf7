# SPDX-License-Identifier: Apache-2.0
"""Disks of storages by the web service; see :mod:`.luns`."""

from __future__ import annotations

import contextlib
import uuid as uuid_module

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import codes
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession


def read(web: WebSession, medium: str) -> api.LunAddress | None:
    """Return which disk of a storage a medium is; None if it is a file."""
    if web.text('IMedium_getFormat', medium) != api.LUN_FORMAT:
        return None
    server, target, number = (
        web.text('IMedium_getProperty', medium, name=name)
        for name in ('TargetAddress', 'TargetName', 'LUN'))
    return api.LunAddress(server, target, int(number, 0))


def _properties(lun: api.Lun) -> dict[str, str]:
    """Return the settings of VirtualBox's initiator.

    Source: "iSCSI Servers" in the manual, and what VBoxManage sets.
    """
    found = {'TargetAddress': lun.address.server,
             'TargetName': lun.address.target,
             'LUN': str(lun.address.lun),
             'InitiatorName': lun.initiator}
    if lun.user:
        recording.hide([lun.secret])
        found |= {'InitiatorUsername': lun.user,
                  'InitiatorSecret': lun.secret}
    return found


class WebLuns:
    """:class:`.interface.LunApi`."""

    _sessions: weblogon.WebSessions
    _copy_timeout_s: float

    @weblogon.changes
    def attach_lun(self, web: WebSession, uuid: str, port: int,
                   lun: api.Lun) -> None:
        self._forget_left_over(web, lun.address)
        medium = self._create(web, lun)
        try:
            self._check(web, medium, lun.address)
            with web.locked(uuid) as lock:
                self._attach(web, lock.machine, port, medium)
                lock.save()
        except errors.ClientError as error:
            with contextlib.suppress(errors.ClientError):
                web.call('IMedium_close', medium)
            raise codes.lun_error(error, lun.address) from error

    def _attach(self, web: WebSession, machine: str, port: int,
                medium: str) -> None:
        bus = controllers.lun_bus(webhardware.disk_bus(web, machine), port)
        place = controllers.place(bus, api.DiskKind.DISK, port)
        if self._at_port(web, machine, port) is not None:
            raise errors.InUse(f'port {port} is taken',
                               operation='attach_lun')
        webhardware.attach(web, machine, place, 'HardDisk', medium)
        if port != 0 and (
                web.text('IMachine_getState', machine) in websession.AT_REST):
            # It is by itself, if it comes while the machine runs.
            web.call('IMachine_setHotPluggableForDevice', machine,
                     name=place.controller, controllerPort=place.port,
                     device=place.device, hotPluggable=True)
        webhardware.set_flushing(web, machine, bus, port, unsafe=None)
        if webhardware.limits(web, machine).disk_kib_s:
            webhardware.limit_disk(web, machine, place)

    def _forget_left_over(self, web: WebSession,
                          address: api.LunAddress) -> None:
        """Close what an interrupted detachment has left.

        :raises InUse: a machine has it
        """
        for medium in web.texts('IVirtualBox_getHardDisks', web.root):
            if read(web, medium) != address:
                continue
            if web.texts('IMedium_getMachineIds', medium):
                raise errors.InUse(f'{address} is attached to a machine',
                                   operation='attach_lun')
            web.call('IMedium_close', medium)

    def _create(self, web: WebSession, lun: api.Lun) -> str:
        """Return the reference to a new medium."""
        properties = _properties(lun)
        medium = web.text(
            'IVirtualBox_createMedium', web.root, format=api.LUN_FORMAT,
            # Any name will do, but for one that there is already.
            location=f'{lun.address.target}|{uuid_module.uuid4()}',
            accessMode='ReadWrite', aDeviceTypeType='HardDisk')
        # Written through: it is left out of snapshots.
        web.call('IMedium_setType', medium, type='Writethrough')
        web.call('IMedium_setProperties', medium, names=[*properties],
                 values=[*properties.values()])
        return medium

    def _check(self, web: WebSession, medium: str,
               address: api.LunAddress) -> None:
        """Find out whether there is such a disk, and whether we are let in.

        :raises VolumeUnavailable: no
        """
        if web.text('IMedium_refreshState', medium) == 'Inaccessible':
            reason = web.text('IMedium_getLastAccessError', medium)
            raise codes.lun_error(
                errors.ClientError(reason, operation='attach_lun'), address)

    @weblogon.changes
    def copy_lun(self, web: WebSession, source: api.Lun,
                 target: api.Lun) -> None:
        with contextlib.ExitStack() as undo:
            media = []
            for lun in (source, target):
                self._forget_left_over(web, lun.address)
                media.append(self._create(web, lun))
                undo.callback(web.call, 'IMedium_close', media[-1])
                self._check(web, media[-1], lun.address)
            progress = web.text('IMedium_cloneTo', media[0], target=media[1],
                                variant=['Standard'], parent='')
            web.wait(progress, 'copy_lun', self._copy_timeout_s)

    @weblogon.changes
    def detach_lun(self, web: WebSession, uuid: str, port: int) -> None:
        with web.locked(uuid) as lock:
            found = self._at_port(web, lock.machine, port) or {}
            medium = found.get('medium', '')
            if not medium or read(web, medium) is None:
                raise errors.MediumNotFound(
                    f'machine {uuid} has no LUN at port {port}',
                    operation='detach_lun')
            web.call('IMachine_detachDevice', lock.machine,
                     name=found['controller'],
                     controllerPort=int(found['port']),
                     device=int(found['device']))
            lock.save()
        with contextlib.suppress(errors.InUse):
            # A snapshot may have it, as long as a resize is not confirmed.
            web.call('IMedium_close', medium)

    def _at_port(self, web: WebSession, machine: str,
                 port: int) -> dict[str, str] | None:
        """Return what is attached at a port of a machine, and where."""
        return next((attachment for attachment in web.structs(
            'IMachine_getMediumAttachments', machine)
            if attachment.get('medium') and port == controllers.port_of(
                attachment['controller'], int(attachment['port']),
                int(attachment['device']))), None)
