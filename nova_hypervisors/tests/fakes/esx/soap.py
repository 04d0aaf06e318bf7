# SPDX-License-Identifier: Apache-2.0
"""Envelopes: a call out of one, a result or a fault into one."""

from __future__ import annotations

import io
from typing import Any

from lxml import etree
from pyVmomi import SoapAdapter
from pyVmomi import VmomiSupport

from nova_hypervisors.tests.fakes.esx import schema

_SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'
_START = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<soapenv:Envelope xmlns:soapenv="{_SOAP}" xmlns:xsd="{schema.XSD}" '
    f'xmlns:xsi="{schema.XSI}">\n<soapenv:Body>\n')
_END = '\n</soapenv:Body>\n</soapenv:Envelope>'
_PREFIXES = {schema.VIM: '', schema.XSD: 'xsd', schema.XSI: 'xsi'}


def open_envelope(body: bytes) -> etree._Element:
    """Return the element of a call.

    :raises schema.Malformed: it is no envelope with one call
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True,
                             remove_comments=True, remove_pis=True)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise schema.Malformed('XML document is not well-formed') from error
    calls = envelope.findall(f'{{{_SOAP}}}Body/*')
    if envelope.tag != f'{{{_SOAP}}}Envelope' or len(calls) != 1:
        raise schema.Malformed('There is no SOAP body with a call')
    return calls[0]


def result(info: Any, value: Any) -> bytes:
    """Return the envelope of what a method returned."""
    name = f'{info.wsdlName}Response'
    text = ''
    if value is not None and info.result is not type(None):
        field = VmomiSupport.Object(
            name='returnval', type=info.result, version=info.version,
            flags=info.resultFlags)
        if isinstance(value, list) and not isinstance(
                value, VmomiSupport.Array):
            value = info.result(value)
        text = render(value, field)
    return (f'{_START}<{name} xmlns="{schema.VIM}">{text}</{name}>{_END}'
            ).encode()


def fault(error: Any) -> bytes:
    """Return the envelope of a fault, as a host writes one."""
    name = VmomiSupport.GetWsdlName(type(error))
    field = VmomiSupport.Object(
        name=f'{name}Fault', type=object, version=error._version, flags=0)
    message = error.msg or ''
    error.msg = None
    writer = io.StringIO()
    serializer = _serializer(writer)
    serializer.defaultNS = ''
    serializer._SerializeDataObject(
        error, field, f' xmlns="{schema.VIM}"', schema.VIM)
    error.msg = message
    return (f'{_START}<soapenv:Fault><faultcode>ServerFaultCode</faultcode>'
            f'<faultstring>{SoapAdapter.XmlEscape(message)}</faultstring>'
            f'<detail>{writer.getvalue()}</detail></soapenv:Fault>{_END}'
            ).encode()


def render(value: Any, field: Any) -> str:
    """Return a value as an element, or as several of them.

    :raises TypeError: a field that has to be there is not
    """
    writer = io.StringIO()
    _serializer(writer).Serialize(value, field)
    return writer.getvalue()


class _Serializer(SoapAdapter.SoapSerializer):
    def _QName(self, typ: Any, defNS: str) -> tuple[str, str]:
        attribute, name = super()._QName(typ, defNS)
        if typ is VmomiSupport.ManagedObject:
            # pyVmomi leaves out what core-types.xsd has.
            name += 'Reference'
        return attribute, name


def _serializer(writer: io.StringIO) -> Any:
    made = _Serializer(writer, schema.VERSION, _PREFIXES)
    # A client's attribute, which no host sends.
    made.outermostAttrs = ''
    made.defaultNS = schema.VIM
    return made
