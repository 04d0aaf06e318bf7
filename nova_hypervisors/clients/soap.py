# SPDX-License-Identifier: Apache-2.0
"""Calling a SOAP service, without its WSDL.

For services in document/literal style whose messages are flat: an element
named by the operation, and in it an element an argument.  Whoever calls knows
the operations; in return nothing of a description of megabytes is loaded, and
one call costs a fraction of a millisecond.  Source: SOAP 1.1, section 6, and
WSDL 1.1, section 3.
"""

from __future__ import annotations

import binascii
import contextlib
import http.client
import select
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.sax import saxutils

from nova_hypervisors.clients import errors

_ENVELOPE = '{http://schemas.xmlsoap.org/soap/envelope/}'
# In two parts, so that megabytes between them are copied once.
_BEGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:s="{namespace}"><e:Body><s:{operation}>')
_END = '</s:{operation}></e:Body></e:Envelope>'
_HEADERS = {'Content-Type': 'text/xml; charset=utf-8', 'SOAPAction': '""'}

_DATA_BEGIN = b'<returnval>'
_DATA_END = b'</returnval>'

Value = str | int | bool | bytes | Sequence[str]


class Fault(Exception):
    """The service's own error.

    :param kind: the name of the element in its details; empty if there is
        none
    :param details: the text of each element in that
    """

    def __init__(self, message: str, kind: str,
                 details: Mapping[str, str]) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.details = details


class Service:
    """A service at an URL; several threads may call it at once.

    :param tls: how its certificate is checked, for https
    :param connections: that are open at once, at the most
    :param connect_timeout_s: limit of making a connection
    :param timeout_s: limit of an answer
    :param greeting: an operation without arguments that is called first on
        each new connection, one after another, whatever the answer is
    """

    def __init__(self, url: str, namespace: str, *,
                 tls: ssl.SSLContext | None = None, connections: int = 8,
                 connect_timeout_s: float = 10.0,
                 timeout_s: float = 60.0,
                 greeting: str | None = None) -> None:
        self._url = urllib.parse.urlsplit(url)
        self._namespace = namespace
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._free = threading.BoundedSemaphore(connections)
        self._greeting = greeting
        self._door = threading.Lock()
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self.where = url

    def call(self, operation: str, arguments: Mapping[str, Value],
             timeout_s: float | None = None,
             heard: Callable[[bytes], None] | None = None,
             ) -> ElementTree.Element:
        """Call an operation and return the element that it answers with.

        :param timeout_s: if the answer may take longer than others
        :param heard: is told the answer as it came
        :raises Fault: the service refuses
        :raises Unreachable: there is no connection; nothing was done
        :raises ConnectionLost: the connection broke; it may have been done
        :raises TimedOut: there is no answer; it may have been done
        """
        return understood(self.where, operation, self._answer(
            operation, arguments, timeout_s, heard))

    def data(self, operation: str, arguments: Mapping[str, Value],
             heard: Callable[[bytes], None] | None = None) -> bytes:
        """Call an operation that answers with bytes, which come in Base64.

        Megabytes of it are not parsed as XML, which took longer than all
        else.  The errors are those of :meth:`call`.
        """
        answer = self._answer(operation, arguments, None, heard)
        begin = answer.find(_DATA_BEGIN)
        end = answer.rfind(_DATA_END)
        if begin < 0 or end < begin:
            # There is none, or this tells why.
            understood(self.where, operation, answer)
            return b''
        try:
            return binascii.a2b_base64(
                memoryview(answer)[begin + len(_DATA_BEGIN):end])
        except binascii.Error as error:
            raise errors.ClientError(
                f'{self.where} does not answer with Base64: {error}',
                operation=operation) from error

    def _answer(self, operation: str, arguments: Mapping[str, Value],
                timeout_s: float | None,
                heard: Callable[[bytes], None] | None) -> bytes:
        body = self._message(operation, arguments)
        try:
            with self._connection(operation) as connection:
                answer = self._exchange(connection, body,
                                        timeout_s or self._timeout_s)
        except TimeoutError as error:
            raise errors.TimedOut(
                f'{self.where} gave no answer within '
                f'{timeout_s or self._timeout_s:g} seconds',
                operation=operation) from error
        except (http.client.HTTPException, OSError) as error:
            raise errors.ConnectionLost(
                f'the connection to {self.where} broke: '
                f'{error or type(error).__name__}',
                operation=operation) from error
        if heard is not None:
            heard(answer)
        return answer

    def _message(self, operation: str,
                 arguments: Mapping[str, Value]) -> bytes:
        return b''.join((
            _BEGIN.format(namespace=self._namespace,
                          operation=operation).encode(),
            *_arguments(arguments),
            _END.format(operation=operation).encode()))

    def close(self) -> None:
        """Close the connections that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _connection(self, operation: str,
                    ) -> Iterator[http.client.HTTPConnection]:
        with self._free:
            connection = self._idle_connection()
            if connection is None:
                connection = self._connect(operation)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if connection.sock is not None:
                with self._lock:
                    self._idle.append(connection)

    def _idle_connection(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # One that the service has closed can be read: its end.
            if not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def _connect(self, operation: str) -> http.client.HTTPConnection:
        host = self._url.hostname or ''
        connection = (
            http.client.HTTPSConnection(
                host, self._url.port, timeout=self._connect_timeout_s,
                context=self._tls)
            if self._url.scheme == 'https' else
            http.client.HTTPConnection(
                host, self._url.port, timeout=self._connect_timeout_s))
        try:
            with self._door:
                connection.connect()
                if self._greeting is not None:
                    self._exchange(connection, self._message(
                        self._greeting, {}),
                        min(self._connect_timeout_s, self._timeout_s))
        except ssl.SSLCertVerificationError as error:
            raise errors.CertificateRefused(
                f'the certificate of {self.where} is not trusted: '
                f'{error.verify_message}', operation=operation) from error
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            raise errors.Unreachable(
                f'{self.where} cannot be reached: '
                f'{getattr(error, "strerror", None) or error}',
                operation=operation) from error
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes,
                  timeout_s: float) -> bytes:
        connection.sock.settimeout(timeout_s)
        connection.request('POST', self._url.path or '/', body, _HEADERS)
        response = connection.getresponse()
        answer = response.read()
        if response.will_close:
            connection.close()
        if response.status not in (http.HTTPStatus.OK,
                                   http.HTTPStatus.INTERNAL_SERVER_ERROR):
            raise http.client.HTTPException(
                f'HTTP status {response.status} {response.reason}')
        return answer


def understood(where: str, operation: str,
               answer: bytes) -> ElementTree.Element:
    """Return the element that a service answers with.

    :raises Fault: the service refuses
    """
    try:
        # From the service that the operator has named.
        body = ElementTree.fromstring(answer).find(f'{_ENVELOPE}Body')  # noqa: S314
    except ElementTree.ParseError as error:
        raise errors.ClientError(
            f'{where} does not answer with SOAP: {error}',
            operation=operation) from error
    if body is None or not len(body):
        raise errors.ClientError(f'{where} answers with nothing',
                                 operation=operation)
    if body[0].tag == f'{_ENVELOPE}Fault':
        raise _fault(body[0])
    return body[0]


def _arguments(arguments: Mapping[str, Value]) -> Iterator[bytes]:
    for name, value in arguments.items():
        values = value if isinstance(value, list | tuple) else (value,)
        for item in values:
            yield f'<{name}>'.encode()
            yield _text(item)
            yield f'</{name}>'.encode()


def _text(value: str | int | bool | bytes) -> bytes:
    if isinstance(value, bool):
        return b'true' if value else b'false'
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False)
    return saxutils.escape(str(value)).encode()


def _fault(element: ElementTree.Element) -> Fault:
    detail = element.find('detail')
    kind, details = '', {}
    if detail is not None and len(detail):
        kind = detail[0].tag.rpartition('}')[2]
        details = {item.tag.rpartition('}')[2]: item.text or ''
                   for item in detail[0]}
    return Fault(element.findtext('faultstring', ''), kind, details)
