# SPDX-License-Identifier: Apache-2.0
"""The real VirtualBox, drivers of it, and clocks."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nova.image import glance as nova_glance
from nova.virt import fake as nova_fake
from nova.virt import images as nova_images
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.common import devices
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers
from nova_hypervisors.tests.fakes import glance
from nova_hypervisors.tests.fakes import records as fake_records

BACKENDS = ('vboxmanage', 'webservice')

Figures = dict[str, float]


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def median_ms(call: Callable[[], object], count: int) -> float:
    call()
    return statistics.median(seconds(call) for _ in range(count)) * 1000


class TimedClient:
    """Stands before a client and keeps how long its methods have taken."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.spent: dict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.spent[name] += time.perf_counter() - begun

        return call


class Lab:
    """A registry of its own, VBoxManage and the web service for it."""

    def __init__(self) -> None:
        self.real = peers.RealVirtualBox(peers.short_folder('b'))
        self.service = webpeers.RealWebService(self.real)
        # Its own forwarder is for breaking connections, and takes its time.
        self.service.url = self.service.direct_url
        self.service.client.close()
        self.service.sessions = self.service.make_sessions()
        self.service.client._sessions = self.service.sessions
        self.folder = self.real.folder
        self._options = config_fixture.Config(conf.CONF)
        self._options.setUp()
        self.images = glance.FakeImageAPI(self.folder)
        nova_images.IMAGE_API = self.images
        nova_glance.API = lambda: self.images
        # Nova's data base is not what is measured.
        devices.Records = fake_records.FakeRecords

    def client(self, backend: str) -> Any:
        return (self.service.client if backend == 'webservice'
                else self.real.client)

    @contextlib.contextmanager
    def driver(self, backend: str, client: Any) -> Iterator[Any]:
        from nova_hypervisors.virtualbox import driver
        folder = self.folder / backend
        folder.mkdir(exist_ok=True)
        conf.CONF([], project='nova', default_config_files=[])
        builders.configure(
            self._options, folder, self.real.lab.vboxmanage, self.real.home,
            backend=backend, webservice_url=self.service.url,
            remote_display=False, state_poll_interval=3600)
        made = driver.VirtualBoxDriver(nova_fake.FakeVirtAPI(), client)
        made.init_host('here')
        yield made
        made.cleanup_host('here')

    def spawn(self, made: Any, image: str) -> Any:
        instance = builders.instance(image)
        made.spawn(builders.admin_context(), instance, builders.image_meta(),
                   [], '', {}, network_info=[builders.vif()])
        return instance

    def close(self) -> None:
        self._options.cleanUp()
        self.service.close()
        self.real.restart_vboxsvc()


_BODY = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:s="http://www.virtualbox.org/"><e:Body><s:%s>%s</s:%s></e:Body>'
    b'</e:Envelope>')


class BareService:
    """Sends bytes that are ready, and parses nothing."""

    def __init__(self, url: str) -> None:
        where = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname or '',
                                                      where.port)

    def call(self, operation: str, arguments: bytes) -> bytes:
        name = operation.encode()
        self._connection.request('POST', '/', _BODY % (name, arguments, name),
                                 {'Content-Type': 'text/xml'})
        response = self._connection.getresponse()
        data = response.read()
        if response.will_close:
            self._connection.close()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(data[:500])
        return data

    def value(self, operation: str, arguments: bytes) -> bytes:
        """Return the one value that it answers with, or nothing."""
        _, _, rest = self.call(operation, arguments).partition(b'<returnval>')
        return rest.partition(b'</returnval>')[0]

    def close(self) -> None:
        self._connection.close()


def element(name: str, value: object) -> bytes:
    return f'<{name}>{value}</{name}>'.encode()


def noise(path: Path, size_mb: int, data_mb: int) -> Path:
    """Make a sparse disk with data that nothing compresses."""
    with path.open('wb') as file, Path('/dev/urandom').open('rb') as random:
        for _ in range(data_mb):
            file.write(random.read(1 << 20))
        file.truncate(size_mb << 20)
    return path
