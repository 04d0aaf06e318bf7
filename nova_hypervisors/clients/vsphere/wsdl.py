# SPDX-License-Identifier: Apache-2.0
"""The WSDL by which suds makes the messages.

oslo.vmware brings the types of the vSphere API and no WSDL.  A host serves
one, of megabytes, which takes suds more than a second to read at each start;
some versions' were faulty.  So it is made of what is installed: the operations
that are called, and those types that an argument of theirs can hold.
Answers are read without it: a host may know types that are newer.

Source: WSDL 1.1, sections 2 and 3.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import oslo_vmware
from lxml import etree

from nova_hypervisors.clients.vsphere import operations

NAME = 'vimService.wsdl'

# In the package oslo.vmware; the newest that it has.
_TYPES = Path(oslo_vmware.__file__).parent / 'wsdl' / '8.0'
_FILES = ('core-types.xsd', 'query-types.xsd', 'vim-types.xsd')

_XSD = 'http://www.w3.org/2001/XMLSchema'
_SIMPLE = ('string', 'int', 'long', 'boolean')
_VIM = 'vim25:'

# Trees of types that no message of ours has: to leave them out makes suds
# start in half the time.  Elements of these types are left out, too.
_NOT_SENT = frozenset({
    'Event', 'VirtualMachineProfileSpec', 'MethodFault',
    'LocalizedMethodFault', 'CryptoSpec',
    'ClusterAction'})

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<definitions targetNamespace="urn:vim25"'
    ' xmlns="http://schemas.xmlsoap.org/wsdl/"'
    ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
    f' xmlns:vim25="urn:vim25" xmlns:xsd="{_XSD}">\n<types>\n'
    f'<schema targetNamespace="urn:vim25" xmlns="{_XSD}"'
    ' elementFormDefault="qualified">\n')
_SERVICE = (
    '<service name="VimService">'
    '<port binding="vim25:VimBinding" name="VimPort">'
    '<soap:address location="https://localhost/sdk"/></port></service>\n'
    '</definitions>\n')


def path_in(folder: Path) -> Path:
    """Return the path of the WSDL in a folder of cached ones.

    Its name tells of what it was made.
    """
    made_of = hashlib.sha256(repr((
        operations.OPERATIONS, operations.MORE_TYPES, sorted(_NOT_SENT),
        _HEAD)).encode()).hexdigest()
    version = importlib.metadata.version('oslo.vmware')
    return folder / f'vim-{version}-{made_of[:12]}.wsdl'


def ensure(folder: Path) -> Path:
    """Return the WSDL in a cache folder, which is made if it is not there.

    Several processes may do so at once.
    """
    path = path_in(folder)
    if not path.exists():
        write(path)
    return path


def write(path: Path) -> None:
    """Write the WSDL: what reads it sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
            'w', dir=path.parent, prefix='.', delete=False) as file:
        try:
            file.write(text())
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def text() -> str:
    """Make the WSDL."""
    known = operations.parsed()
    return ''.join((
        _HEAD, *_types(known), *_messages(known), '</schema>\n</types>\n',
        *_bindings(known), _SERVICE))


def _types(known: dict[str, tuple[operations.Argument, ...]],
           ) -> Iterator[str]:
    schema = _schema()
    first = {argument.type for arguments in known.values()
             for argument in arguments}
    wanted = _closure(schema, {*first, *operations.MORE_TYPES})
    for name in sorted(wanted):
        element = schema[name]
        for item in list(element.iter(f'{{{_XSD}}}element')):
            kind = item.get('type', '')
            if kind.startswith(_VIM) and kind[len(_VIM):] not in wanted:
                parent = item.getparent()
                if parent is not None:
                    parent.remove(item)
        yield etree.tostring(element, encoding='unicode').strip() + '\n'


def _schema() -> dict[str, etree._Element]:
    """Return every type by its name."""
    found = {}
    for name in _FILES:
        for element in etree.parse(_TYPES / name).getroot():
            kind = element.get('name')
            if kind is not None and str(element.tag).endswith('Type'):
                found[kind] = element
    return found


def _closure(schema: dict[str, etree._Element],
             first: Iterable[str]) -> set[str]:
    """Return the types that are named, hold one another or extend one."""
    below = defaultdict(set)
    holds = {}
    for name, element in schema.items():
        holds[name] = {
            value.removeprefix(_VIM) for item in element.iter()
            for value in (item.get('type'), item.get('base'))
            if value and value.startswith(_VIM)}
        for item in element.iter(f'{{{_XSD}}}extension'):
            below[item.get('base', '').removeprefix(_VIM)].add(name)
    # Everything extends it, and nothing is sent as it.
    below['DynamicData'] = set()
    seen = set(_NOT_SENT)
    todo = list(first)
    while todo:
        name = todo.pop()
        if name not in seen and name in schema:
            seen.add(name)
            todo.extend(holds[name] | below[name])
    return seen & schema.keys() - _NOT_SENT


def _messages(known: dict[str, tuple[operations.Argument, ...]],
              ) -> Iterator[str]:
    for operation, arguments in known.items():
        yield (f'<element name="{operation}"><complexType><sequence>'
               '<element name="_this" type="vim25:ManagedObjectReference"/>')
        for argument in arguments:
            yield _element(argument)
        yield ('</sequence></complexType></element>\n'
               f'<element name="{operation}Response"><complexType><sequence>'
               '<element name="returnval" type="xsd:anyType" minOccurs="0"'
               ' maxOccurs="unbounded"/></sequence></complexType></element>\n')


def _element(argument: operations.Argument) -> str:
    if argument.type in _SIMPLE:
        kind = f'xsd:{argument.type}'
    elif argument.type == 'ref':
        kind = 'vim25:ManagedObjectReference'
    elif argument.type in _NOT_SENT:
        return ''
    else:
        kind = f'vim25:{argument.type}'
    occurs = (' minOccurs="0"' if argument.optional else '') + (
        ' maxOccurs="unbounded"' if argument.is_list else '')
    return f'<element name="{argument.name}" type="{kind}"{occurs}/>'


def _bindings(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for kind, element in (('Request', name), ('Response',
                                                  f'{name}Response')):
            yield (f'<message name="{name}{kind}"><part name="parameters"'
                   f' element="vim25:{element}"/></message>\n')
    yield '<portType name="VimPortType">\n'
    for name in names:
        yield (f'<operation name="{name}">'
               f'<input message="vim25:{name}Request"/>'
               f'<output message="vim25:{name}Response"/></operation>\n')
    yield ('</portType>\n<binding name="VimBinding" type="vim25:VimPortType">'
           '<soap:binding style="document"'
           ' transport="http://schemas.xmlsoap.org/soap/http"/>\n')
    for name in names:
        yield (f'<operation name="{name}">'
               '<soap:operation soapAction="urn:vim25/6.5" style="document"/>'
               '<input><soap:body use="literal"/></input>'
               '<output><soap:body use="literal"/></output></operation>\n')
    yield '</binding>\n'
