# SPDX-License-Identifier: Apache-2.0
"""What the service shows, as JSON.

Source: DMTF's DSP0266 (the protocol) and DSP8010 (the schemas).
"""

from __future__ import annotations

import uuid
from typing import Any

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import imagefiles
from nova_hypervisors.redfish import accounts
from nova_hypervisors.redfish import systems

Document = dict[str, Any]

ROOT = '/redfish/v1'
SESSIONS = f'{ROOT}/SessionService/Sessions'

#: Redfish's names of boot devices.
SOURCES = {api.BootDevice.PXE: 'Pxe', api.BootDevice.CDROM: 'Cd',
           api.BootDevice.FLOPPY: 'Floppy', api.BootDevice.DISK: 'Hdd'}
MODES = {api.BootMode.BIOS: 'Legacy', api.BootMode.UEFI: 'UEFI'}

#: Drives, by what they are called here.
DRIVES = {'Cd': api.MediaKind.CDROM, 'Floppy': api.MediaKind.FLOPPY}
_MEDIA_TYPES = {api.MediaKind.CDROM: ['CD', 'DVD'],
                api.MediaKind.FLOPPY: ['Floppy', 'USBStick']}

#: What a reset may be, and what is done for it.
RESETS = ('On', 'ForceOn', 'ForceOff', 'GracefulShutdown', 'ForceRestart',
          'GracefulRestart', 'PowerCycle', 'Nmi')

_POWER = {api.Power.ON: 'On', api.Power.OFF: 'Off'}

_NAMESPACE = uuid.UUID('1d1a2fd9-6f5e-4b9c-9a4c-0f6ed6f6a7e1')


def link(path: str) -> Document:
    return {'@odata.id': path}


def versions() -> Document:
    return {'v1': f'{ROOT}/'}


def _resource(path: str, kind: str, name: str, **fields: Any) -> Document:
    return {'@odata.id': path, '@odata.type': f'#{kind}', 'Name': name,
            'Id': path.rpartition('/')[2], **fields}


def collection(path: str, kind: str, name: str,
               members: list[Document]) -> Document:
    return {'@odata.id': path, '@odata.type': f'#{kind}.{kind}', 'Name': name,
            'Members@odata.count': len(members), 'Members': members}


def service_root(service_uuid: str) -> Document:
    return {
        **_resource(ROOT, 'ServiceRoot.v1_15_0.ServiceRoot', 'Root Service'),
        'Id': 'RootService', 'RedfishVersion': '1.17.0',
        'UUID': service_uuid, 'Product': 'nova-hypervisors',
        'Systems': link(f'{ROOT}/Systems'),
        'Managers': link(f'{ROOT}/Managers'),
        'SessionService': link(f'{ROOT}/SessionService'),
        'Links': {'Sessions': link(SESSIONS)},
        'ProtocolFeaturesSupported': {
            'ExpandQuery': {'Levels': True, 'MaxLevels': 1, 'NoLinks': True,
                            'ExpandAll': False, 'Links': False},
            'SelectQuery': False, 'FilterQuery': False,
            'OnlyMemberQuery': False, 'ExcerptQuery': False}}


def odata() -> Document:
    names = {'Service': ROOT, 'Systems': f'{ROOT}/Systems',
             'Managers': f'{ROOT}/Managers',
             'SessionService': f'{ROOT}/SessionService',
             'Sessions': SESSIONS}
    return {'@odata.context': f'{ROOT}/$metadata', 'value': [
        {'name': name, 'kind': 'Singleton', 'url': path}
        for name, path in names.items()]}


_SCHEMAS = ('ServiceRoot.v1_15_0', 'ComputerSystemCollection',
            'ComputerSystem.v1_20_0', 'ManagerCollection', 'Manager.v1_18_0',
            'VirtualMediaCollection', 'VirtualMedia.v1_6_0',
            'SecureBoot.v1_1_0', 'SessionService.v1_1_8',
            'SessionCollection', 'Session.v1_6_0')


def metadata() -> str:
    """Return where the schemas are, in OData's XML."""
    references = ''.join(
        f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/'
        f'{name.partition(".")[0]}_v1.xml">'
        f'<edmx:Include Namespace="{name.partition(".")[0]}"/>'
        + (f'<edmx:Include Namespace="{name}"/>' if '.' in name else '')
        + '</edmx:Reference>' for name in _SCHEMAS)
    return ('<?xml version="1.0" encoding="UTF-8"?>'
            '<edmx:Edmx Version="4.0" '
            'xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
            f'{references}<edmx:DataServices>'
            '<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" '
            'Namespace="Service"><EntityContainer Name="Service" '
            'Extends="ServiceRoot.v1_15_0.ServiceContainer"/></Schema>'
            '</edmx:DataServices></edmx:Edmx>')


# Systems

def system_path(system: systems.System) -> str:
    return f'{ROOT}/Systems/{system.name}'


def system(found: systems.System, seen: systems.Seen) -> Document:
    path = system_path(found)
    known = not seen.error
    status = {'State': 'Enabled', 'Health': 'OK'} if known else {
        'State': 'UnavailableOffline', 'Health': 'Critical'}
    document = _resource(
        path, 'ComputerSystem.v1_20_0.ComputerSystem', found.name,
        SystemType='Physical', Status=status,
        UUID=found.uuid or str(uuid.uuid5(_NAMESPACE, found.name)),
        Description=seen.error or found.description or 'A machine',
        PowerState=_POWER.get(seen.power) if known else None,
        Boot=_boot(seen),
        Links={'ManagedBy': [link(f'{ROOT}/Managers/{found.name}')],
               'Chassis': []},
        VirtualMedia=link(f'{path}/VirtualMedia'),
        Actions={'#ComputerSystem.Reset': {
            'target': f'{path}/Actions/ComputerSystem.Reset',
            'ResetType@Redfish.AllowableValues': list(RESETS)}})
    if seen.secure_boot is not None:
        document['SecureBoot'] = link(f'{path}/SecureBoot')
    return document


def _boot(seen: systems.Seen) -> Document:
    boot = seen.boot
    enabled = ('Disabled' if boot.device is None else
               'Once' if boot.persistent is False else 'Continuous')
    document = {
        'BootSourceOverrideEnabled': enabled,
        'BootSourceOverrideTarget': (
            SOURCES[boot.device] if boot.device else 'None'),
        'BootSourceOverrideTarget@Redfish.AllowableValues': [
            'None', *(name for device, name in SOURCES.items()
                      if device in seen.devices)]}
    if seen.mode is not None:
        document['BootSourceOverrideMode'] = MODES[seen.mode]
        document['BootSourceOverrideMode@Redfish.AllowableValues'] = list(
            MODES.values())
    return document


def secure_boot(found: systems.System, seen: systems.Seen) -> Document:
    return _resource(
        f'{system_path(found)}/SecureBoot', 'SecureBoot.v1_1_0.SecureBoot',
        'Secure Boot', SecureBootEnable=seen.secure_boot)


# Managers and media

def manager(found: systems.System) -> Document:
    path = f'{ROOT}/Managers/{found.name}'
    return _resource(
        path, 'Manager.v1_18_0.Manager', f'Manager of {found.name}',
        ManagerType='Service', Status={'State': 'Enabled', 'Health': 'OK'},
        UUID=str(uuid.uuid5(_NAMESPACE, f'manager of {found.name}')),
        VirtualMedia=link(f'{path}/VirtualMedia'),
        Links={'ManagerForServers': [link(system_path(found))]})


def media(parent: str, name: str, found: api.Media) -> Document:
    """:param parent: the path of the collection"""
    path = f'{parent}/{name}'
    url = found.url
    return _resource(
        path, 'VirtualMedia.v1_6_0.VirtualMedia', f'Drive {name}',
        MediaTypes=_MEDIA_TYPES[found.kind], Inserted=found.inserted,
        Image=url,
        ImageName=(imagefiles.without_secrets(url).rpartition('/')[2]
                   if url else None),
        ConnectedVia='URI' if found.inserted else 'NotConnected',
        WriteProtected=True,
        Actions={
            f'#VirtualMedia.{action}': {
                'target': f'{path}/Actions/VirtualMedia.{action}'}
            for action in ('InsertMedia', 'EjectMedia')})


# Sessions

def session_service() -> Document:
    return _resource(
        f'{ROOT}/SessionService', 'SessionService.v1_1_8.SessionService',
        'Session Service', ServiceEnabled=True,
        SessionTimeout=accounts.SESSION_S, Sessions=link(SESSIONS))


def session(found: accounts.Session) -> Document:
    return _resource(f'{SESSIONS}/{found.name}', 'Session.v1_6_0.Session',
                     'Session', UserName=found.user, Password=None)


def error(name: str, text: str) -> Document:
    """:param name: of a message in DMTF's registry Base"""
    identifier = f'Base.1.18.{name}'
    return {'error': {
        'code': identifier, 'message': text,
        '@Message.ExtendedInfo': [{
            '@odata.type': '#Message.v1_1_2.Message',
            'MessageId': identifier, 'Message': text,
            'MessageSeverity': 'Critical', 'Severity': 'Critical',
            'Resolution': 'See the message.'}]}}
