# SPDX-License-Identifier: Apache-2.0
"""Saying on this host how nova-compute and its hypervisor are.

By HTTP, to who is on this host: ``/healthz`` for a monitor or an operator,
``/metrics`` for Prometheus.
"""

from __future__ import annotations

import http
import http.client
import ipaddress
import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from nova import exception
from oslo_config import cfg
from oslo_log import log as logging

from nova_hypervisors.common import availability
from nova_hypervisors.common import checks
from nova_hypervisors.common import metrics
from nova_hypervisors.transfer import https

LOG = logging.getLogger(__name__)

HEALTH = '/healthz'
METRICS = '/metrics'

_JSON = 'application/json'

# Who is on this host answers at once.
_ANSWER_S = 10.0
_LARGEST_ANSWER = 1 << 16

_Answer = tuple[int, str, bytes]


def findings(conf: cfg.ConfigOpts) -> Iterator[checks.Finding]:
    address = str(conf.health.listen_address)
    if not ipaddress.ip_address(address).is_loopback:
        yield checks.Finding(
            '[health] listen_address',
            f'{address} can be reached from elsewhere, and whoever asks is '
            'told everything: set 127.0.0.1 or ::1, and let a proxy that '
            'knows its clients pass on what others are to see')


def measured(conf: cfg.ConfigOpts, hypervisor: str) -> metrics.Metrics | None:
    """Return what is to be told of each call; None if nobody asks for it."""
    return metrics.Metrics(hypervisor) if conf.health.listen_port else None


class Endpoint:
    """:param port: 0: nothing is listened on"""

    def __init__(self, address: str, port: int,
                 standing: Callable[[], availability.Standing],
                 measures: metrics.Metrics | None) -> None:
        self._address = address
        self._port = port
        self._server = https.Server(address, port, 'health', _Handler, {
            HEALTH: lambda: _health(standing()),
            METRICS: lambda: (http.HTTPStatus.OK, metrics.CONTENT_TYPE,
                              measures.text() if measures else b'')})

    @classmethod
    def of(cls, conf: cfg.ConfigOpts, host: availability.Availability,
           measures: metrics.Metrics | None) -> Endpoint:
        if measures:
            measures.show_hypervisor(host.standing)
        return cls(str(conf.health.listen_address), conf.health.listen_port,
                   host.standing, measures)

    def start(self) -> None:
        """:raises InvalidConfiguration: it cannot listen there"""
        if not self._port:
            return
        try:
            self._server.start(None)
        except OSError as error:
            raise exception.InvalidConfiguration(
                f'[health] listen_port: {url(self._address, self._port)} '
                f'cannot be listened on ({error.strerror or error}): choose '
                'a port that nothing else has, another one for each '
                'nova-compute of this host, or 0') from error
        LOG.info('Health and metrics are told at %s',
                 url(self._address, self._port))

    def stop(self) -> None:
        self._server.stop()


def _health(standing: availability.Standing) -> _Answer:
    status = (http.HTTPStatus.SERVICE_UNAVAILABLE
              if standing.state is availability.State.GONE
              else http.HTTPStatus.OK)
    return status, _JSON, json.dumps({
        'process': 'alive', 'hypervisor': standing.state.value,
        'since': standing.since.isoformat(timespec='seconds'),
        'reason': standing.reason}).encode() + b'\n'


class _Handler(https.Handler):
    def do_GET(self) -> None:  # noqa: N802 http.server calls it so
        page = self.server.content.get(self.path.partition('?')[0])
        status, kind, data = page() if page else (
            http.HTTPStatus.NOT_FOUND, 'text/plain',
            f'there are {HEALTH} and {METRICS}\n'.encode())
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815


def url(address: str, port: int) -> str:
    where = f'[{address}]' if ':' in address else address
    return f'http://{where}:{port}'


def check(conf: cfg.ConfigOpts, results: checks.Results) -> None:
    """Ask the nova-compute that runs with this configuration."""
    group = conf.health
    address, port = str(group.listen_address), group.listen_port
    faults = list(findings(conf))
    if faults:
        results.report(faults)
        return
    if not port:
        results.fail('process', '[health] listen_port is 0, so nova-compute '
                     'cannot be asked: set a port, and start it anew')
        return
    try:
        found = _ask(address, port)
    except (OSError, http.client.HTTPException) as error:
        results.fail('process', f'nova-compute does not answer at '
                     f'{url(address, port)} ({error or type(error).__name__}):'
                     ' see whether it runs, and with this configuration')
        return
    if found.get('process') != 'alive':
        results.fail('process', f'what answers at {url(address, port)} is no '
                     'nova-compute of ours: see what has the port')
        return
    results.ok('process', f'it answers at {url(address, port)}')
    _report(found, results)


def _report(found: dict[str, Any], results: checks.Results) -> None:
    if found.get('hypervisor') == availability.State.ANSWERS.value:
        results.ok('hypervisor', f'it answers since {found.get("since")}')
        return
    results.fail('hypervisor',
                 f'it is {found.get("hypervisor")} since '
                 f'{found.get("since")}: {found.get("reason")}')


def _ask(address: str, port: int) -> dict[str, Any]:
    """Return what nova-compute says; nothing if it is somebody else."""
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_S)
    try:
        connection.request('GET', HEALTH)
        found = json.loads(connection.getresponse().read(_LARGEST_ANSWER))
    except ValueError:
        return {}
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}
