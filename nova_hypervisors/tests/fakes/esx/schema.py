# SPDX-License-Identifier: Apache-2.0
"""What a request may look like, by the published types of the vSphere API.

pyVmomi's tables are those types.  Its own reader takes elements in any order
and leaves out what is missing, which a host does not: VIM types are
``xsd:sequence`` in vim-types.xsd.  So requests are read here.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Any

from lxml import etree
from pyVmomi import Iso8601
from pyVmomi import SoapAdapter
from pyVmomi import VmomiSupport
from pyVmomi import vmodl

VIM = 'urn:vim25'
XSI = SoapAdapter.XMLNS_XSI
XSD = SoapAdapter.XMLNS_XSD

#: The API that the fake speaks: vSphere 8.0 update 2.
VERSION = 'vim.version.v8_0_2_0'

_BOOLEANS = {'true': True, '1': True, 'false': False, '0': False}
_INTEGERS = {
    VmomiSupport.GetVmodlType('byte'): 8,
    VmomiSupport.GetVmodlType('short'): 16,
    VmomiSupport.GetVmodlType('int'): 32,
    VmomiSupport.GetVmodlType('long'): 64,
}
#: How pyVmomi reads a property; in no document, but hosts know it.
_FETCH = VmomiSupport.Object(
    name='Fetch', wsdlName='Fetch', version='vmodl.version.version0',
    privId='System.Anonymous', result=object,
    resultFlags=VmomiSupport.F_OPTIONAL, params=[VmomiSupport.Object(
        name='prop', type=str, version='vmodl.version.version0', flags=0)])


class Malformed(Exception):
    """A request that the types do not allow."""


def known(info: Any) -> bool:
    """Tell whether a field or a method is in the version that we speak."""
    return VmomiSupport.IsChildVersion(VERSION, info.version)


def optional(info: Any) -> bool:
    return bool(info.flags & VmomiSupport.F_OPTIONAL)


def read_call(element: etree._Element) -> tuple[Any, Any, dict[str, Any]]:
    """Return the object of a call, the method's types and the arguments."""
    space, name = _split(element.tag)
    try:
        info = _FETCH if name == 'Fetch' else VmomiSupport.GetWsdlMethod(
            space, name).info
    except KeyError as error:
        raise Malformed(f'Unable to resolve WSDL method name {name}'
                        ) from error
    if not known(info):
        raise Malformed(f'{name} is not in this version')
    this = VmomiSupport.Object(
        name='_this', type=VmomiSupport.ManagedObject, flags=0,
        version=info.version)
    values = _read_sequence(element, [this, *filter(known, info.params)],
                            f'call information for method {name}')
    return values.pop('_this'), info, values


def _read_sequence(parent: etree._Element, fields: list[Any],
                   what: str) -> dict[str, Any]:
    """Read children that have to come in the order of the fields."""
    values: dict[str, Any] = {}
    position = 0
    for child in parent.iterchildren('*'):
        space, name = _split(child.tag)
        names = [field.name for field in fields[position:]]
        if space != VIM or name not in names:
            raise Malformed(f'Unexpected element tag "{name}" seen while '
                            f'parsing {what}')
        position += names.index(name)
        field = fields[position]
        if issubclass(field.type, list):
            values.setdefault(name, field.type()).append(
                _read(child, field.type.Item))
        else:
            values[name] = _read(child, field.type)
            position += 1
    for field in fields:
        if field.name not in values and not optional(field):
            raise Malformed(f'Required property {field.name} is missing '
                            f'from {what}')
    return values


def _read(element: etree._Element, declared: Any) -> Any:
    if element.get(f'{{{XSI}}}nil') in _BOOLEANS:
        raise Malformed(f'{_split(element.tag)[1]} may not be nil')
    kind = _actual(element, declared)
    if issubclass(kind, list):
        return kind([_read(child, kind.Item)
                     for child in element.iterchildren('*')])
    if issubclass(kind, VmomiSupport.ManagedObject):
        return _read_reference(element, declared)
    if issubclass(kind, VmomiSupport.DataObject):
        fields = [field for field in kind._GetPropertyList() if known(field)]
        made = kind()
        for name, value in _read_sequence(
                element, fields, 'property of type '
                f'{VmomiSupport.GetWsdlName(kind)}').items():
            setattr(made, name, value)
        return made
    if len(element):
        raise Malformed(f'{_split(element.tag)[1]} may have no elements')
    return _read_text(element.text or '', kind)


def _actual(element: etree._Element, declared: Any) -> Any:
    """Return the type that xsi:type gives, which has to be one of ours."""
    named = element.get(f'{{{XSI}}}type')
    if named is None:
        if declared is object:
            # Guess: a host has no way to know what an untyped anyType is.
            raise Malformed(f'{_split(element.tag)[1]} has no xsi:type')
        return declared
    prefix, _, name = named.rpartition(':')
    space = element.nsmap.get(prefix or None)
    if name == 'ManagedObjectReference' and space == VIM:
        kind = VmomiSupport.ManagedObject
        if declared is object or issubclass(declared, kind):
            return kind
    try:
        kind = VmomiSupport.GetWsdlType(space, name)
    except KeyError as error:
        raise Malformed(f'Type {named} is not known') from error
    if declared is object or issubclass(kind, declared):
        return kind
    if not isinstance(declared, type(list)) or not issubclass(
            declared, (VmomiSupport.DataObject, list)):
        # xsd:string for an enumeration or a path, xsd:int for a short.
        return declared
    raise Malformed(f'{named} is no {VmomiSupport.GetWsdlName(declared)}')


def _read_reference(element: etree._Element, declared: Any) -> Any:
    name, value = element.get('type'), (element.text or '').strip()
    if not name or not value:
        raise Malformed(f'{_split(element.tag)[1]} is no reference')
    try:
        kind = VmomiSupport.GetWsdlType(VIM, name)
    except KeyError as error:
        raise Malformed(f'Managed object type {name} is not known'
                        ) from error
    if not issubclass(kind, VmomiSupport.ManagedObject) or (
            declared is not object and not issubclass(kind, declared)):
        raise Malformed(f'A {name} is not wanted in '
                        f'{_split(element.tag)[1]}')
    return kind(value)


def _read_text(text: str, kind: Any) -> Any:
    try:
        return _convert(text, kind)
    except (ValueError, KeyError, binascii.Error) as error:
        raise Malformed(f'Invalid value {text[:40]!r} of a '
                        f'{kind.__name__}') from error


def _convert(text: str, kind: Any) -> Any:
    if kind is type:
        return _type_named(text)
    if kind is bool:
        return _BOOLEANS[text.strip()]
    if kind in _INTEGERS:
        number = int(text)
        if not -1 << _INTEGERS[kind] - 1 <= number < 1 << _INTEGERS[kind] - 1:
            raise ValueError(text)
        return kind(number)
    if kind is datetime.datetime:
        return Iso8601.ParseISO8601(text) or _refuse(text)
    if issubclass(kind, VmomiSupport.Enum):
        return kind(text) if text in kind.values else _refuse(text)
    if kind is VmomiSupport.ManagedMethod:
        return VmomiSupport.GetWsdlMethod(VIM, text)
    if issubclass(kind, bytes):
        return kind(base64.b64decode(text, validate=True))
    return kind(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _type_named(text: str) -> Any:
    if text == 'ManagedObject':
        return VmomiSupport.ManagedObject
    return VmomiSupport.GetWsdlType(VIM, text)


def _split(tag: str) -> tuple[str, str]:
    space, _, name = tag.rpartition('}')
    return space[1:], name


def has_path(kind: Any, path: str) -> bool:
    """Tell whether a property path exists, by the declared types.

    What only a subclass has, as a device's backing, cannot be told.
    """
    for name in path.split('['[0])[0].split('.'):
        try:
            info = kind._GetPropertyInfo(name)
        except AttributeError:
            return False
        if not known(info):
            return False
        kind = info.type
    return True


#: What a reader of our own types may want to name.
InvalidRequest = vmodl.fault.InvalidRequest
