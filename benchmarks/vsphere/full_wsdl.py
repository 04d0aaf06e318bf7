# SPDX-License-Identifier: Apache-2.0
"""A WSDL with every type, for clients that read answers by it."""

from __future__ import annotations

import shutil
from pathlib import Path

import oslo_vmware

from nova_hypervisors.clients.vsphere import operations

_TYPES = Path(oslo_vmware.__file__).parent / 'wsdl' / '8.0'
_REF = 'vim25:ManagedObjectReference'
_RESULTS = {
    'RetrieveServiceContent': 'vim25:ServiceContent',
    'CurrentTime': 'xsd:dateTime', 'Login': 'vim25:UserSession',
    'Logout': '', 'SessionIsActive': 'xsd:boolean',
    'RetrievePropertiesEx': 'vim25:RetrieveResult',
    'ContinueRetrievePropertiesEx': 'vim25:RetrieveResult',
    'CreateContainerView': _REF, 'DestroyView': '', 'PowerOnVM_Task': _REF,
    'PowerOffVM_Task': _REF,
}
_MORE = 'SessionIsActive sessionID:string userName:string\n'
_XSD = 'http://www.w3.org/2001/XMLSchema'
_HEAD = (
    '<definitions targetNamespace="urn:vim25"'
    ' xmlns="http://schemas.xmlsoap.org/wsdl/"'
    ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
    f' xmlns:vim25="urn:vim25" xmlns:xsd="{_XSD}"><types>'
    f'<schema targetNamespace="urn:vim25" xmlns="{_XSD}"'
    ' elementFormDefault="qualified">'
    '<include schemaLocation="vim-types.xsd"/>')


def write(folder: Path) -> str:
    """Write it with the schema's files; return its URL."""
    for file in _TYPES.glob('*-types.xsd'):
        shutil.copy(file, folder)
    known = operations.parsed(operations.OPERATIONS + _MORE)
    parts = [_HEAD]
    for name, result in _RESULTS.items():
        fields = ''.join(_element(one.name, one.type, one.optional,
                                  one.is_list) for one in known[name])
        returned = _element('returnval', result, True, False) if result else ''
        parts.append(
            f'<element name="{name}"><complexType><sequence>'
            f'{_element("_this", _REF, False, False)}{fields}'
            '</sequence></complexType></element>'
            f'<element name="{name}Response"><complexType><sequence>'
            f'{returned}</sequence></complexType></element>')
    parts.append('</schema></types>')
    parts += [
        f'<message name="{name}{kind}"><part name="parameters"'
        f' element="vim25:{name}{suffix}"/></message>'
        for name in _RESULTS
        for kind, suffix in (('In', ''), ('Out', 'Response'))]
    parts.append('<portType name="Port">')
    parts += [f'<operation name="{name}"><input message="vim25:{name}In"/>'
              f'<output message="vim25:{name}Out"/></operation>'
              for name in _RESULTS]
    parts.append(
        '</portType><binding name="Binding" type="vim25:Port"><soap:binding'
        ' style="document" transport="http://schemas.xmlsoap.org/soap/http"/>')
    parts += [f'<operation name="{name}"><soap:operation'
              ' soapAction="urn:vim25/6.5" style="document"/><input>'
              '<soap:body use="literal"/></input><output>'
              '<soap:body use="literal"/></output></operation>'
              for name in _RESULTS]
    parts.append(
        '</binding><service name="Service"><port binding="vim25:Binding"'
        ' name="VimPort"><soap:address location="https://localhost/sdk"/>'
        '</port></service></definitions>')
    path = folder / 'vimService.wsdl'
    path.write_text(''.join(parts))
    return path.as_uri()


def _element(name: str, kind: str, optional: bool, is_list: bool) -> str:
    if kind == 'ref':
        kind = _REF
    elif ':' not in kind:
        prefix = 'xsd' if kind in ('string', 'boolean', 'int') else 'vim25'
        kind = f'{prefix}:{kind}'
    occurs = (' minOccurs="0"' if optional else '') + (
        ' maxOccurs="unbounded"' if is_list else '')
    return f'<element name="{name}" type="{kind}"{occurs}/>'
