# SPDX-License-Identifier: Apache-2.0
"""Drives for virtual media by Redfish.

They are under the system or under its manager: the schema has moved them, and
iLO 5 2.46 has them under the manager only.
"""

from __future__ import annotations

import contextlib
from typing import Any

import sushy
from sushy import exceptions as sushy_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

Type = sushy.VirtualMediaType

_KINDS = {
    Type.CD: api.MediaKind.CDROM,
    Type.DVD: api.MediaKind.CDROM,
    Type.FLOPPY: api.MediaKind.FLOPPY,
    Type.USB_STICK: api.MediaKind.FLOPPY,
}

_INSERT = '#VirtualMedia.InsertMedia'

# iLO's licences with which virtual media are for consoles only.
_TOO_SMALL = ('ilo standard',)


def drives(system: Any) -> dict[api.MediaKind, Any]:
    """Return the first drive of each kind."""
    found: dict[api.MediaKind, Any] = {}
    for drive in _members(system):
        for media_type in drive.media_types or ():
            kind = _KINDS.get(media_type)
            if kind is not None:
                found.setdefault(kind, drive)
    return {kind: found[kind] for kind in api.MediaKind if kind in found}


def _members(system: Any) -> list[Any]:
    for holder in (system, *_managers(system)):
        with contextlib.suppress(sushy_errors.MissingAttributeError,
                                 sushy_errors.ResourceNotFoundError):
            # What was read before is not what is in there now.
            holder.virtual_media.refresh(force=True)
            members = list(holder.virtual_media.get_members())
            for member in members:
                member.refresh(force=True)
            if members:
                return members
    return []


def _managers(system: Any) -> list[Any]:
    try:
        return list(system.managers)
    except (sushy_errors.MissingAttributeError,
            sushy_errors.ResourceNotFoundError):
        return []


def read(kind: api.MediaKind, drive: Any) -> api.Media:
    if not _is_inserted(drive):
        return api.Media(kind)
    return api.Media(kind, True, drive.image or None)


def _is_inserted(drive: Any) -> bool:
    # Some firmware has no field Inserted.
    return (bool(drive.image) if drive.inserted is None
            else bool(drive.inserted))


def eject(drive: Any) -> None:
    if _is_inserted(drive):
        drive.eject_media()
        drive.refresh(force=True)


def insert(connector: Any, drive: Any, url: str) -> None:
    """Put an image in a drive, for reading only.

    sushy says ``Inserted`` where a drive is changed by PATCH, and does not
    where there is an action for it.  There is firmware for which either is
    wrong, and which says so: then it is done the other way.
    """
    try:
        drive.insert_media(url, write_protected=True)
    except sushy_errors.BadRequestError as error:
        if 'Inserted' not in f'{error.detail} {error.extended_info}':
            raise
        action = (drive.json.get('Actions') or {}).get(_INSERT)
        if action:
            connector.post(action['target'], data={
                'Image': url, 'Inserted': True, 'WriteProtected': True})
        else:
            connector.patch(drive.path, data={'Image': url})


def insist(system: Any, where: str) -> None:
    """:raises Unsupported: there are no drives, or no licence for them"""
    if not drives(system):
        raise errors.Unsupported(f'{where} has no virtual media',
                                 operation='insist_on_media')
    for manager in _managers(system):
        hpe = (manager.json.get('Oem') or {}).get('Hpe') or {}
        licence = (hpe.get('License') or {}).get('LicenseString', '')
        if licence.lower() in _TOO_SMALL:
            raise errors.Unsupported(
                f'{where} has the licence {licence}, which has no virtual '
                'media for scripts: iLO Advanced has', fault=licence,
                operation='insist_on_media')
