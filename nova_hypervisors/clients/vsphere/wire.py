# SPDX-License-Identifier: Apache-2.0
"""Calling the SOAP service of a host.

suds makes the messages, through oslo.vmware, which knows what a host does not
take of them; requests carries them.  The answers are read here: suds takes
half a millisecond of CPU an object for it, fails at any type that its WSDL
lacks, and is not made for several threads.
"""

from __future__ import annotations

import http
import threading
import uuid
from pathlib import Path
from typing import Any
from xml.sax import saxutils

import requests
import suds
from lxml import etree
from oslo_vmware import service
from oslo_vmware import vim
from oslo_vmware import vim_util

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vsphere import faults
from nova_hypervisors.clients.vsphere import transport
from nova_hypervisors.clients.vsphere import values

#: Where calls are noted: see clients/recording.py.
SEAM = 'vsphere-soap'

_ENVELOPE = '{http://schemas.xmlsoap.org/soap/envelope/}'

# Every host that is supported speaks it; a newer one is asked for its own
# version when that is known.
_FIRST_VERSION = '6.5'

_XSD = 'http://www.w3.org/2001/XMLSchema'

# That may be on their way at once, and more.
_MOST_SECRETS = 256

_FAULT_STATUS = http.HTTPStatus.INTERNAL_SERVER_ERROR


class _Messages(service.ServiceMessagePlugin):
    """:ivar EMPTY_ELEMENTS: those that mean something without content

    ``options`` of RetrievePropertiesEx and ``policy`` of a port group have to
    be there; an empty ``value`` deletes a key of a machine's extraConfig.
    """

    EMPTY_ELEMENTS = (*service.ServiceMessagePlugin.EMPTY_ELEMENTS,
                      'options', 'policy', 'value')

    def marshalled(self, context: Any) -> None:
        super().marshalled(context)
        # Values of any type are marked xsd:string, which is not declared.
        context.envelope.addPrefix('xsd', _XSD)


class Wire:
    """The service of one host; several threads may call it at once.

    :param wsdl: its file or URL
    :param observe: is told of each call
    """

    def __init__(self, link: transport.Link, wsdl: str,
                 observe: telemetry.Observer | None = None) -> None:
        self._link = link
        self._observe = observe
        self._version = _FIRST_VERSION
        self._secrets: dict[str, str] = {}
        # suds has no word on threads, and its messages take no time.
        self._lock = threading.Lock()
        try:
            self._client = vim.Vim(
                host=link.host, port=link.port, wsdl_url=_location(wsdl),
                cacert=link.ca_file, insecure=link.insecure).client
        except (OSError, suds.TypeNotFound, suds.transport.TransportError,
                requests.RequestException, ValueError) as error:
            raise errors.ClientError(
                f'the WSDL {wsdl} cannot be used: {error}') from error
        except Exception as error:
            # suds lets whatever its XML parser raises through.
            raise errors.ClientError(
                f'the WSDL {wsdl} cannot be read: {error}') from error
        self._client.set_options(nosend=True, plugins=[_Messages()])

    def speak(self, version: str) -> None:
        """Ask for a version of the API from now on."""
        self._version = version

    def make(self, kind: str, **fields: Any) -> Any:
        """Make an argument of a type of the API."""
        made = self._client.factory.create(f'ns0:{kind}')
        for name, value in fields.items():
            setattr(made, name, self._as_suds(value))
        return made

    def call(self, operation: str, target: values.Ref,
             timeout_s: float | None = None,
             **arguments: Any) -> values.Element:
        """Return the element that answers.

        :raises Fault: the host refuses
        :raises ClientError: it does not answer, or not with SOAP
        """
        return telemetry.observed(
            self._observe, operation,
            lambda: self._call(operation, target, timeout_s, arguments),
            _class_of)

    def _call(self, operation: str, target: values.Ref,
              timeout_s: float | None,
              arguments: dict[str, Any]) -> values.Element:
        with self._lock:
            message = getattr(self._client.service, operation)(
                self._as_suds(target), **{
                    name: self._as_suds(value)
                    for name, value in arguments.items()}).envelope
            message = self._with_secrets(message)
        with recording.call(SEAM, operation, lambda: {
                'where': self._link.where, 'target': list(target),
                'message': message}) as noted:
            try:
                return self._exchange(operation, message, timeout_s, noted)
            except faults.Fault as fault:
                noted.typed = faults.to_error(fault, operation, target)
                raise

    def _exchange(self, operation: str, message: bytes,
                  timeout_s: float | None,
                  noted: recording.Call) -> values.Element:
        is_login = operation == 'Login'
        response = self._link.request(
            'POST', '/sdk', operation, timeout_s, {
                'Content-Type': 'text/xml; charset=utf-8',
                'SOAPAction': f'"urn:vim25/{self._version}"'},
            anonymous=is_login, data=message)
        noted.answer = {'status': response.status_code,
                        'body': response.content}
        answer = understood(self._link.where, operation,
                            response.status_code, response.content)
        if is_login:
            self._link.remember(response)
        return answer

    def _as_suds(self, value: Any) -> Any:
        if isinstance(value, values.Ref):
            return vim_util.get_moref(value.value, value.type)
        if isinstance(value, values.Secret):
            # suds logs each step of making a message.
            stand_in = f'secret-{uuid.uuid4().hex}'
            while len(self._secrets) >= _MOST_SECRETS:
                del self._secrets[next(iter(self._secrets))]
            self._secrets[stand_in] = value.text
            return stand_in
        if isinstance(value, list | tuple):
            return [self._as_suds(item) for item in value]
        return value

    def _with_secrets(self, message: bytes) -> bytes:
        # What was made is sent twice, if the session had ended.
        for stand_in, secret in list(self._secrets.items()):
            if stand_in.encode() in message:
                recording.hide([secret])
                message = message.replace(
                    stand_in.encode(), saxutils.escape(secret).encode())
        return message


def understood(where: str, operation: str, status: int,
               answer: bytes) -> values.Element:
    """Return the element that a host answers with.

    :raises Fault: the host refuses
    :raises ClientError: it is no answer
    """
    if status not in (http.HTTPStatus.OK, _FAULT_STATUS):
        raise errors.ClientError(
            f'{where} answers with HTTP status {status}',
            operation=operation)
    try:
        root = etree.fromstring(answer, etree.XMLParser(
            resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError as error:
        raise errors.ClientError(
            f'{where} does not answer with SOAP: {error}',
            operation=operation) from error
    body = root.find(f'{_ENVELOPE}Body')
    if body is None or not len(body):
        raise errors.ClientError(f'{where} answers with nothing',
                                 operation=operation)
    if body[0].tag == f'{_ENVELOPE}Fault':
        raise faults.of_envelope(body[0])
    if faults.NOT_AUTHENTICATED.encode() in answer:
        _look_for_end_of_session(body[0])
    return body[0]


def _class_of(error: Exception) -> str:
    return telemetry.class_of(
        faults.to_error(error, '') if isinstance(error, faults.Fault)
        else error)


def _look_for_end_of_session(element: values.Element) -> None:
    """Raise it if it is said of each object, in an answer without a fault."""
    for missing in values.items(element, 'returnval/objects/missingSet/fault'):
        fault = faults.of_task(missing)
        if fault.name in faults.SESSION_ENDED:
            raise fault


def _location(wsdl: str) -> str:
    return wsdl if '://' in wsdl else f'file://{Path(wsdl).absolute()}'
