# SPDX-License-Identifier: Apache-2.0
"""Reading what VBoxManage prints.  Text in, values out.

VBoxManage has no JSON.  Its tables differ: ``list vms`` has a line a machine,
``showvminfo --machinereadable`` has key=value pairs whose values may be
quoted and go on over several lines, ``list hdds`` has blocks of "Key: value"
with an empty line between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers

_MACHINE = re.compile(
    r'^"(?P<name>.*?)" \{(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'
    r'\}$', re.MULTILINE | re.DOTALL)
_INACCESSIBLE = '<inaccessible>'

_PAIR = re.compile(
    r'^(?:"(?P<quoted_key>[^"\n]+)"|(?P<key>[^"=\n]+))==?'
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\n]*))$',
    re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r'\\(.)', re.DOTALL)

_NIC = '/Public/NetAdapter'
_PORT = '/Public/Storage/AHCI0/Port'
_CPU = '/TM/CPU'

_EXTRADATA = re.compile(r'^Key: (?P<key>.*?), Value: (?P<value>.*)$',
                        re.MULTILINE)


def machines(text: str) -> list[api.Machine]:
    """Read ``list vms`` and ``list runningvms``; names may hold anything."""
    return [api.Machine(uuid=found['uuid'], name=found['name'],
                        accessible=found['name'] != _INACCESSIBLE)
            for found in _MACHINE.finditer(text)]


def pairs(text: str) -> dict[str, str]:
    """Read ``showvminfo --machinereadable``."""
    result = {}
    for found in _PAIR.finditer(text):
        key = found['quoted_key'] or found['key']
        if found['quoted'] is None:
            result[key] = found['plain']
        else:
            result[key] = _ESCAPED.sub(r'\1', found['quoted'])
    return result


def blocks(text: str) -> Iterator[dict[str, str]]:
    """Read blocks of "Key: value" lines with empty lines between."""
    block: dict[str, str] = {}
    for line in [*text.splitlines(), '']:
        key, colon, value = line.partition(':')
        if colon:
            block[key.strip()] = value.strip()
        elif block:
            yield block
            block = {}


def extradata(text: str) -> dict[str, str]:
    """Read ``getextradata global enumerate``."""
    return {found['key']: found['value']
            for found in _EXTRADATA.finditer(text)}


def host(text: str, architecture: str) -> api.Host:
    """Read ``list hostinfo``.

    :param architecture: VBoxManage does not tell it
    """
    fields = {key: value for block in blocks(text)
              for key, value in block.items()}
    return api.Host(
        cpus=int(fields['Processor online count']),
        cores=int(fields['Processor online core count']),
        memory_mb=_number(fields['Memory size']),
        memory_free_mb=_number(fields['Memory available']),
        processor=fields.get('Processor#0 description', ''),
        architecture=architecture,
        operating_system=' '.join(
            (fields.get('Operating system', ''),
             fields.get('Operating system version', ''))).strip(),
        hardware_virtualization=(
            fields.get('Processor supports HW virtualization') == 'yes'))


def extension_packs(text: str) -> list[api.ExtensionPack]:
    """Read ``list extpacks``: the blocks begin with "Pack no. 0:"."""
    packs = []
    for part in re.split(r'^Pack no\. *', text, flags=re.MULTILINE)[1:]:
        fields = {key: value
                  for block in blocks(re.sub(r'^\d+:', 'Name:', part))
                  for key, value in block.items()}
        usable = fields.get('Usable') == 'true'
        packs.append(api.ExtensionPack(
            name=fields['Name'], version=fields.get('Version', ''),
            vrde_module=fields.get('VRDE Module', ''),
            why_unusable=('' if usable
                          else fields.get('Why unusable') or 'unusable')))
    return packs


def media(text: str, kind: api.DiskKind) -> list[api.Medium]:
    """Read ``list hdds`` and ``list dvds``."""
    found = [block for block in blocks(text) if 'Location' in block
             and block.get('Storage format') != api.LUN_FORMAT]
    paths = {block['UUID']: block['Location'] for block in found}
    return [api.Medium(path=block['Location'], kind=kind,
                       capacity_mb=_number(block.get('Capacity', '0')),
                       parent=paths.get(block.get('Parent UUID', '')))
            for block in found]


def names(text: str) -> frozenset[str]:
    """Read the names in ``list bridgedifs`` and its like."""
    # What VirtualBox 7.0 calls the name of a NAT network.
    keys = ('Name', 'NetworkName')
    return frozenset(block[key] for block in blocks(text)
                     for key in keys if key in block)


def statistics(text: str) -> tuple[dict[int, api.NicStatistics],
                                   dict[int, api.DiskStatistics]]:
    """Read ``debugvm statistics``: adapters by slot, disks by port.

    XML with a path-like name a counter; one that is still zero may be left
    out.
    """
    # What our own VirtualBox prints, about its own counters.
    root = ElementTree.fromstring(text[text.index('<Statistics'):])  # noqa: S314
    counters = {item.get('name', ''): int(item.get('c') or '0')
                for item in root}

    def numbers(pattern: str) -> set[int]:
        found = (re.match(pattern, name) for name in counters)
        return {int(match[1]) for match in found if match}

    def values(prefix: str, *names: str) -> Iterator[int]:
        return (counters.get(f'{prefix}/{name}', 0) for name in names)

    nics = {index + 1: api.NicStatistics(*values(
        f'{_NIC}/{index}', 'BytesReceived', 'BytesTransmitted'))
        for index in numbers(rf'{_NIC}/(\d+)/')}
    disks = {number: api.DiskStatistics(*values(
        f'{_PORT}{port}', 'BytesRead', 'ReqsRead', 'BytesWritten',
        'ReqsWrite')) for port in numbers(rf'{_PORT}(\d+)/')
        if (number := controllers.port_of(api.DISK_CONTROLLER, port, 0))
        is not None}
    return nics, disks


def cpu_times_ns(text: str, vcpus: int) -> tuple[int, ...]:
    """Read how long each virtual processor was not halted.

    VirtualBox counts the time of what it interprets as "other", not as
    executed.
    """
    root = ElementTree.fromstring(text[text.index('<Statistics'):])  # noqa: S314
    counters = {item.get('name', ''): int(item.get('val') or '0')
                for item in root if item.tag == 'U64'}

    def counter(index: int, name: str) -> int:
        return counters.get(f'{_CPU}/{index:02}/{name}', 0)

    return tuple(counter(index, 'cNsTotal') - counter(index, 'cNsHalted')
                 for index in range(vcpus))


def _number(text: str) -> int:
    found = re.match(r'\d+', text)
    return int(found[0]) if found else 0
