# SPDX-License-Identifier: Apache-2.0
"""Nodes as an operator writes them down, in YAML or as options."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import os_resource_classes
import os_traits
import yaml
from oslo_utils import netutils
from oslo_utils import uuidutils

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors

Fault = settings.Fault

#: Of nodes.Node, what is not the operator's.
_OURS = ('provision_state', 'instance_uuid', 'power_state', 'instance_info',
         'last_error', 'version')

FIELDS = tuple(field.name for field in dataclasses.fields(nodes.Node)
               if field.name not in _OURS)

#: What went by one name in Ironic's first years, as power, management, boot
#: and deploy interface.  Those of VirtualBox and iLO were specified so.
DRIVERS = {
    'fake_vbox': ('virtualbox', 'virtualbox', 'fake', 'external'),
    'pxe_vbox': ('virtualbox', 'virtualbox', 'pxe', 'iscsi'),
    'agent_vbox': ('virtualbox', 'virtualbox', 'pxe', 'agent'),
    'fake_ilo': ('ilo4', 'ilo4', 'fake', 'external'),
    'iscsi_ilo': ('ilo4', 'ilo4', 'virtual-media', 'ilo-iscsi'),
    'agent_ilo': ('ilo4', 'ilo4', 'virtual-media', 'agent'),
    'pxe_ilo': ('ilo4', 'ilo4', 'pxe', 'iscsi'),
}

_PORT_FIELDS = ('address', 'pxe_enabled', 'local_link_connection',
                'physical_network')

_NETWORKS = ('flat', 'noop')

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,254}')
_TRAIT = re.compile(r'CUSTOM_[A-Z0-9_]{1,248}')

#: What Placement takes as a name, with CUSTOM_ before it.
_LONGEST_CLASS = 80


def from_yaml(text: str, host: str) -> list[nodes.Node]:
    """Read nodes: a list, or a mapping with the list as ``nodes``.

    :param host: whose nodes they are, if they do not say
    :raises InvalidArgument: something is wrong; it says all that is
    """
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise errors.InvalidArgument(f'it is no YAML: {error}') from None
    entries = read.get('nodes') if isinstance(read, Mapping) else read
    if not isinstance(entries, list) or not entries:
        raise errors.InvalidArgument(
            'it has no nodes: a list of them is expected, by itself or as '
            '"nodes"')
    result = []
    wrong = []
    for number, entry in enumerate(entries, 1):
        node, found = read_node(entry, host)
        called = (entry.get('name') if isinstance(entry, Mapping) else None
                  ) or f'number {number}'
        wrong += [f'node {called}: {fault}' for fault in found]
        if node is not None:
            result.append(node)
    if wrong:
        raise errors.InvalidArgument('\n'.join(wrong))
    return result


def read_node(entry: Any, host: str) -> tuple[nodes.Node | None, list[Fault]]:
    """Return a node, or all that is wrong with it."""
    if not isinstance(entry, Mapping):
        return None, [Fault('node', f'{entry!r} is no mapping of fields')]
    values, wrong = read_fields(entry)
    wrong += [Fault(name, 'it is required and missing')
              for name in ('name', 'resource_class') if name not in entry]
    if wrong:
        return None, wrong
    return nodes.Node(**{'uuid': uuidutils.generate_uuid(),
                         'service_host': host, **values}), []


def read_fields(entry: Mapping[str, Any],
                ) -> tuple[dict[str, Any], list[Fault]]:
    """Return fields of a node as it has them, and what is wrong with them."""
    values = {}
    wrong = []
    for name, value in _flat(entry):
        if name not in FIELDS:
            wrong.append(Fault(name, _advice(name)))
            continue
        try:
            values[name] = _READERS.get(name, _text)(value)
        except ValueError as error:
            wrong.append(Fault(name, str(error)))
    return values, wrong


def _flat(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Take ``interfaces: {power: x}`` for ``power_interface: x``.

    And ``driver`` for four of them, which win over it.
    """
    yield from ((f'{kind}_interface', one) for kind, one in zip(
        nodes.KINDS, DRIVERS.get(str(entry.get('driver')), ()), strict=False))
    for name, value in entry.items():
        if name == 'driver' and value in DRIVERS:
            continue
        if name == 'interfaces' and isinstance(value, Mapping):
            yield from ((f'{kind}_interface', one)
                        for kind, one in value.items())
        else:
            yield str(name), value


def _advice(name: str) -> str:
    if name in _OURS:
        return 'it is kept by the driver, and not set'
    if name == 'driver':
        return f'there are {", ".join(DRIVERS)}; or name four interfaces'
    close = difflib.get_close_matches(name, FIELDS, 1)
    return ('there is no such field; '
            + (f'did you mean {close[0]}?' if close
               else f'there are {", ".join(FIELDS)}'))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{value!r} is no text')
    return value


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


def _uuid(value: Any) -> str:
    if not uuidutils.is_uuid_like(value):
        raise ValueError(f'{value!r} is no UUID')
    return str(value).lower()


def _name(value: Any) -> str:
    if not _NAME.fullmatch(str(value)) or uuidutils.is_uuid_like(value):
        raise ValueError(f'{value!r} is no name: letters, digits and . _ -, '
                         'and no UUID')
    return str(value)


def _resource_class(value: Any) -> str:
    name = os_resource_classes.normalize_name(_text(value)) or ''
    if not name.removeprefix('CUSTOM_').strip('_') or (
            len(name) > _LONGEST_CLASS):
        raise ValueError(f'{value!r} makes no name of a resource class: '
                         f'{name!r} has to be at most 80 characters')
    return _text(value)


def _network(value: Any) -> str:
    if value not in _NETWORKS:
        raise ValueError(f'{value!r} is none of {", ".join(_NETWORKS)}')
    return str(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f'{value!r} is neither true nor false')
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f'{value!r} is no mapping of names to values')
    return {str(name): one for name, one in value.items()}


def _traits(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f'{value!r} is no list of traits')
    known = set(os_traits.get_traits())
    wrong = [str(one) for one in value
             if one not in known and not _TRAIT.fullmatch(str(one))]
    if wrong:
        raise ValueError(f'{", ".join(wrong)}: neither a standard trait nor '
                         'CUSTOM_ and capitals, digits and _')
    return tuple(sorted(set(map(str, value))))


def _ports(value: Any) -> tuple[nodes.Port, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f'{value!r} is no list of ports')
    found = tuple(_port({'address': one} if isinstance(one, str) else one)
                  for one in value)
    if len({port.address for port in found}) < len(found):
        raise ValueError('two ports have the same address')
    return found


def _port(entry: Any) -> nodes.Port:
    given = _mapping(entry)
    strange = set(given) - set(_PORT_FIELDS)
    if strange:
        raise ValueError(f'a port has no {", ".join(sorted(strange))}; it has '
                         f'{", ".join(_PORT_FIELDS)}')
    address = str(given.get('address', '')).lower().replace('-', ':')
    if not netutils.is_valid_mac(address):
        raise ValueError(f'{given.get("address")!r} is no MAC address')
    return nodes.Port(
        address, _boolean(given.get('pxe_enabled', True)),
        _mapping(given.get('local_link_connection') or {}),
        _optional_text(given.get('physical_network')))


_READERS = {
    'uuid': _uuid, 'name': _name, 'resource_class': _resource_class,
    'network_interface': _network, 'maintenance': _boolean,
    'maintenance_reason': _optional_text, 'traits': _traits, 'ports': _ports,
    'properties': _mapping, 'driver_info': _mapping}


def plain_secrets(node: nodes.Node,
                  declared: list[settings.Setting]) -> list[Fault]:
    """Name the fields that are secret and hold more than a reference."""
    return [Fault(f'driver_info {name}', 'a secret is not kept here: put it '
                  'into a file that only the user of nova-compute can read, '
                  'and say file:/the/path')
            for setting in declared if setting.kind == 'secret'
            for name in setting.names
            if node.driver_info.get(name) and not str(
                node.driver_info[name]).startswith(settings.REFERENCES)]
