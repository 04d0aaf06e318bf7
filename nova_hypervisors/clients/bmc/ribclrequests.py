# SPDX-License-Identifier: Apache-2.0
"""How requests get to an iLO 4: proliantutils' one place for it, done again.

proliantutils sends them without a limit of time, checks no certificate unless
it is told of one, ignores the port in places, and asks a web server for an
image before it tells the iLO of it.
"""

from __future__ import annotations

import dataclasses
import ssl
from typing import Any

import requests
import requests.adapters
from proliantutils.ilo import ribcl
from proliantutils.ilo import ris

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Where an iLO is, and who we are.

    :param verify: a file with certificates to trust, or False for none
    :param tls_legacy: speak also TLS 1.0 and 1.1, and take keys and hashes
        that are broken today: firmware before 2.0 or so has nothing else
    :param timeout_s: of an answer
    """

    host: str
    user: str
    password: str = dataclasses.field(repr=False)
    port: int = 443
    verify: bool | str = True
    tls_legacy: bool = False
    connect_timeout_s: float = 10.0
    timeout_s: float = 60.0


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> Any:
        return super().init_poolmanager(
            *args, ssl_context=self._context, **options)

    def cert_verify(self, conn: Any, url: Any, verify: Any,
                    cert: Any) -> None:
        """Leave it to the context, which says how."""


def _context(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=access.verify if isinstance(access.verify, str) else None)
    if access.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.tls_legacy:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers('DEFAULT:@SECLEVEL=0')
        # Renegotiation as it was before RFC 5746.
        context.options |= 0x4
    return context


#: Where calls and answers are noted: see clients/recording.py.
LINE_SEAM = 'ilo4'
RIBCL_SEAM = 'ribcl'


class Line:
    """Sends requests to an iLO.  Each has a connection of its own."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.url = f'https://{access.host}:{access.port}'

    def send(self, method: str, path: str, **options: Any,
             ) -> requests.Response:
        """Return the answer, whatever it is."""
        recording.hide([self._access.password])
        with recording.call(LINE_SEAM, f'{method} {path}', lambda: {
                'body': options.get('data') or options.get('json')}) as noted:
            answer = self._send(method, path, options)
            noted.answer = {'status': answer.status_code,
                            'text': answer.text}
            return answer

    def _send(self, method: str, path: str,
              options: dict[str, Any]) -> requests.Response:
        access = self._access
        try:
            with requests.Session() as session:
                # No proxy, and no password from a file of somebody's.
                session.trust_env = False
                session.mount('https://', _Adapter(_context(access)))
                return session.request(
                    method, self.url + path, allow_redirects=False,
                    verify=access.verify is not False,
                    timeout=(access.connect_timeout_s, access.timeout_s),
                    **options)
        except requests.exceptions.SSLError as error:
            raise self._refused(error) from error
        except requests.exceptions.ReadTimeout as error:
            raise errors.TimedOut(
                f'{self.url} gave no answer within {access.timeout_s:g} '
                'seconds') from error
        except requests.exceptions.RequestException as error:
            raise errors.Unreachable(
                f'{self.url} cannot be reached: {type(error).__name__}',
            ) from error

    def _refused(self, error: Exception) -> errors.ClientError:
        if 'CERTIFICATE_VERIFY_FAILED' in str(error):
            return errors.CertificateRefused(
                f'{self.url} shows a certificate that is not to be trusted: '
                'name a file with who has signed it (ilo_verify_ca), or, if '
                'its key or its hash is too weak, allow that '
                '(ilo_tls_legacy)')
        return errors.CertificateRefused(
            f'{self.url} and we have no kind of TLS in common: old firmware '
            'has only such as is refused today; update it, or allow that for '
            f'this machine (ilo_tls_legacy): {error}')


class Ribcl(ribcl.RIBCLOperations):
    """RIBCL by a line of ours."""

    def __init__(self, access: Access) -> None:
        # A certificate, or proliantutils silences a warning for everybody.
        super().__init__(access.host, access.user, access.password,
                         access.timeout_s, access.port, cacert='')
        self._line = Line(access)

    def _request_ilo(self, root: Any, extra_headers: Any = None) -> str:
        answer = self._line.send(
            'POST', '/ribcl', data=self._serialize_xml(root).encode(),
            headers={'Content-Type': 'text/xml', **(extra_headers or {})})
        if answer.status_code != requests.codes.ok:
            raise errors.Unsupported(
                f'{self._line.url} answers {answer.status_code} to RIBCL, '
                'which iLO 6 has not and iLO 5 may have turned off: use '
                'redfish for those')
        return answer.text

    def _parse_output(self, xml_response: str) -> Any:
        with recording.call(RIBCL_SEAM, 'RIBCL', lambda: {
                'host': self.host}) as noted:
            noted.answer = {'text': xml_response}
            return super()._parse_output(xml_response)

    def insert_virtual_media(self, url: str, device: str = 'FLOPPY') -> Any:
        """Tell of an image, and ask nobody else for it before."""
        return self._execute_command(
            'INSERT_VIRTUAL_MEDIA', 'RIB_INFO', 'write',
            {'DEVICE': device, 'IMAGE_URL': url})


class Rest(ris.RISOperations):
    """What came before Redfish, by a line of ours."""

    def __init__(self, access: Access) -> None:
        super().__init__(access.host, access.user, access.password,
                         cacert='')
        self._access = access
        self._line = Line(access)

    def _rest_op(self, operation: str, suburi: str, request_headers: Any,
                 request_body: Any) -> tuple[int, Any, Any]:
        answer = self._line.send(
            operation, suburi, headers=request_headers, json=request_body,
            auth=(self._access.user, self._access.password))
        if answer.status_code == requests.codes.unauthorized:
            raise errors.AuthenticationFailed(
                f'{self._line.url} does not let us log on')
        try:
            return (answer.status_code, answer.headers,
                    answer.json() if answer.content else {})
        except ValueError as error:
            raise errors.ClientError(
                f'{self._line.url} gives an answer that is no JSON',
            ) from error
