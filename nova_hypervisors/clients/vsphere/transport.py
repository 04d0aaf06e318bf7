# SPDX-License-Identifier: Apache-2.0
"""The HTTPS connections to a host: of SOAP calls, /folder and /nfc."""

from __future__ import annotations

import http.cookiejar
import re
import ssl
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import requests
import urllib3.exceptions

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording

_CONNECTIONS = 16
_SESSION = re.compile(r'vmware_soap_session=[^;,]+')


class Link:
    """A host, and how it is trusted.

    :param ca_file: whose certificates are trusted; None: those that the
        system trusts
    :param insecure: no certificate is checked
    :param connect_timeout_s: limit of making a connection
    :param timeout_s: limit of an answer
    """

    def __init__(self, host: str, port: int = 443, *,
                 ca_file: str | None = None, insecure: bool = False,
                 connect_timeout_s: float = 10.0,
                 timeout_s: float = 60.0) -> None:
        self.host = host
        self.port = port
        self.ca_file = ca_file
        self.insecure = insecure
        self.where = f'https://{_in_url(host)}:{port}'
        self.connect_timeout_s = connect_timeout_s
        self.timeout_s = timeout_s
        # Given with each request: what the environment says of certificates
        # (REQUESTS_CA_BUNDLE) goes before what is said of a session.
        self._verify: bool | str = (
            False if insecure else ca_file or True)
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of nova-compute's environment is meant
        # for a host's own network.
        self._session.trust_env = False
        # A host gives everybody a session who comes without one: what other
        # threads are given while one logs in is not to be kept.
        self._session.cookies.set_policy(
            http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self._cookie = ''
        self._session.mount('https://', requests.adapters.HTTPAdapter(
            pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS))

    def remember(self, login: requests.Response) -> None:
        """Be known by the session of an answer from now on."""
        found = _SESSION.search(login.headers.get('Set-Cookie', ''))
        self._cookie = found.group(0) if found else ''
        recording.hide([self._cookie])

    def forget(self) -> None:
        """Be nobody."""
        self._cookie = ''

    def request(self, method: str, path: str, operation: str,
                timeout_s: float | None, headers: Mapping[str, str], *,
                anonymous: bool = False, **options: Any,
                ) -> requests.Response:
        """Send a request and return the answer, whatever its status.

        :param path: on the host, or an URL of its own
        :param timeout_s: of the answer, if it may take longer than others
        :param anonymous: not as who is logged in
        :raises InvalidArgument: the certificates to trust cannot be read
        :raises Unreachable: there is no connection; nothing was done
        :raises CertificateRefused: its certificate is not trusted
        :raises ConnectionLost: the connection broke; it may have been done
        :raises TimedOut: there is no answer; it may have been done
        """
        url = path if '://' in path else self.where + path
        limit = timeout_s or self.timeout_s
        if self._cookie and not anonymous:
            headers = {**headers, 'Cookie': self._cookie}
        try:
            return self._session.request(
                method, url, headers=headers, verify=self._verify,
                allow_redirects=False,
                timeout=(self.connect_timeout_s, limit), **options)
        except requests.RequestException as error:
            raise self.error(error, operation, limit) from error
        except OSError as error:
            # What requests says of a file that is not there.
            raise errors.InvalidArgument(
                f'the file {self.ca_file} with the certificates to trust '
                f'cannot be used: {error}', operation=operation) from error

    def send(self, path: str, operation: str, data: Iterable[bytes],
             method: str = 'PUT', **headers: str) -> requests.Response:
        """Send what is made while it is sent.

        :raises ClientError: also what making the data raises
        """
        return self.request(
            method, path, operation, None, data=data, headers={
                'Content-Type': 'application/octet-stream',
                **{name.replace('_', '-'): value
                   for name, value in headers.items()}})

    def error(self, error: Exception, operation: str,
              limit_s: float) -> errors.ClientError:
        """Say what an error of a connection means."""
        causes = _causes(error)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return errors.CertificateRefused(
                    f'the certificate of {self.where} is not trusted: '
                    f'{cause.verify_message}. Name a file with the '
                    'certificate that signed it (ca_file)',
                    operation=operation)
        if any(isinstance(cause, requests.ConnectTimeout
                          | urllib3.exceptions.NewConnectionError
                          | ssl.SSLError) for cause in causes):
            return errors.Unreachable(
                f'{self.where} cannot be reached: {_reason(causes[-1])}',
                operation=operation)
        if any(isinstance(cause, TimeoutError | requests.Timeout
                          | urllib3.exceptions.TimeoutError)
               for cause in causes):
            return errors.TimedOut(
                f'{self.where} gave no answer within {limit_s:g} seconds',
                operation=operation)
        return errors.ConnectionLost(
            f'the connection to {self.where} broke: {_reason(causes[-1])}',
            operation=operation)

    def close(self) -> None:
        self._session.close()


def _in_url(host: str) -> str:
    return f'[{host}]' if ':' in host else host


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error with all that led to it, the first cause last.

    requests and urllib3 wrap in arguments and in ``reason``, too.
    """
    found: list[BaseException] = []
    todo = [error]
    while todo:
        one = todo.pop(0)
        if one is not None and one not in found:
            found.append(one)
            todo += [*(item for item in one.args
                       if isinstance(item, BaseException)),
                     getattr(one, 'reason', None)
                     if isinstance(getattr(one, 'reason', None),
                                   BaseException) else None,
                     one.__cause__, one.__context__]
    return found


def _reason(error: BaseException) -> str:
    return getattr(error, 'strerror', None) or str(
        error) or type(error).__name__
