# SPDX-License-Identifier: Apache-2.0
"""Objects in OpenStack Swift, and temporary URLs for them.

Source: "Object expiration" and "Temporary URL middleware" in Swift's
documentation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import swiftclient
from keystoneauth1 import exceptions as keystone
from requests import exceptions as transport
from swiftclient import utils as swift_utils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import publishing

_KEY_HEADERS = ('x-account-meta-temp-url-key',
                'x-account-meta-temp-url-key-2')
_NOTE = 'x-object-meta-'

# The first that Swift allows: those of 2.30 and later allow no SHA-1 unless
# told to, older ones nothing else unless told to.
_DIGESTS = ('sha256', 'sha512', 'sha1')

_ERRORS: dict[int, type[errors.ClientError]] = {
    401: errors.AuthenticationFailed, 403: errors.Forbidden,
    404: errors.NotFound, 408: errors.TimedOut, 412: errors.AlreadyExists,
    413: errors.OutOfSpace, 502: errors.Unreachable,
    503: errors.Unreachable, 504: errors.TimedOut, 507: errors.OutOfSpace,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How to reach Swift.

    :param session: of keystoneauth, with the service's credentials; unless
        user, tenant_name, key and authurl of an API call say otherwise
    :param endpoint: the address that machines reach Swift at, if not that of
        the catalog: ``https://swift.example.org``
    :param temp_url_key: the key of the temporary URLs, if the account's own
        is not to be asked for
    :param set_temp_url_key: give the account a key if it has none
    :param timeout_s: of one answer
    :param retries: after a failure that may pass
    """

    session: Any = None
    region: str | None = None
    interface: str = 'public'
    endpoint: str = ''
    ca_file: str | None = None
    temp_url_key: str = dataclasses.field(default='', repr=False)
    set_temp_url_key: bool = False
    timeout_s: float = 60.0
    retries: int = 2


class SwiftAPI:
    """:param user: with tenant_name, key and authurl, instead of the session

    :param authurl: of Keystone, or of Swift's own authentication
        (``.../auth/v1.0``)
    """

    def __init__(self, settings: Settings, user: str | None = None,
                 tenant_name: str | None = None, key: str | None = None,
                 authurl: str | None = None) -> None:
        given = (user, tenant_name, key, authurl)
        if any(given) and not all(given):
            raise errors.InvalidArgument(
                'user, tenant_name, key and authurl of Swift go together: '
                'give all of them, or none for the credentials of the '
                'service')
        if settings.session is None and not authurl:
            raise errors.InvalidArgument(
                'there are neither credentials of the service for Swift nor '
                'user, tenant_name, key and authurl')
        self._settings = settings
        self._credentials: dict[str, Any] = {'session': settings.session}
        if authurl:
            self._credentials = _credentials(user, tenant_name, key, authurl)

    @contextlib.contextmanager
    def _connection(self, operation: str) -> Iterator[swiftclient.Connection]:
        """Yield a connection of this call's own: it is not thread-safe."""
        settings = self._settings
        options = self._credentials.get('os_options', {})
        connection = swiftclient.Connection(**{
            **self._credentials, 'cacert': settings.ca_file,
            'timeout': settings.timeout_s, 'retries': settings.retries,
            'os_options': {**options, 'region_name': settings.region,
                           'endpoint_type': f'{settings.interface}URL'}})
        with contextlib.closing(connection), _translated(operation):
            yield connection

    def upload_object(self, container: str, name: str, path: Path, *,
                      delete_after_s: int | None = None,
                      create_container: bool = False,
                      only_new: bool = False) -> str:
        headers = {}
        if delete_after_s is not None:
            headers['X-Delete-After'] = str(delete_after_s)
        if only_new:
            headers['If-None-Match'] = '*'
        with self._connection('upload') as swift:
            if create_container:
                swift.put_container(container)
            with path.open('rb') as file:
                return str(swift.put_object(
                    container, name, file, headers=headers,
                    content_length=path.stat().st_size))

    def delete_object(self, container: str, name: str) -> None:
        with self._connection('delete') as swift:
            swift.delete_object(container, name)

    def get_tmp_url(self, container: str, name: str, timeout_s: int) -> str:
        with self._connection('temporary URL') as swift:
            storage = urllib.parse.urlsplit(swift.get_auth()[0])
            path = f'{storage.path}/{container}/{name}'
            signed = swift_utils.generate_temp_url(
                path, timeout_s, self._temp_url_key(swift), 'GET',
                digest=_digest(swift))
        base = (self._settings.endpoint.rstrip('/')
                or f'{storage.scheme}://{storage.netloc}')
        # It is signed as Swift sees it, which is without any quoting.
        signed_path, _, query = signed.rpartition('?')
        return f'{base}{urllib.parse.quote(signed_path)}?{query}'

    def get_object(self, container: str, name: str) -> publishing.ObjectInfo:
        with self._connection('look') as swift:
            headers = swift.head_object(container, name)
        delete_at = headers.get('x-delete-at')
        return publishing.ObjectInfo(
            int(headers['content-length']),
            int(delete_at) if delete_at else None,
            {key.removeprefix(_NOTE): value
             for key, value in headers.items() if key.startswith(_NOTE)})

    def note(self, container: str, name: str,
             notes: dict[str, str]) -> None:
        headers = {f'{_NOTE}{key}': value for key, value in notes.items()}
        with self._connection('note') as swift:
            delete_at = swift.head_object(container, name).get('x-delete-at')
            if delete_at:
                # Swift drops it when metadata is written without it.
                headers['X-Delete-At'] = delete_at
            swift.post_object(container, name, headers)

    def sweep(self) -> None:
        """Swift's own expirer does it."""

    def _temp_url_key(self, swift: swiftclient.Connection) -> str:
        """:raises InvalidState: the account has none, and is given none"""
        if self._settings.temp_url_key:
            return self._settings.temp_url_key
        key = _find_key(swift)
        if key is None and self._settings.set_temp_url_key:
            swift.post_account({_KEY_HEADERS[0]: secrets.token_hex(32)})
            # Somebody else may have set another one at the same time.
            key = _find_key(swift)
        if key is None:
            raise errors.InvalidState(
                'the Swift account of these credentials shows no key for '
                'temporary URLs: set one with "openstack object store '
                'account set --property Temp-URL-Key=A-LONG-SECRET", or let '
                'the driver do so with [swift] set_temp_url_key',
                operation='temporary URL')
        return key


def _credentials(user: str | None, tenant_name: str | None, key: str | None,
                 authurl: str) -> dict[str, Any]:
    if '/auth/v1' in authurl:
        return {'authurl': authurl, 'user': f'{tenant_name}:{user}',
                'key': key, 'auth_version': '1'}
    return {'authurl': authurl, 'user': user, 'key': key,
            'tenant_name': tenant_name, 'auth_version': '3',
            'os_options': {'user_domain_name': 'Default',
                           'project_domain_name': 'Default'}}


def _find_key(swift: swiftclient.Connection) -> str | None:
    headers = swift.head_account()
    return next((headers[name] for name in _KEY_HEADERS
                 if headers.get(name)), None)


def _digest(swift: swiftclient.Connection) -> str:
    try:
        found = swift.get_capabilities().get('tempurl', {})
    except swiftclient.ClientException:
        # Operators may hide it.
        return _DIGESTS[0]
    allowed = found.get('allowed_digests', ('sha1',))
    return next((name for name in _DIGESTS if name in allowed), _DIGESTS[0])


@contextlib.contextmanager
def _translated(operation: str) -> Iterator[None]:
    """Make our errors; none of them has a URL, which may be signed."""
    operation = f'Swift, {operation}'
    begun = time.monotonic()
    try:
        yield
    except swiftclient.ClientException as error:
        kind = _ERRORS.get(error.http_status or 0, errors.ClientError)
        if error.http_status is None and 'nauthorized' in str(error.msg):
            kind = errors.AuthenticationFailed
        reason = error.http_reason or error.msg
        raise kind(f'{reason} (status {error.http_status})',
                   operation=operation, code=error.http_status) from None
    except (keystone.Unauthorized, keystone.MissingRequiredOptions) as error:
        raise errors.AuthenticationFailed(
            'Keystone refuses the credentials for Swift',
            operation=operation) from error
    except (keystone.SSLError, transport.SSLError) as error:
        raise errors.CertificateRefused(_cause(error),
                                        operation=operation) from None
    except (transport.Timeout, keystone.ConnectTimeout) as error:
        raise errors.TimedOut(
            f'no answer within {time.monotonic() - begun:.0f} seconds',
            operation=operation) from error
    except (transport.ConnectionError, keystone.ConnectFailure) as error:
        raise errors.Unreachable(_cause(error),
                                 operation=operation) from None
    except keystone.ClientException as error:
        raise errors.ClientError(type(error).__name__,
                                 operation=operation) from error


def _cause(error: BaseException) -> str:
    """Return what the system said: the outer texts have URLs."""
    found: BaseException = error
    while (inner := _inner(found)) is not None:
        found = inner
    return getattr(found, 'strerror', None) or type(found).__name__


def _inner(error: BaseException) -> BaseException | None:
    return next((arg for arg in (
        getattr(error, 'reason', None), error.__cause__, error.__context__,
        *error.args) if isinstance(arg, BaseException)), None)
