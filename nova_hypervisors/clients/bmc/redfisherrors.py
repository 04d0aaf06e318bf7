# SPDX-License-Identifier: Apache-2.0
"""What sushy raises, and what a BMC says, as errors of ours."""

from __future__ import annotations

import contextlib
import json
import types
from collections.abc import Iterator
from typing import Any

import requests.exceptions
from sushy import exceptions as sushy_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.bmc import imagefiles

#: Where answers are noted: see clients/recording.py.
SEAM = 'redfish'

# The last words of a message's identifier, of any registry: DMTF's Base, and
# makers' own (iLO.2.14.LicenseKeyRequired).
_MESSAGES = {
    'LicenseKeyRequired': errors.Unsupported,
    'LicenseRequired': errors.Unsupported,
    'ActionNotSupported': errors.Unsupported,
    'ActionParameterNotSupported': errors.Unsupported,
    'PropertyUnknown': errors.Unsupported,
    'PropertyNotWritable': errors.Unsupported,
    'OperationNotAllowed': errors.Forbidden,
    'InsufficientPrivilege': errors.Forbidden,
    'InvalidOperationForSystemState': errors.InvalidState,
    'ResourceInUse': errors.Busy,
    'ResourceInStandby': errors.Busy,
    'ServiceTemporarilyUnavailable': errors.Busy,
    'ServiceInUnknownState': errors.Busy,
    'SessionLimitExceeded': errors.Busy,
}
_STATUS = {
    401: errors.AuthenticationFailed,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Unsupported,
    409: errors.InvalidState,
    501: errors.Unsupported,
    503: errors.Busy,
}
_BAD_REQUEST = 400

_MISSING = (sushy_errors.MissingActionError,
            sushy_errors.MissingAttributeError,
            sushy_errors.InvalidParameterValueError,
            sushy_errors.ExtensionError,
            sushy_errors.OEMExtensionNotFoundError)


@contextlib.contextmanager
def translated(operation: str, where: str) -> Iterator[None]:
    """Raise errors of ours for what sushy raises.

    :param where: the BMC's address
    """
    try:
        yield
    except (sushy_errors.SushyError, ValueError,
            requests.exceptions.RequestException) as error:
        with recording.call(SEAM, operation, lambda: {
                'where': where}) as noted:
            if isinstance(error, sushy_errors.HTTPError):
                noted.answer = {'status': error.status_code, 'text': (
                    '' if error.body is None
                    else json.dumps({'error': error.body}))}
            raise _error(error, operation, where) from error


def understood(where: str, operation: str, status: int, text: str) -> None:
    """:raises ClientError: an answer is a refusal"""
    answer = types.SimpleNamespace(status_code=status,
                                   json=lambda: json.loads(text))
    try:
        sushy_errors.raise_for_response('', where, answer)
    except sushy_errors.HTTPError as error:
        raise _answer(error, operation, where) from error


def note(where: str, response: requests.Response) -> None:
    """Note what sushy has been answered."""
    if recording.current() is None:
        return
    request = response.request
    operation = f'{request.method} {request.path_url}'
    refusal = None
    try:
        understood(where, operation, response.status_code, response.text)
    except errors.ClientError as error:
        refusal = error
    recording.past(
        SEAM, operation, response.elapsed.total_seconds(),
        {'where': where, 'body': request.body},
        {'status': response.status_code, 'text': response.text}, refusal)


def _error(error: Exception, operation: str,
           where: str) -> errors.ClientError:
    if isinstance(error, sushy_errors.ConnectionError):
        return _connection(error, operation, where)
    if isinstance(error, sushy_errors.HTTPError):
        return _answer(error, operation, where)
    kind = (errors.Unsupported if isinstance(error, _MISSING)
            else errors.ClientError)
    return kind(f'{where}: {error}', operation=operation)


def _connection(error: Exception, operation: str,
                where: str) -> errors.ClientError:
    cause = error.__context__
    if isinstance(cause, requests.exceptions.SSLError):
        return errors.CertificateRefused(
            f'{where} shows a certificate that is not to be trusted, or '
            f'speaks no TLS that we do: {cause}', operation=operation)
    if isinstance(cause, requests.exceptions.ReadTimeout):
        return errors.TimedOut(f'{where} gave no answer in time',
                               operation=operation)
    return errors.Unreachable(
        f'{where} cannot be reached: {type(cause or error).__name__}',
        operation=operation)


def _answer(error: Any, operation: str, where: str) -> errors.ClientError:
    names = [message.get('MessageId', '')
             for message in error.extended_info or ()
             if isinstance(message, dict)]
    for name in (*names, str(error.code)):
        kind = _MESSAGES.get(name.rsplit('.', 1)[-1])
        if kind is not None:
            break
    else:
        kind = _STATUS.get(error.status_code, errors.ClientError)
        if error.status_code == _BAD_REQUEST:
            kind = errors.InvalidArgument
    return kind(f'{where} answers {error.status_code}: {_text(error)}',
                operation=operation, code=error.status_code,
                fault=next(iter(names), ''))


def _text(error: Any) -> str:
    said = [message.get('Message') or message.get('MessageId', '')
            for message in error.extended_info or ()
            if isinstance(message, dict)]
    return '; '.join(filter(None, said)) or error.detail or str(error.code)


def without(error: Exception, url: str) -> errors.ClientError:
    """Return an error of ours that has no secret of a URL in it."""
    try:
        with translated('insert_media', 'the BMC'):
            raise error
    except errors.ClientError as made:
        detail = made.detail.replace(url, imagefiles.without_secrets(url))
        return type(made)(detail, operation=made.operation, code=made.code,
                          fault=made.fault)
