# SPDX-License-Identifier: Apache-2.0
"""Images: converting them, and sending them to a host of its own.

What vboxwebsrv itself takes is measured with messages that are ready, over
each number of connections; the best of them is the limit.
"""

from __future__ import annotations

import base64
import statistics
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from benchmarks.virtualbox import measuring
from nova_hypervisors.clients.vbox import webmedia
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import images
from nova_hypervisors.tests import builders

_MB = 1 << 20
_CONNECTIONS = (1, 2, 4)


def measure_conversion(lab: measuring.Lab, data_mb: int,
                       count: int) -> measuring.Figures:
    raw = measuring.noise(lab.folder / 'image.raw', 4 * data_mb, data_mb)
    _partition(raw)
    image = lab.folder / 'image.qcow2'
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2',
                    str(raw), str(image)], check=True)
    raw.unlink()
    found = [_convert_once(lab, image, 4 * data_mb * _MB)
             for _ in range(count)]
    image.unlink()
    return {f'image of {data_mb} MB, {name} ms':
            statistics.median(one[name] for one in found) * 1000
            for name in found[0]}


def _partition(raw: Path) -> None:
    """Write a boot sector with a partition, as Nova's inspector wants it."""
    with raw.open('r+b') as file:
        file.seek(440)
        file.write(bytes(6) + bytes.fromhex('80010100830f0f0f') +
                   (1).to_bytes(4, 'little') + (1000).to_bytes(4, 'little') +
                   bytes(48) + b'\x55\xaa')


def _convert_once(lab: measuring.Lab, image: Path,
                  size: int) -> measuring.Figures:
    folder = lab.folder / uuid.uuid4().hex[:8]
    folder.mkdir()
    cache = imagecache.ImageCache(folder, 'vdi', 600)
    ref = lab.images.add('qcow2', image)
    made: list[Path] = []
    figures = {
        'by plain qemu-img': measuring.seconds(lambda: subprocess.run(
            ['qemu-img', 'convert', '-f', 'qcow2', '-O', 'vdi', str(image),
             str(folder / 'plain')], check=True)),
        'converted by us': measuring.seconds(lambda: images.convert(
            image, 'qcow2', folder / 'ours', 'vdi', virtual_size=size,
            timeout_s=600)),
        'downloaded, looked at, converted': measuring.seconds(
            lambda: made.append(cache.ensure(builders.admin_context(),
                                             ref)[0])),
        'copied to a base': measuring.seconds(
            lambda: cache.base(made[0], size // (1 << 30) + 1))}
    for path in folder.iterdir():
        path.unlink()
    return figures


def measure_transfers(lab: measuring.Lab, data_mb: int,
                      count: int) -> measuring.Figures:
    source = measuring.noise(lab.folder / 'disk.raw', 4 * data_mb, data_mb)
    found = [_transfer_once(lab, source, data_mb) for _ in range(count)]
    figures = {name: statistics.median(one[name] for one in found)
               for name in found[0]}
    for way in ('sent', 'read back', 'downloaded'):
        limit = max(value for name, value in figures.items()
                    if name.startswith(f'{way}, limit'))
        figures[f'{way}, of the limit'] = figures[f'{way} MB/s'] / limit
    source.unlink()
    return figures


def _transfer_once(lab: measuring.Lab, source: Path,
                   data_mb: int) -> measuring.Figures:
    client = lab.client('webservice')
    figures: measuring.Figures = {}
    target = lab.folder / f'{uuid.uuid4()}.vdi'

    def ours(web) -> None:
        medium = webmedia.new(web, target)
        web.wait(web.text('IMedium_createBaseStorage', medium,
                          logicalSize=source.stat().st_size,
                          variant=['Standard']), 'create', 60)
        figures['sent MB/s'] = data_mb / measuring.seconds(
            lambda: client._send(web, medium, source))
        figures['read back MB/s'] = data_mb / measuring.seconds(
            lambda: client._compare(web, medium, source))
        web.call('IMedium_close', medium)

    client._sessions.change(ours)
    here = lab.folder / 'down.vmdk'
    figures['downloaded MB/s'] = data_mb / measuring.seconds(
        lambda: client.download_disk(target, here))
    here.unlink()
    for connections in _CONNECTIONS:
        sent, read = _limits(lab, data_mb, connections)
        figures[f'sent, limit of {connections} MB/s'] = sent
        figures[f'read back, limit of {connections} MB/s'] = read
    figures['downloaded, limit of 1 MB/s'] = _stream_limit(lab, target,
                                                           data_mb)
    client.close_medium(target, delete=True)
    return figures


def _limits(lab: measuring.Lab, data_mb: int,
            connections: int) -> tuple[float, float]:
    """Return what goes up and down with messages that are ready."""
    client = lab.client('webservice')
    target = lab.folder / f'{uuid.uuid4()}.vdi'
    chunk = element_of(_random(_MB))
    result: list[float] = []

    def measure(web) -> None:
        medium = webmedia.new(web, target)
        web.wait(web.text('IMedium_createBaseStorage', medium,
                          logicalSize=data_mb * _MB, variant=['Standard']),
                 'create', 60)
        handle = web.text('IMedium_openForIO', medium, writable=True,
                          password='')
        this = measuring.element('_this', handle)
        result.append(data_mb / _parallel(
            lab, connections, range(0, data_mb * _MB, _MB),
            lambda bare, offset, _: bare.call(
                'IMediumIO_write', this + measuring.element(
                    'offset', offset) + chunk)))
        web.call('IMediumIO_close', handle)
        web.release(handle)
        readers = [web.text('IMedium_openForIO', medium, writable=False,
                            password='') for _ in range(connections)]
        result.append(data_mb / _parallel(
            lab, connections, range(0, data_mb * _MB, _MB // 4),
            lambda bare, offset, worker: bare.call(
                'IMediumIO_read', measuring.element('_this', readers[worker])
                + measuring.element('offset', offset)
                + measuring.element('size', _MB // 4))))
        for reader in readers:
            web.call('IMediumIO_close', reader)
            web.release(reader)
        web.wait(web.text('IMedium_deleteStorage', medium), 'delete', 60)

    client._sessions.change(measure)
    return result[0], result[1]


def _random(size: int) -> bytes:
    with Path('/dev/urandom').open('rb') as file:
        return file.read(size)


def element_of(data: bytes) -> bytes:
    return b'<data>%s</data>' % base64.b64encode(data)


def _parallel(lab: measuring.Lab, connections: int, offsets: range,
              call: Callable[[measuring.BareService, int, int], object],
              ) -> float:
    """Return the seconds that calls take, shared by some connections."""
    lock = threading.Lock()
    left = iter(offsets)

    def work(worker: int) -> None:
        bare = measuring.BareService(lab.service.url)
        while True:
            with lock:
                offset = next(left, None)
            if offset is None:
                return bare.close()
            call(bare, offset, worker)

    threads = [threading.Thread(target=work, args=(worker,))
               for worker in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def _stream_limit(lab: measuring.Lab, path: Path, data_mb: int) -> float:
    client = lab.client('webservice')
    result: list[float] = []

    def measure(web) -> None:
        reader = web.text('IMedium_openForIO', webmedia.opened(web, path),
                          writable=False, password='')
        bare = measuring.BareService(lab.service.url)
        begun = time.perf_counter()
        answer = web.call('IMediumIO_convertToStream', reader, format='VMDK',
                          variant=['VmdkStreamOptimized'],
                          bufferSize=4 * _MB)
        wanted = (measuring.element('_this', answer.findtext('stream', '')) +
                  measuring.element('size', 4 * _MB) +
                  measuring.element('timeoutMS', 30000))
        while bare.value('IDataStream_read', wanted):
            pass
        result.append(data_mb / (time.perf_counter() - begun))
        web.call('IMediumIO_close', reader)
        web.release(reader)
        bare.close()

    client._sessions.change(measure)
    return result[0]
