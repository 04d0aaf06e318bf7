# SPDX-License-Identifier: Apache-2.0
"""What a machine's settings file says of its remote display."""

from __future__ import annotations

from xml.etree import ElementTree

from nova_hypervisors.clients.vbox import api

_NS = '{http://www.virtualbox.org/}'

_PORTS_PROPERTY = 'TCP/Ports'
_ADDRESS_PROPERTY = 'TCP/Address'


def ports(hardware: ElementTree.Element) -> str:
    """Return the ports, as they were set; none if there is no display."""
    display = _enabled(hardware)
    return '' if display is None else _properties(display).get(
        _PORTS_PROPERTY, '')


def read(machine: ElementTree.Element,
         hardware: ElementTree.Element) -> api.RemoteDisplay | None:
    display = _enabled(hardware)
    if display is None:
        return None
    properties = _properties(display)
    return api.RemoteDisplay(
        display.get('VRDEExtPack', ''),
        address=properties.get(_ADDRESS_PROPERTY, ''),
        ports=properties.get(_PORTS_PROPERTY, ''),
        properties={name: value for name, value in properties.items()
                    if name in api.DISPLAY_PROPERTIES},
        logins=(_logins(machine) if display.get('authType') == 'External'
                else {}))


def _enabled(hardware: ElementTree.Element) -> ElementTree.Element | None:
    display = hardware.find(f'{_NS}RemoteDisplay')
    if display is None or display.get('enabled') not in ('true', '1'):
        return None
    return display


def _properties(display: ElementTree.Element) -> dict[str, str]:
    return {item.get('name', ''): item.get('value', '')
            for item in display.iter(f'{_NS}Property')}


def _logins(machine: ElementTree.Element) -> dict[str, str]:
    return {name.removeprefix(api.LOGIN_KEY): item.get('value', '')
            for item in machine.iterfind(f'{_NS}ExtraData/*')
            if (name := item.get('name', '')).startswith(api.LOGIN_KEY)}
