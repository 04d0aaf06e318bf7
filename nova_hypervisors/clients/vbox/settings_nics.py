# SPDX-License-Identifier: Apache-2.0
"""What a machine's settings file says of its network adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from nova_hypervisors.clients.vbox import api

_NS = '{http://www.virtualbox.org/}'

_ATTACHMENTS = {
    'NAT': api.AttachmentKind.NAT,
    'BridgedInterface': api.AttachmentKind.BRIDGED,
    'HostOnlyInterface': api.AttachmentKind.HOST_ONLY,
    'HostOnlyNetwork': api.AttachmentKind.HOST_ONLY_NETWORK,
    'InternalNetwork': api.AttachmentKind.INTERNAL,
    'NATNetwork': api.AttachmentKind.NAT_NETWORK,
    'GenericInterface': api.AttachmentKind.UDP_TUNNEL,
}

# An adapter's type is left out of the file where it is this one.
_DEFAULT_NIC_MODEL = 'Am79C973'


def read(hardware: ElementTree.Element) -> Iterator[api.Nic]:
    for adapter in hardware.iter(f'{_NS}Adapter'):
        if adapter.get('enabled') not in ('true', '1'):
            continue
        digits = adapter.get('MACAddress', '').lower()
        yield api.Nic(
            slot=int(adapter.get('slot', '0')) + 1,
            mac=':'.join(re.findall('..', digits)),
            model=adapter.get('type', _DEFAULT_NIC_MODEL),
            attachment=_attachment(adapter),
            cable_connected=adapter.get('cable', 'true') in ('true', '1'))


def _attachment(adapter: ElementTree.Element) -> api.Attachment:
    for element in adapter:
        kind = _ATTACHMENTS.get(element.tag.removeprefix(_NS))
        if kind is not None:
            return api.Attachment(
                kind, element.get('name', ''),
                {item.get('name', ''): item.get('value', '')
                 for item in element.iter(f'{_NS}Property')})
    return api.UNPLUGGED
