# SPDX-License-Identifier: Apache-2.0
"""Network adapters by the web service."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

# Slots of each chipset, which the web service tells in other ways in each
# release.
_SLOTS = {'piix3': 8, 'ich9': 36}

_KINDS = {
    api.AttachmentKind.NULL: 'Null',
    api.AttachmentKind.NAT: 'NAT',
    api.AttachmentKind.BRIDGED: 'Bridged',
    api.AttachmentKind.HOST_ONLY: 'HostOnly',
    api.AttachmentKind.HOST_ONLY_NETWORK: 'HostOnlyNetwork',
    api.AttachmentKind.INTERNAL: 'Internal',
    api.AttachmentKind.NAT_NETWORK: 'NATNetwork',
    api.AttachmentKind.UDP_TUNNEL: 'Generic',
}
_KIND_NAMES = {name: kind for kind, name in _KINDS.items()}

# The attribute that names the other end: INetworkAdapter_getX and _setX.
_NAMES = {
    api.AttachmentKind.BRIDGED: 'bridgedInterface',
    api.AttachmentKind.HOST_ONLY: 'hostOnlyInterface',
    api.AttachmentKind.HOST_ONLY_NETWORK: 'hostOnlyNetwork',
    api.AttachmentKind.INTERNAL: 'internalNetwork',
    api.AttachmentKind.NAT_NETWORK: 'NATNetwork',
}

_UDP_TUNNEL_DRIVER = 'UDPTunnel'
_UDP_TUNNEL_PROPERTIES = ('dest', 'dport', 'sport')


def _accessor(kind: api.AttachmentKind, verb: str) -> str:
    name = _NAMES[kind]
    return f'INetworkAdapter_{verb}{name[0].upper()}{name[1:]}'


def _to_wire(model: str) -> str:
    """Return the web service's name of an adapter's type."""
    if model[0].isdigit():
        return f'I{model}'
    return model[0].upper() + model[1:]


def _from_wire(name: str) -> str:
    if re.match(r'I\d', name):
        return name[1:]
    return name.lower() if name == 'Virtio' else name


def _adapter(web: WebSession, machine: str, slot: int) -> str:
    return web.text('IMachine_getNetworkAdapter', machine, slot=slot - 1)


def read(web: WebSession, machine: str,
         chipset: str) -> Iterator[api.Nic]:
    """Return a machine's adapters that are there."""
    for slot in range(1, _SLOTS.get(chipset, _SLOTS['piix3']) + 1):
        adapter = _adapter(web, machine, slot)
        if web.text('INetworkAdapter_getEnabled', adapter) != 'true':
            continue
        digits = web.text('INetworkAdapter_getMACAddress', adapter).lower()
        yield api.Nic(
            slot=slot, mac=':'.join(re.findall('..', digits)),
            model=_from_wire(
                web.text('INetworkAdapter_getAdapterType', adapter)),
            attachment=_attachment(web, adapter),
            cable_connected=web.text('INetworkAdapter_getCableConnected',
                                     adapter) == 'true')


def _attachment(web: WebSession, adapter: str) -> api.Attachment:
    kind = _KIND_NAMES.get(
        web.text('INetworkAdapter_getAttachmentType', adapter),
        api.AttachmentKind.NULL)
    name, properties = '', {}
    if kind in _NAMES:
        name = web.text(_accessor(kind, 'get'), adapter)
    if kind is api.AttachmentKind.UDP_TUNNEL:
        for key in _UDP_TUNNEL_PROPERTIES:
            value = web.text('INetworkAdapter_getProperty', adapter, key=key)
            if value:
                properties[key] = value
    return api.Attachment(kind, name, properties)


def set_up(web: WebSession, machine: str, nic: api.Nic,
           limited: bool) -> None:
    adapter = _adapter(web, machine, nic.slot)
    if limited:
        webhardware.limit_nic(web, machine, adapter)
    web.call('INetworkAdapter_setEnabled', adapter, enabled=True)
    web.call('INetworkAdapter_setAdapterType', adapter,
             adapterType=_to_wire(nic.model))
    web.call('INetworkAdapter_setMACAddress', adapter,
             MACAddress=nic.mac.replace(':', ''))
    web.call('INetworkAdapter_setCableConnected', adapter,
             cableConnected=nic.cable_connected)
    _plug(web, adapter, nic.attachment)


def _plug(web: WebSession, adapter: str,
          attachment: api.Attachment) -> None:
    kind = attachment.kind
    # What it is plugged into comes first: a running machine's adapter is
    # plugged in at once.
    if kind in _NAMES:
        name = _NAMES[kind]
        web.call(_accessor(kind, 'set'), adapter, **{name: attachment.name})
    if kind is api.AttachmentKind.UDP_TUNNEL:
        web.call('INetworkAdapter_setGenericDriver', adapter,
                 genericDriver=_UDP_TUNNEL_DRIVER)
        for key, value in attachment.properties.items():
            web.call('INetworkAdapter_setProperty', adapter, key=key,
                     value=value)
    web.call('INetworkAdapter_setAttachmentType', adapter,
             attachmentType=_KINDS[kind])


def remove(web: WebSession, machine: str, slot: int) -> None:
    web.call('INetworkAdapter_setEnabled', _adapter(web, machine, slot),
             enabled=False)


class WebNics:
    """:class:`.interface.NicApi`."""

    _sessions: weblogon.WebSessions

    @weblogon.changes
    def set_nic(self, web: WebSession, uuid: str, nic: api.Nic) -> None:
        with web.locked(uuid, 'Write') as lock:
            limits = webhardware.limits(web, lock.machine)
            set_up(web, lock.machine, nic, bool(limits.nic_kib_s))
            lock.save()

    @weblogon.changes
    def remove_nic(self, web: WebSession, uuid: str, slot: int) -> None:
        with web.locked(uuid, 'Write') as lock:
            remove(web, lock.machine, slot)
            lock.save()

    @weblogon.changes
    def plug_nic(self, web: WebSession, uuid: str, slot: int,
                 attachment: api.Attachment) -> None:
        with web.locked(uuid) as lock:
            _plug(web, _adapter(web, lock.machine, slot), attachment)
            lock.save()
