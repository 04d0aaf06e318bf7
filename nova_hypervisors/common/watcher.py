# SPDX-License-Identifier: Apache-2.0
"""Seeing what happens to machines without us.

A thread looks at the states of all machines every few seconds, or when it is
told to.  Differences become events for Nova, and the last look answers whoever
may be told what was true a moment ago.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Generic
from typing import TypeVar

from nova.virt import event as virtevent
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.common import availability
from nova_hypervisors.common import locks

LOG = logging.getLogger(__name__)

State = TypeVar('State')

# How often Nova is told what it does not expect, a look each time.
_REPEATS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Look(Generic[State]):
    """What was seen at a moment of time.monotonic(), by instance UUID."""

    at: float
    states: Mapping[str, State]


class Watcher(Generic[State]):
    """:param look: returns the states of our machines, by instance UUID

    :param events: what Nova calls it when a machine gets into a state; those
        that are not there it is not told
    :param emit: hands an event to Nova
    :param started: called with the UUID of an instance that came up
    :param host: is told after each look of the thread whether it went well
    :param probe: raises a ClientError at once where ``look`` would try for
        long, or would answer from what it remembers
    """

    #: the state of a machine that came up
    running: State
    #: the state from which coming up is going on
    paused: State | None = None

    def __init__(self, look: Callable[[], Mapping[str, State]],
                 events: Mapping[State, int],
                 instance_locks: locks.InstanceLocks, interval_s: float,
                 emit: Callable[[virtevent.LifecycleEvent], None],
                 started: Callable[[str], None] = lambda _: None,
                 host: availability.Availability | None = None,
                 probe: Callable[[], object] = lambda: None) -> None:
        self._states = look
        self._events = events
        self._locks = instance_locks
        self._interval_s = interval_s
        self._emit = emit
        self._started = started
        self._host = host
        self._probe = probe
        self._last: Look[State] = Look(0.0, {})
        self._known: dict[str, State] = {}
        self._expected: set[str] = set()
        self._unheard: collections.Counter[str] = collections.Counter()
        self._due = threading.Event()
        self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self._run, name='machine-watcher',
                         daemon=True).start()

    def stop(self) -> None:
        self._stopped = True
        self._due.set()

    def look_soon(self) -> None:
        """Look as soon as the thread comes to it."""
        self._due.set()

    def state(self, instance_uuid: str) -> State | None:
        """Return what was seen last, if it is still good."""
        last = self._last
        if self._is_fresh(last) and self._locks.quiet_since(
                instance_uuid, last.at):
            return last.states.get(instance_uuid)
        return None

    def states(self) -> Mapping[str, State]:
        """Return what was seen last of all of them, if it is still good."""
        last = self._last
        return last.states if self._is_fresh(last) else {}

    def _is_fresh(self, look: Look[State]) -> bool:
        return time.monotonic() - look.at < 2 * self._interval_s

    def expect(self, instance_uuid: str, state: State) -> None:
        """Say what Nova believes, where it differs from what will be seen.

        Nova does not listen before it is done with what it is doing, so it is
        told several times.
        """
        self._known[instance_uuid] = state
        self._expected.add(instance_uuid)

    def _run(self) -> None:
        failing = False
        while True:
            self._due.wait(self._interval_s)
            self._due.clear()
            if self._stopped:
                return
            try:
                self._probe()
                self.look()
                failing = False
                if self._host:
                    self._host.answers()
            except errors.ClientError as error:
                if self._host:
                    self._host.is_gone(error)
                # Once, not every few seconds.
                LOG.log(logging.DEBUG if failing else logging.WARNING,
                        'The states of machines cannot be seen: %s', error)
                failing = True
            except Exception:
                LOG.exception('Watching machines failed')

    def look(self) -> None:
        """Look once and tell Nova what is different."""
        at = time.monotonic()
        states = self._states()
        self._last = Look(at, states)
        for instance_uuid, state in states.items():
            # During an operation a state may be one on the way to another.
            if self._locks.quiet_since(instance_uuid, at):
                self._compare(instance_uuid, state)
        for gone in self._known.keys() - states.keys():
            del self._known[gone]
            del self._unheard[gone]
            self._expected.discard(gone)

    def _compare(self, instance_uuid: str, state: State) -> None:
        known = self._known.get(instance_uuid)
        expected = instance_uuid in self._expected
        self._known[instance_uuid] = state
        self._expected.discard(instance_uuid)
        if known is state:
            self._tell_again(instance_uuid, state)
            return
        self._unheard[instance_uuid] = _REPEATS if expected else 0
        if known is None or state not in self._events:
            return
        kind = self._events[state]
        if state is self.running:
            self._started(instance_uuid)
            if known is self.paused:
                kind = virtevent.EVENT_LIFECYCLE_RESUMED
        self._emit(virtevent.LifecycleEvent(instance_uuid, kind))

    def _tell_again(self, instance_uuid: str,
                    state: State) -> None:
        if self._unheard[instance_uuid] > 0 and state in self._events:
            self._unheard[instance_uuid] -= 1
            self._emit(virtevent.LifecycleEvent(instance_uuid,
                                                self._events[state]))
