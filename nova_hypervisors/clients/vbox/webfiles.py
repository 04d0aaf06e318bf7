# SPDX-License-Identifier: Apache-2.0
"""Files on the web service's host, where it has none in common with us.

Disks go through VirtualBox's own objects: IMediumIO writes into a disk of any
format and reads it, many at once; a medium of the format RAW is a file as it
is; IVFSExplorer lists a folder and deletes files.  What the service takes, in
one message, is less than 16 MiB, and IMediumIO reads at most 256 KiB at a
time (both seen with 7.2.22).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import uuid as uuid_module
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from pathlib import PurePath
from typing import BinaryIO

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import webexplorer
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webmachines
from nova_hypervisors.clients.vbox import webmedia
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

SECTOR = 512
_MB = 1 << 20

# One block of a growing VDI.
_WRITE = _MB
_READ = 256 * 1024
_ZEROS = bytes(_WRITE)

# Of a disk as a stream, in one answer.
_STREAM = 4 * _MB
# A stream that gives no byte for so long is stuck: without a limit the
# service would wait for ever.
_STREAM_WAIT_S = 30.0

# What is done at once, but for a host that is busy.
_SOON_S = 60.0

_PROBE = 'nova-hypervisors-probe'

# How often the host is measured, and how long the first time may take.
_METRIC_S = 1
_METRICS_WAIT_S = 10.0
_LOOK_S = 0.2

# Of a log, in one answer.
_LOG_CHUNK = 256 * 1024


class WebFiles:
    """:class:`.interface.HostFilesApi`."""

    _sessions: weblogon.WebSessions
    _copy_timeout_s: float
    _transfers: int

    @weblogon.changes
    def make_folder(self, web: WebSession, folder: PurePath) -> None:
        # VirtualBox makes the folder of a file that it makes.
        name = f'{_PROBE}-{uuid_module.uuid4()}'
        medium = _new_file(web, folder / name, SECTOR)
        web.wait(web.text('IMedium_deleteStorage', medium), 'make_folder',
                 _SOON_S)

    @weblogon.reads
    def list_files(self, web: WebSession,
                   folder: PurePath) -> Mapping[str, int]:
        return webexplorer.files(web, folder)

    @weblogon.changes
    def delete_file(self, web: WebSession, path: PurePath) -> None:
        with contextlib.suppress(errors.NotFound):
            webexplorer.delete(web, path.parent, [path.name])

    @weblogon.changes
    def upload_disk(self, web: WebSession, source: Path,
                    target: PurePath) -> None:
        medium = webmedia.new(web, target)
        web.wait(web.text('IMedium_createBaseStorage', medium,
                          logicalSize=_size(source), variant=['Standard']),
                 'upload_disk', _SOON_S)
        self._fill(web, medium, source)

    @weblogon.changes
    def upload_file(self, web: WebSession, source: Path,
                    target: PurePath) -> None:
        medium = _new_file(web, target, _size(source), self._copy_timeout_s)
        self._fill(web, medium, source)

    def _fill(self, web: WebSession, medium: str, source: Path) -> None:
        """Send what is in a file, and compare; a medium that fails is
        deleted."""
        try:
            self._send(web, medium, source)
            self._compare(web, medium, source)
        except BaseException:
            with contextlib.suppress(errors.ClientError):
                web.wait(web.text('IMedium_deleteStorage', medium),
                         'upload', _SOON_S)
            raise
        web.call('IMedium_close', medium)

    def _send(self, web: WebSession, medium: str, source: Path) -> None:
        with source.open('rb') as file, _opened(web, medium,
                                                writable=True) as target:

            def send(offset: int) -> None:
                data = os.pread(file.fileno(), _WRITE, offset)
                if data == _ZEROS[:len(data)]:
                    return
                written = int(web.text('IMediumIO_write', target,
                                       offset=offset, data=data))
                if written != len(data):
                    raise errors.DataDamaged(
                        f'{written} of {len(data)} bytes were written at '
                        f'{offset}', operation='upload')

            self._each(_data(file.fileno(), _WRITE), send)

    def _compare(self, web: WebSession, medium: str, source: Path) -> None:
        """Read back what was sent.

        :raises DataDamaged: it is not the same
        """
        # One that is used by several threads takes one call at a time.
        with source.open('rb') as file, contextlib.ExitStack() as stack:
            free = [stack.enter_context(_opened(web, medium, writable=False))
                    for _ in range(self._transfers)]

            def compare(offset: int) -> None:
                wanted = os.pread(file.fileno(), _READ, offset)
                if wanted == _ZEROS[:len(wanted)]:
                    return
                reader = free.pop()
                try:
                    found = web.data('IMediumIO_read', reader, offset=offset,
                                     size=len(wanted))
                finally:
                    free.append(reader)
                if found != wanted:
                    raise errors.DataDamaged(
                        f'what was sent has changed at {offset}',
                        operation='upload')

            self._each(_data(file.fileno(), _READ), compare)

    def _each(self, offsets: Iterator[int],
              function: Callable[[int], None]) -> None:
        """Call a function for each, in several threads; stop at an error."""
        end = time.monotonic() + self._copy_timeout_s
        lock = threading.Lock()
        failed = threading.Event()

        def work() -> None:
            while not failed.is_set():
                with lock:
                    offset = next(offsets, None)
                if offset is None:
                    return
                try:
                    if time.monotonic() > end:
                        raise errors.TimedOut(
                            'it was not done within '
                            f'{self._copy_timeout_s:g} seconds')
                    function(offset)
                except BaseException:
                    failed.set()
                    raise

        with futures.ThreadPoolExecutor(
                self._transfers, 'vbox-transfer') as pool:
            workers = [pool.submit(work) for _ in range(self._transfers)]
        for worker in workers:
            worker.result()

    @weblogon.changes
    def move_medium(self, web: WebSession, path: PurePath, folder: PurePath,
                    kind: api.DiskKind = api.DiskKind.DISK) -> None:
        medium = webmedia.opened(web, path, kind)
        # Of another name it takes the folder, and keeps the name (7.2.22).
        web.wait(web.text('IMedium_moveTo', medium,
                          location=str(folder / path.name)),
                 'move_medium', self._copy_timeout_s)
        web.call('IMedium_close', medium)

    @weblogon.reads
    def virtual_size(self, web: WebSession, path: PurePath) -> int:
        medium = webmedia.opened(web, path)
        size = int(web.text('IMedium_getLogicalSize', medium))
        with contextlib.suppress(errors.InUse):
            web.call('IMedium_close', medium)
        return size

    @weblogon.changes
    def download_disk(self, web: WebSession, source: PurePath,
                      target: Path) -> None:
        medium = webmedia.opened(web, source)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (os.fdopen(handle, 'wb') as file,
              _opened(web, medium, writable=False) as reader):
            answer = web.call(
                'IMediumIO_convertToStream', reader, format='VMDK',
                variant=['VmdkStreamOptimized'], bufferSize=_STREAM)
            stream = answer.findtext('stream', '')
            try:
                self._follow(web, stream, file)
            finally:
                web.release(stream)
            web.wait(answer.findtext(websession.RETURNED, ''),
                     'download_disk', _SOON_S)

    def _follow(self, web: WebSession, stream: str, file: BinaryIO) -> None:
        """Write a stream down; the service goes on meanwhile."""
        end = time.monotonic() + self._copy_timeout_s
        with futures.ThreadPoolExecutor(1, 'vbox-transfer') as pool:
            coming = pool.submit(_next, web, stream)
            while data := coming.result():
                if time.monotonic() > end:
                    raise errors.TimedOut(
                        'it was not done within '
                        f'{self._copy_timeout_s:g} seconds',
                        operation='download_disk')
                coming = pool.submit(_next, web, stream)
                file.write(data)

    @weblogon.reads
    def disk_space(self, web: WebSession,
                   folder: PurePath) -> api.DiskSpace | None:
        collector = web.text('IVirtualBox_getPerformanceCollector', web.root)
        host = web.text('IVirtualBox_getHost', web.root)
        end = time.monotonic() + _METRICS_WAIT_S
        spaces = _spaces(web, collector, host)
        if not spaces:
            web.texts('IPerformanceCollector_setupMetrics', collector,
                      metricNames=['FS/*'], objects=[host], period=_METRIC_S,
                      count=1)
        while not spaces and time.monotonic() < end:
            time.sleep(_LOOK_S)
            spaces = _spaces(web, collector, host)
        holding = [root for root in spaces
                   if folder.is_relative_to(type(folder)(root))]
        return spaces[max(holding, key=len)] if holding else None

    @weblogon.reads
    def serial_log(self, web: WebSession, uuid: str, count: int) -> bytes:
        machine = web.machine(uuid)
        path = webmachines.serial_log(web, machine)
        try:
            size = webexplorer.files(web, path.parent).get(path.name, 0)
        except errors.NotFound:
            return b''  # it was never started
        found = b''
        for offset in itertools.count(max(0, size - count), _LOG_CHUNK):
            data = web.data('IMachine_readLog', machine, offset=offset,
                            idx=webmachines.SERIAL_LOG_INDEX,
                            size=_LOG_CHUNK) if offset < size else b''
            if not data:
                break
            found += data
        return found


def _new_file(web: WebSession, path: PurePath, size: int,
              timeout_s: float = _SOON_S) -> str:
    """Make a file of zeros; return the reference to the medium that it is."""
    medium = web.text('IVirtualBox_createMedium', web.root, format='RAW',
                      location=str(path), accessMode='ReadWrite',
                      aDeviceTypeType='DVD')
    web.wait(web.text('IMedium_createBaseStorage', medium, logicalSize=size,
                      variant=['Fixed']), 'upload_file', timeout_s)
    return medium


def _size(source: Path) -> int:
    size = source.stat().st_size
    if size == 0 or size % SECTOR:
        raise errors.InvalidArgument(
            f'{source} has {size} bytes, which is no multiple of {SECTOR}',
            operation='upload')
    return size


@contextlib.contextmanager
def _opened(web: WebSession, medium: str, writable: bool) -> Iterator[str]:
    """Open a medium's content; it is locked meanwhile."""
    content = web.text('IMedium_openForIO', medium, writable=writable,
                       password='')
    try:
        yield content
    finally:
        with contextlib.suppress(errors.ClientError):
            web.call('IMediumIO_close', content)
        web.release(content)


def _data(handle: int, step: int) -> Iterator[int]:
    """Yield where a file has data, in steps from its beginning; no holes."""
    size = os.fstat(handle).st_size
    offset = 0
    while offset < size:
        try:
            begin = os.lseek(handle, offset, os.SEEK_DATA)
        except OSError:
            return  # a hole up to the end
        end = os.lseek(handle, begin, os.SEEK_HOLE)
        offset = max(offset, begin - begin % step)
        while offset < end:
            yield offset
            offset += step


def _next(web: WebSession, stream: str) -> bytes:
    """Return more of a stream, or nothing at its end."""
    return web.data('IDataStream_read', stream, size=_STREAM,
                    timeoutMS=int(_STREAM_WAIT_S * 1000))


def _spaces(web: WebSession, collector: str,
            host: str) -> dict[str, api.DiskSpace]:
    """Return what has been measured, by the roots of file systems."""
    answer = web.call('IPerformanceCollector_queryMetricsData', collector,
                      metricNames=['FS/*'], objects=[host])
    names, indices, lengths = (
        [item.text or '' for item in answer.iterfind(tag)] for tag in
        ('returnMetricNames', 'returnDataIndices', 'returnDataLengths'))
    values = [int(item.text or 0) for item in
              answer.iterfind(websession.RETURNED)]
    measured: dict[str, dict[str, int]] = {}
    for name, index, length in zip(names, indices, lengths, strict=True):
        # FS/{/}/Usage/Total; with an aggregate after a colon.
        root, _, quantity = name.removeprefix('FS/{').partition('}/Usage/')
        if quantity in ('Total', 'Free') and int(length):
            last = values[int(index) + int(length) - 1]
            measured.setdefault(root, {})[quantity] = last * _MB
    return {root: api.DiskSpace(found['Total'], found['Free'])
            for root, found in measured.items() if len(found) == 2}
