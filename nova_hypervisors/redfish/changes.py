# SPDX-License-Identifier: Apache-2.0
"""What clients ask to be done: resets, boot devices, media."""

from __future__ import annotations

import json
from typing import Any

import webob
import webob.exc

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import imagefiles
from nova_hypervisors.redfish import documents
from nova_hypervisors.redfish import systems

_MOST_BYTES = 64 << 10

_SOURCES = {name: device for device, name in documents.SOURCES.items()}
_MODES = {name: mode for mode, name in documents.MODES.items()}
_ENABLED = ('Disabled', 'Once', 'Continuous')

Body = dict[str, Any]


def body_of(request: webob.Request) -> Body:
    if (request.content_length or 0) > _MOST_BYTES:
        raise webob.exc.HTTPRequestEntityTooLarge(
            f'A request has at most {_MOST_BYTES} bytes')
    try:
        body = json.loads(request.body_file.read(_MOST_BYTES) or b'{}')
    except ValueError:
        raise webob.exc.HTTPBadRequest('The body is no JSON') from None
    if not isinstance(body, dict):
        raise webob.exc.HTTPBadRequest('The body is no object')
    return body


def text(body: Body, name: str) -> str:
    """:raises InvalidArgument: it is missing, or no text"""
    value = body.get(name)
    if not isinstance(value, str):
        raise errors.InvalidArgument(f'{name} is missing, or no text')
    return value


def _choice(body: Body, name: str, choices: Any) -> Any:
    value = text(body, name)
    if value not in choices:
        raise errors.InvalidArgument(
            f'{name} is {value!r}, and none of {", ".join(choices)}')
    return value


def _only(body: Body, *names: str) -> None:
    """:raises InvalidArgument: there is something that nobody reads"""
    for name in body:
        if name not in names and not name.startswith('@'):
            raise errors.InvalidArgument(f'{name} cannot be set here')


class Changes:
    def __init__(self, found: systems.Systems) -> None:
        self._systems = found

    def reset(self, request: webob.Request, name: str) -> None:
        body = body_of(request)
        kind = _choice(body, 'ResetType', documents.RESETS)
        with self._systems.using(self._systems.get(name)) as machine:
            if kind in ('On', 'ForceOn'):
                machine.power_on()
            elif kind in ('ForceOff', 'GracefulShutdown'):
                machine.power_off(soft=kind == 'GracefulShutdown')
            elif kind == 'Nmi':
                machine.nmi()
            else:
                machine.reset(soft=kind == 'GracefulRestart')

    def system(self, request: webob.Request, name: str) -> None:
        body = body_of(request)
        _only(body, 'Boot')
        wanted = body.get('Boot')
        if not isinstance(wanted, dict):
            raise errors.InvalidArgument('Boot is missing, or no object')
        _only(wanted, 'BootSourceOverrideTarget', 'BootSourceOverrideEnabled',
              'BootSourceOverrideMode')
        # All of it is looked at before any is done.
        mode = (_choice(wanted, 'BootSourceOverrideMode', _MODES)
                if 'BootSourceOverrideMode' in wanted else None)
        with self._systems.using(self._systems.get(name)) as machine:
            boot = _boot(wanted, machine)
            if mode is not None:
                machine.set_boot_mode(_MODES[mode])
            if boot is not None and boot.device is not None:
                machine.set_boot(boot.device, bool(boot.persistent))

    def secure_boot(self, request: webob.Request, name: str) -> None:
        body = body_of(request)
        _only(body, 'SecureBootEnable')
        wanted = body.get('SecureBootEnable')
        if not isinstance(wanted, bool):
            raise errors.InvalidArgument(
                'SecureBootEnable is neither true nor false')
        with self._systems.using(self._systems.get(name)) as machine:
            machine.set_secure_boot(wanted)

    # Media

    def drives(self, name: str) -> dict[str, api.Media]:
        """Return a system's drives, by their names here."""
        with self._systems.using(self._systems.get(name)) as machine:
            found = {media.kind: media for media in machine.media()}
        return {drive: found[kind] for drive, kind in documents.DRIVES.items()
                if kind in found}

    def insert(self, request: webob.Request, _: str, name: str,
               drive: str) -> None:
        body = body_of(request)
        url = text(body, 'Image')
        if not imagefiles.is_url(url):
            # A path would be one of the hypervisor's host.
            raise errors.InvalidArgument('Image is no http or https URL')
        for field in ('Inserted', 'WriteProtected'):
            if body.get(field, True) is not True:
                raise errors.Unsupported(f'{field} can be true only')
        with self._systems.using(self._systems.get(name)) as machine:
            machine.insert_media(_kind(drive), url)

    def eject(self, request: webob.Request, _: str, name: str,
              drive: str) -> None:
        body_of(request)
        with self._systems.using(self._systems.get(name)) as machine:
            machine.eject_media(_kind(drive))


def _kind(drive: str) -> api.MediaKind:
    try:
        return documents.DRIVES[drive]
    except KeyError:
        raise webob.exc.HTTPNotFound(f'There is no drive {drive}') from None


def _boot(wanted: Body, machine: api.Machine) -> api.Boot | None:
    """Return what to boot from; None if that stays as it is."""
    enabled = (_choice(wanted, 'BootSourceOverrideEnabled', _ENABLED)
               if 'BootSourceOverrideEnabled' in wanted else None)
    target = (_choice(wanted, 'BootSourceOverrideTarget',
                      ('None', *_SOURCES))
              if 'BootSourceOverrideTarget' in wanted else None)
    if target is None and enabled is None:
        return None
    if target == 'None' or enabled == 'Disabled':
        # An end of the override: what a machine does by itself is its disk.
        return api.Boot(api.BootDevice.DISK, persistent=True)
    now = machine.boot()
    device = _SOURCES[target] if target is not None else now.device
    persistent = (now.persistent if enabled is None
                  else enabled == 'Continuous')
    return api.Boot(device, persistent)
