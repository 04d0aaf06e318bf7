# SPDX-License-Identifier: Apache-2.0
"""The machines, and what was last seen of them.

A list of hundreds cannot wait for hundreds of controllers: it shows what was
last seen, which a pool of threads keeps fresh.  Who asks for one machine gets
it as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent import futures
from typing import Protocol
from typing import TypeVar

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

LOG = logging.getLogger(__name__)

T = TypeVar('T')


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """:param uuid: of the machine, if it has one

    :param machine: returns its client; connects to nothing
    """

    name: str
    machine: Callable[[], api.Machine]
    uuid: str | None = None
    description: str = ''


# What a BMC that gives no answer may still take.
_STOP_S = 10.0

_NOTHING = api.Boot(None, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a machine.

    :param error: why it could not be asked; all else is unknown then
    """

    power: api.Power = api.Power.ERROR
    boot: api.Boot = _NOTHING
    devices: frozenset[api.BootDevice] = frozenset()
    mode: api.BootMode | None = None
    secure_boot: bool | None = None
    error: str = ''


UNSEEN = Seen(error='it was not asked yet')


class Inventory(Protocol):
    def __call__(self) -> Mapping[str, System]:
        """Return the systems there are now, by name."""


class Systems:
    """:param interval_s: between two looks at all machines

    :param workers: that look at the same time
    """

    def __init__(self, inventory: Inventory, interval_s: float = 30.0,
                 workers: int = 16) -> None:
        self._inventory = inventory
        self._interval_s = interval_s
        self._workers = workers
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        # A controller gets one call at a time.
        self._locks: dict[str, threading.RLock] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def all(self) -> list[System]:
        found = self._inventory()
        return [found[name] for name in sorted(found)]

    def get(self, name: str) -> System:
        """:raises MachineNotFound: there is none"""
        try:
            return self._inventory()[name]
        except KeyError:
            raise errors.MachineNotFound(
                f'there is no system {name}') from None

    def last_seen(self, system: System) -> Seen:
        return self._seen.get(system.name, UNSEEN)

    def look(self, system: System) -> Seen:
        """Ask a machine; an error of its controller is part of the answer."""
        try:
            with self.using(system) as machine:
                seen = Seen(
                    machine.power(), machine.boot(), machine.boot_devices(),
                    _unless_unsupported(machine.boot_mode),
                    _unless_unsupported(machine.secure_boot))
        except errors.ClientError as error:
            seen = Seen(error=str(error))
        with self._lock:
            self._seen[system.name] = seen
        return seen

    @contextlib.contextmanager
    def using(self, system: System) -> Iterator[api.Machine]:
        """Give a machine, to one at a time."""
        with self._lock:
            lock = self._locks.setdefault(system.name, threading.RLock())
        with lock:
            yield system.machine()

    # Keeping it fresh

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._watch, name='redfish-watch', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def look_at_all(self) -> None:
        with futures.ThreadPoolExecutor(self._workers,
                                        'redfish-look') as pool:
            list(pool.map(self.look, self.all()))

    def _watch(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self.look_at_all()
            except Exception:
                LOG.exception('The systems could not be looked at')
            left = self._interval_s - (time.monotonic() - begun)
            self._stop.wait(max(1.0, left))


def _unless_unsupported(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except errors.Unsupported:
        return None
