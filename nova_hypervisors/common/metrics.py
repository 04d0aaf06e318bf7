# SPDX-License-Identifier: Apache-2.0
"""What is counted and measured, in Prometheus' text form."""

from __future__ import annotations

import enum
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

import prometheus_client
from oslo_log import log as logging
from prometheus_client import metrics_core
from prometheus_client import registry

from nova_hypervisors.common import availability
from nova_hypervisors.common import resources

LOG = logging.getLogger(__name__)

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

_PREFIX = 'nova_hypervisors_'

# From a call of a web service to the copy of a disk.
_BUCKETS_S = (.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300,
              1800)

#: The values of a gauge's labels, and what it shows.
Samples = Iterable[tuple[tuple[str, ...], float]]


class Metrics:
    """Of one hypervisor, in a registry of its own.

    :param hypervisor: and the way to it: a column of the support matrix
    """

    def __init__(self, hypervisor: str) -> None:
        self._hypervisor = hypervisor
        self._registry = prometheus_client.CollectorRegistry()
        labels = ('hypervisor', 'operation')
        self._calls = prometheus_client.Counter(
            f'{_PREFIX}calls', 'Calls of the hypervisor.', labels,
            registry=self._registry)
        self._errors = prometheus_client.Counter(
            f'{_PREFIX}errors', 'Calls that failed, by the class of error.',
            (*labels, 'error'), registry=self._registry)
        self._seconds = prometheus_client.Histogram(
            f'{_PREFIX}call_seconds', 'How long calls took.', labels,
            buckets=_BUCKETS_S, registry=self._registry)
        self._looked_up = prometheus_client.Counter(
            f'{_PREFIX}image_cache_lookups',
            'Images that were looked for in the cache.',
            ('hypervisor', 'result'), registry=self._registry)

    def observe(self, operation: str, seconds: float, error: str) -> None:
        """Count a call: see clients/telemetry.py."""
        self._calls.labels(self._hypervisor, operation).inc()
        self._seconds.labels(self._hypervisor, operation).observe(seconds)
        if error:
            self._errors.labels(self._hypervisor, operation, error).inc()

    def look_up(self, fetched: bool) -> None:
        """Count an image that was looked for: see clients/telemetry.py."""
        self._looked_up.labels(self._hypervisor,
                               'miss' if fetched else 'hit').inc()

    def show_hypervisor(
            self, standing: Callable[[], availability.Standing]) -> None:
        """Show whether it answers; nothing while that is not known."""
        def samples() -> Samples:
            state = standing().state
            if state is not availability.State.UNKNOWN:
                yield (), float(state is availability.State.ANSWERS)
        self._show('hypervisor_up', 'Whether the hypervisor answers.', (),
                   samples)

    def show_servers(self,
                     states: Callable[[], Mapping[str, enum.Enum]]) -> None:
        """Show servers' states, as they were seen last.

        :param states: returns them by the UUIDs of the servers
        """
        def samples() -> Samples:
            for server, state in states().items():
                yield (server, str(state.value)), 1
        self._show('server_state', 'The state of a server: 1.',
                   ('server', 'state'), samples)

    def show_nodes(self,
                   count: Callable[[], Mapping[tuple[str, bool], int]],
                   ) -> None:
        """Show how many nodes there are.

        :param count: returns it by provision state and maintenance
        """
        def samples() -> Samples:
            for (state, maintenance), number in count().items():
                yield (state, str(maintenance).lower()), number
        self._show('nodes', 'Nodes of bare metal.',
                   ('provision_state', 'maintenance'), samples)

    def show_sessions(self, count: Callable[[], int]) -> None:
        """Show how many sessions are open."""
        self._show('sessions', 'Open sessions.', (), lambda: [((), count())])

    def show_image_cache(self, folder: Path) -> None:
        """Show what is in a folder of ours, which need not be there."""
        def sizes() -> list[int]:
            return ([path.stat().st_size for path in folder.iterdir()]
                    if folder.exists() else [])
        self._show('image_cache_files', 'Files in the image cache.', (),
                   lambda: [((), len(sizes()))])
        self._show('image_cache_bytes', 'Their size.', (),
                   lambda: [((), sum(sizes()))])

    def show_spaces(self, seen: Callable[[], Mapping[str, resources.Space]],
                    ) -> None:
        """Show the space for disks, as it was seen last.

        :param seen: returns it by the names of the places
        """
        self._show('datastore_capacity_bytes', 'Its size.', ('datastore',),
                   lambda: [((name,), space.capacity)
                            for name, space in seen().items()])
        self._show('datastore_free_bytes', 'What of it is free.',
                   ('datastore',),
                   lambda: [((name,), space.free)
                            for name, space in seen().items()])

    def _show(self, name: str, description: str, labels: tuple[str, ...],
              samples: Callable[[], Samples]) -> None:
        self._registry.register(_Shown(
            f'{_PREFIX}{name}', description, ('hypervisor', *labels),
            lambda: [((self._hypervisor, *values), number)
                     for values, number in samples()]))

    def text(self) -> bytes:
        return prometheus_client.generate_latest(self._registry)


class _Shown(registry.Collector):
    """A gauge that is looked at when somebody asks."""

    def __init__(self, name: str, description: str, labels: tuple[str, ...],
                 samples: Callable[[], Samples]) -> None:
        self._name = name
        self._description = description
        self._labels = labels
        self._samples = samples

    def collect(self) -> Iterator[metrics_core.Metric]:
        gauge = metrics_core.GaugeMetricFamily(
            self._name, self._description, labels=self._labels)
        try:
            for labels, number in self._samples():
                gauge.add_metric(labels, number)
        except Exception as error:
            # What is counted of calls tells most when a database is gone.
            LOG.warning('%s cannot be told: %s', self._name, error)
        yield gauge
