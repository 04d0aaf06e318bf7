# SPDX-License-Identifier: Apache-2.0
"""Screens by the web service: remote displays and screenshots."""

from __future__ import annotations

import os
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_PORTS_PROPERTY = 'TCP/Ports'
_ADDRESS_PROPERTY = 'TCP/Address'


def ports(web: WebSession, machine: str) -> str:
    server = web.text('IMachine_getVRDEServer', machine)
    if web.text('IVRDEServer_getEnabled', server) != 'true':
        return ''
    return _property(web, server, _PORTS_PROPERTY)


def read(web: WebSession, machine: str) -> api.RemoteDisplay | None:
    server = web.text('IMachine_getVRDEServer', machine)
    if web.text('IVRDEServer_getEnabled', server) != 'true':
        return None
    properties = {name: _property(web, server, name)
                  for name in api.DISPLAY_PROPERTIES}
    return api.RemoteDisplay(
        web.text('IVRDEServer_getVRDEExtPack', server),
        address=_property(web, server, _ADDRESS_PROPERTY),
        ports=_property(web, server, _PORTS_PROPERTY),
        properties={name: value for name, value in properties.items()
                    if value},
        logins=(_logins(web, machine) if web.text(
            'IVRDEServer_getAuthType', server) == 'External' else {}))


def _property(web: WebSession, server: str, name: str) -> str:
    return web.text('IVRDEServer_getVRDEProperty', server, key=name)


def _logins(web: WebSession, machine: str) -> dict[str, str]:
    return {key.removeprefix(api.LOGIN_KEY):
            web.text('IMachine_getExtraData', machine, key=key)
            for key in web.texts('IMachine_getExtraDataKeys', machine)
            if key.startswith(api.LOGIN_KEY)}


def set_up(web: WebSession, machine: str,
           display: api.RemoteDisplay | None) -> None:
    server = web.text('IMachine_getVRDEServer', machine)
    web.call('IVRDEServer_setEnabled', server, enabled=display is not None)
    if display is None:
        return
    recording.hide((*display.properties.values(), *display.logins.values()))
    web.call('IVRDEServer_setVRDEExtPack', server,
             VRDEExtPack=display.extension_pack)
    for key, value in {_ADDRESS_PROPERTY: display.address,
                       _PORTS_PROPERTY: display.ports,
                       **display.properties}.items():
        web.call('IVRDEServer_setVRDEProperty', server, key=key, value=value)
    web.call('IVRDEServer_setAuthType', server,
             authType='External' if display.logins else 'Null')
    web.call('IVRDEServer_setAuthLibrary', server,
             authLibrary=api.LOGIN_LIBRARY if display.logins else '')
    for user, password_hash in display.logins.items():
        web.call('IMachine_setExtraData', machine,
                 key=f'{api.LOGIN_KEY}{user}', value=password_hash)


class WebDisplay:
    """:class:`.interface.DisplayApi`."""

    _sessions: weblogon.WebSessions

    @weblogon.reads
    def remote_display(self, web: WebSession,
                       uuid: str) -> api.RemoteDisplay | None:
        return read(web, web.machine(uuid))

    @weblogon.changes
    def set_remote_display(self, web: WebSession, uuid: str,
                           display: api.RemoteDisplay | None) -> None:
        have = read(web, web.machine(uuid))
        with web.locked(uuid, 'Write') as lock:
            server = web.text('IMachine_getVRDEServer', lock.machine)
            if have is not None and display is not None:
                # What is set to nothing is taken out.
                for key in have.properties.keys() - display.properties:
                    web.call('IVRDEServer_setVRDEProperty', server, key=key,
                             value='')
                for user in have.logins.keys() - display.logins:
                    web.call('IMachine_setExtraData', lock.machine,
                             key=f'{api.LOGIN_KEY}{user}', value='')
            set_up(web, lock.machine, display)
            lock.save()

    @weblogon.reads
    def display_port(self, web: WebSession, uuid: str) -> int | None:
        machine = web.machine(uuid)
        if web.text('IMachine_getState', machine) in websession.AT_REST:
            return None
        with web.locked(uuid) as lock:
            info, = web.structs('IConsole_getVRDEServerInfo', lock.console)
        port = int(info['port'])
        return port if port > 0 else None

    @weblogon.reads
    def save_screenshot(self, web: WebSession, uuid: str,
                        path: PurePath) -> None:
        with web.locked(uuid) as lock:
            display = web.text('IConsole_getDisplay', lock.console)
            size = web.call('IDisplay_getScreenResolution', display,
                            screenId=0)
            width, height = (int(size.findtext(name, '0'))
                             for name in ('width', 'height'))
            if not (width and height):
                # It has just been started.
                raise errors.InvalidState('its screen shows nothing yet',
                                          operation='save_screenshot')
            picture = web.data(
                'IDisplay_takeScreenShotToArray', display, screenId=0,
                width=width, height=height, bitmapFormat='PNG')
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, 'wb') as file:
            file.write(picture)
