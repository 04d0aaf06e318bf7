# SPDX-License-Identifier: Apache-2.0
"""What ``machine.id`` of a guest on VMware ESX says.

It has a group for each address, and each group ends with ``#``::

    MAC;IP address;network mask;gateway;broadcast address;DNS server,...#

An IPv6 address has the length of its prefix where the mask is.  A group with a
MAC address only is an adapter that is left as it is.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from typing import Union

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
IPInterface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]

FIELDS = ('MAC address', 'IP address', 'network mask', 'gateway',
          'broadcast address', 'DNS servers')
_MAC = re.compile('[0-9a-f]{2}(:[0-9a-f]{2}){5}')


class BadData(ValueError):
    """A field is not what it should be."""


class Address(NamedTuple):
    """A group of machine.id.

    :ivar gateway: of the network's default route, if it has one
    """

    interface: IPInterface
    gateway: IPAddress | None
    broadcast: IPAddress | None
    dns: list[IPAddress]


def parse(text: str) -> dict[str, list[Address]]:
    """Read machine.id: the addresses of each adapter, by its MAC address.

    :raises BadData: a field is not what it should be, or is missing
    """
    groups = [group for group in text.strip().split('#') if group.strip()]
    if not groups:
        raise BadData('machine.id has no group in it')
    found: dict[str, list[Address]] = {}
    seen = set()
    for number, group in enumerate(groups, start=1):
        mac, address = _group(number, group)
        found.setdefault(mac, [])
        if address is None:
            continue
        if address.interface.ip in seen:
            raise _bad(number, 1, str(address.interface.ip), 'is there twice')
        seen.add(address.interface.ip)
        found[mac].append(address)
    return found


def _group(number: int, text: str) -> tuple[str, Address | None]:
    values = [value.strip() for value in text.split(';')]
    if len(values) != len(FIELDS):
        raise BadData(
            f'group {number} of machine.id has {len(values)} fields and not '
            f'{len(FIELDS)} ({"; ".join(FIELDS)}): {text!r}')
    mac = values[0].lower().replace('-', ':')
    if not _MAC.fullmatch(mac):
        raise _bad(number, 0, values[0])
    if not values[1]:
        return mac, None
    interface = _interface(number, values[1], values[2])
    gateway = _address(number, 3, values[3], interface)
    broadcast = None
    if interface.version == 4:
        broadcast = _address(number, 4, values[4], interface)
        if broadcast and broadcast not in interface.network:
            raise _bad(number, 4, values[4], f'is not in {interface.network}')
    dns = [_ip(number, 5, value.strip()) for value in values[5].split(',')
           if value.strip()]
    return mac, Address(interface, gateway, broadcast, dns)


def _interface(number: int, address: str, mask: str) -> IPInterface:
    ip = _ip(number, 1, address)
    if ip.is_multicast or ip.is_unspecified or ip.is_loopback:
        raise _bad(number, 1, address, 'is no address of an adapter')
    try:
        interface = ipaddress.ip_interface(f'{address}/{mask}')
    except ValueError:
        raise _bad(number, 2, mask) from None
    # ip_interface() takes 0.0.0.255 as well, and means 255.255.255.0.
    if '.' in mask and str(interface.netmask) != mask:
        raise _bad(number, 2, mask)
    return interface


def _address(number: int, field: int, value: str,
             interface: IPInterface) -> IPAddress | None:
    if not value:
        return None
    address = _ip(number, field, value)
    if address.version != interface.version:
        raise _bad(number, field, value, 'is of another kind than '
                   f'{interface.ip}')
    return address


def _ip(number: int, field: int, value: str) -> IPAddress:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        raise _bad(number, field, value) from None


def _bad(number: int, field: int, value: str, why: str = '') -> BadData:
    return BadData(f'group {number} of machine.id: the {FIELDS[field]} '
                   f'{value!r} {why or "is none"}')
