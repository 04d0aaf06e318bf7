# SPDX-License-Identifier: Apache-2.0
"""Files of datastores over HTTPS: /folder of a host.

Source: "Accessing Datastore Files Using URLs" of the vSphere Web Services SDK
programming guide.
"""

from __future__ import annotations

import contextlib
import http
import logging
import queue
import threading
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from typing import BinaryIO

import requests

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import transport

LOG = logging.getLogger(__name__)

# What is read ahead of the network, at the most: 4 MiB.
_BLOCK = 1 << 20
_AHEAD = 4

#: Where answers are noted: see clients/recording.py.
SEAM = 'vsphere-file'

_DONE = (http.HTTPStatus.OK, http.HTTPStatus.CREATED,
         http.HTTPStatus.NO_CONTENT)
_REFUSED = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)

# A source that stops is given up after so long.
_SOURCE_S = 300.0


class Stream:
    """What is sent, read by a thread of its own while it is sent.

    Its length is known before: a host does not take chunks.

    :raises DataDamaged: (when iterated) the source is shorter or longer
    :ivar sent: bytes
    :ivar error: what the source has raised
    """

    def __init__(self, data: api.Readable, size: int,
                 timeout_s: float | None = None) -> None:
        self._data = data
        self._size = size
        self._timeout_s = timeout_s or _SOURCE_S
        self._blocks: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
        self._ended = threading.Event()
        self.sent = 0
        self.error: BaseException | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        threading.Thread(target=self._read, name='vsphere-upload',
                         daemon=True).start()
        try:
            while block := self._next():
                self.sent += len(block)
                if self.sent > self._size:
                    raise errors.DataDamaged(
                        f'there is more data than the {self._size} bytes '
                        'that were announced')
                yield block
        finally:
            self._ended.set()
        if self.sent < self._size:
            raise errors.DataDamaged(
                f'the data ended after {self.sent} of {self._size} bytes')

    def _next(self) -> bytes:
        try:
            block = self._blocks.get(timeout=self._timeout_s)
        except queue.Empty:
            raise errors.TimedOut(
                f'no data came for {self._timeout_s:g} seconds') from None
        if isinstance(block, BaseException):
            raise block
        return block

    def _read(self) -> None:
        try:
            while block := self._data.read(_BLOCK):
                self._put(block)
                if self._ended.is_set():
                    return
            self._put(b'')
        except BaseException as error:
            self.error = error
            self._put(error)

    def _put(self, block: bytes | BaseException) -> None:
        while not self._ended.is_set():
            try:
                return self._blocks.put(block, timeout=1)
            except queue.Full:
                pass
        return None


class Folder:
    """The files of a host's datastores.

    :param log_in: called when the host says that nobody is logged in
    """

    def __init__(self, link: transport.Link,
                 log_in: Callable[[], None]) -> None:
        self._link = link
        self._log_in = log_in

    def upload(self, datacenter: str, path: api.DatastorePath,
               data: api.Readable, size: int) -> None:
        """Write a file and check that it has its size.

        What is left of it after an error is the caller's.

        :raises DataDamaged: the data or the file has another size
        """
        url = _url(datacenter, path)
        # The data can be read once only: a session that has ended is to be
        # noticed before.
        self.size(datacenter, path)
        answer = send(self._link, url, 'upload', Stream(data, size))
        check(answer, 'upload', path)
        found = self.size(datacenter, path)
        if found != size:
            raise errors.DataDamaged(
                f'{path} has {found} bytes of {size}', operation='upload')

    def size(self, datacenter: str, path: api.DatastorePath) -> int | None:
        """Return the size of a file; None: there is none."""
        answer = self._ask('HEAD', _url(datacenter, path), {})
        if answer.status_code == http.HTTPStatus.NOT_FOUND:
            return None
        check(answer, 'HEAD', path)
        return int(answer.headers.get('Content-Length', -1))

    def download(self, datacenter: str, path: api.DatastorePath,
                 target: BinaryIO) -> int:
        """Write a file's bytes into another; return how many.

        :raises DataDamaged: they are not as many as were announced
        """
        with self.reading(datacenter, path) as (_, blocks):
            return sum(target.write(block) for block in blocks)

    @contextlib.contextmanager
    def reading(self, datacenter: str, path: api.DatastorePath,
                ) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """Yield the announced size of a file and its bytes, as they come.

        :raises DataDamaged: (when iterated) they are not as many
        """
        with self._ask('GET', _url(datacenter, path), {},
                       stream=True) as answer:
            check(answer, 'download', path)
            announced = answer.headers.get('Content-Length')
            size = None if announced is None else int(announced)
            yield size, self._blocks(answer, path, size)

    def _blocks(self, answer: requests.Response, path: api.DatastorePath,
                announced: int | None) -> Iterator[bytes]:
        size = 0
        try:
            for block in answer.iter_content(_BLOCK):
                size += len(block)
                yield block
        except requests.RequestException as error:
            raise self._link.error(error, 'download',
                                   self._link.timeout_s) from error
        if announced is not None and size != announced:
            raise errors.DataDamaged(
                f'{path} ended after {size} of {announced} bytes',
                operation='download')

    def end(self, datacenter: str, path: api.DatastorePath,
            limit: int) -> bytes:
        """Return the last bytes of a file."""
        with self._ask('GET', _url(datacenter, path),
                       {'Range': f'bytes=-{limit}'}, stream=True) as answer:
            if answer.status_code == (
                    http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
                # It is empty.
                return b''
            if answer.status_code != http.HTTPStatus.PARTIAL_CONTENT:
                check(answer, 'download', path)
            kept = b''
            try:
                # All of it, where ranges are not known.
                for block in answer.iter_content(_BLOCK):
                    kept = (kept + block)[-limit:]
            except requests.RequestException as error:
                raise self._link.error(error, 'download',
                                       self._link.timeout_s) from error
        return kept

    def _ask(self, method: str, url: str, headers: dict[str, str], *,
             stream: bool = False) -> requests.Response:
        answer = self._link.request(method, url, method, None, headers,
                                    stream=stream)
        if answer.status_code != http.HTTPStatus.UNAUTHORIZED:
            return answer
        answer.close()
        self._log_in()
        return self._link.request(method, url, method, None, headers,
                                  stream=stream)


def send(link: transport.Link, url: str, operation: str, stream: Stream,
         method: str = 'PUT', **headers: str) -> requests.Response:
    """Send a stream; what its source raises is raised as it was."""
    try:
        return link.send(url, operation, stream, method, **headers)
    except errors.ClientError as error:
        if stream.error is not None:
            raise stream.error from error
        raise


def _url(datacenter: str, path: api.DatastorePath) -> str:
    query = urllib.parse.urlencode({'dcPath': datacenter,
                                    'dsName': path.datastore})
    return f'/folder/{urllib.parse.quote(path.file)}?{query}'


def check(answer: requests.Response, operation: str,
          path: api.DatastorePath | str) -> None:
    """:raises ClientError: the status is not one of success"""
    with recording.call(SEAM, operation, lambda: {
            'path': str(path)}) as noted:
        noted.answer = {'status': answer.status_code, 'reason': answer.reason}
        judge(answer.status_code, answer.reason, operation, path)


def judge(status: int, reason: str, operation: str,
          path: api.DatastorePath | str) -> None:
    """:raises ClientError: the status is not one of success"""
    if status in _DONE:
        return
    said = f'{path}: HTTP status {status} {reason}'
    if status == http.HTTPStatus.NOT_FOUND:
        raise errors.MediumNotFound(said, operation=operation)
    if status in _REFUSED:
        raise errors.Forbidden(said, operation=operation)
    if status == http.HTTPStatus.INSUFFICIENT_STORAGE:
        raise errors.OutOfSpace(said, operation=operation)
    raise errors.ClientError(said, operation=operation)
