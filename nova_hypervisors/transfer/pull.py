# SPDX-License-Identifier: Apache-2.0
"""Fetching files that another service hands out."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import hmac
import http.client
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.transfer import identity

_CHUNK = 1 << 20
_CONNECT_S = 10.0
_DIGEST_SIZE = hashlib.sha256().digest_size


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where files are handed out.

    :param fingerprint: of the certificate that it has to show
    """

    address: str
    port: int
    fingerprint: str
    token: str = dataclasses.field(repr=False)


class Incoming:
    """A file that is being fetched.

    :ivar size: of the file, in bytes
    """

    def __init__(self, answer: http.client.HTTPResponse,
                 end: float) -> None:
        self.size = self._left = (answer.length or 0) - _DIGEST_SIZE
        self._answer = answer
        self._end = end
        self._digest = hashlib.sha256()

    def read(self, count: int = _CHUNK) -> bytes:
        """Return the next bytes; b'' when all have come, as they were sent.

        :raises ConnectionLost: they are not what was sent
        """
        if time.monotonic() > self._end:
            raise TimeoutError
        if self._left <= 0:
            self._verify()
            return b''
        chunk = self._answer.read(min(count, self._left))
        if not chunk:
            raise http.client.IncompleteRead(b'', self._left)
        self._digest.update(chunk)
        self._left -= len(chunk)
        return chunk

    def _verify(self) -> None:
        if self._left < 0:
            return
        # Once: what is read again gets nothing.
        self._left = -1
        if not hmac.compare_digest(self._answer.read(_DIGEST_SIZE),
                                   self._digest.digest()):
            raise errors.ConnectionLost('what came is not what was sent',
                                        operation='pull')


def pull(source: Source, name: str, target: Path, *, timeout_s: float,
         ca_file: str | None = None) -> None:
    """Fetch a file; nobody else may read it.

    What is raised, see :func:`incoming`; no file is left then.
    """
    with incoming(source, name, timeout_s=timeout_s, ca_file=ca_file) as data:
        _receive(data, target)


@contextlib.contextmanager
def incoming(source: Source, name: str, *, timeout_s: float,
             ca_file: str | None = None) -> Iterator[Incoming]:
    """Begin to fetch a file.

    :param ca_file: who has to have signed the certificate, if anybody
    :raises CertificateRefused: it is not the source that answers
    :raises NotFound: it is not offered, or not any more
    :raises ConnectionLost: only a part of it came
    """
    end = time.monotonic() + timeout_s
    with _translated(f'{source.address}:{source.port}', name):
        connection = http.client.HTTPSConnection(
            source.address, source.port, timeout=_CONNECT_S,
            context=_context(ca_file))
        with contextlib.closing(connection):
            _connect(connection, source)
            connection.request('GET', f'/{name}', headers={
                'Authorization': f'Bearer {source.token}'})
            answer = connection.getresponse()
            if answer.status == http.client.BAD_GATEWAY:
                raise errors.ConnectionLost(
                    f'{source.address} cannot read {name} itself now: its '
                    'log says why', operation='pull')
            if answer.status != http.client.OK:
                raise errors.NotFound(
                    f'{source.address} does not hand out {name}, or not any '
                    f'more (status {answer.status})', operation='pull')
            yield Incoming(answer, end)


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The fingerprint says whose certificate it is.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca_file)
    return context


def _connect(connection: http.client.HTTPSConnection,
             source: Source) -> None:
    """Connect, and see that it is the right one before it gets the token."""
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise errors.CertificateRefused(str(error),
                                        operation='pull') from error
    except OSError as error:
        raise errors.Unreachable(
            f'{source.address}:{source.port}: {error.strerror or error}',
            operation='pull') from error
    shown = connection.sock.getpeercert(binary_form=True)
    if not hmac.compare_digest(identity.fingerprint(shown or b''),
                               source.fingerprint):
        raise errors.CertificateRefused(
            f'{source.address}:{source.port} shows another certificate than '
            'the one that was announced', operation='pull')


def _receive(data: Incoming, target: Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, 'wb') as file:
            while chunk := data.read():
                if any(chunk):
                    file.write(chunk)
                else:
                    file.seek(len(chunk), os.SEEK_CUR)
            file.truncate(data.size)
    except BaseException:
        target.unlink()
        raise


@contextlib.contextmanager
def _translated(where: str, name: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise errors.TimedOut(f'{where} did not send {name} in time',
                              operation='pull') from error
    except http.client.HTTPException as error:
        raise errors.ConnectionLost(f'{where} ended {name} early',
                                    operation='pull') from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.OutOfSpace(f'there is no room for {name}',
                                    operation='pull') from error
        raise errors.ConnectionLost(
            f'{name} from {where}: {error.strerror or error}',
            operation='pull') from error
