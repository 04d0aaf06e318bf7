# SPDX-License-Identifier: Apache-2.0
"""Keeping two operations on one instance apart."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Iterator

from oslo_concurrency import lockutils

# Much longer than anybody takes to look at all machines.
_REMEMBERED_S = 3600.0


class InstanceLocks:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: collections.Counter[str] = collections.Counter()
        self._released: dict[str, float] = {}

    @contextlib.contextmanager
    def hold(self, instance_uuid: str) -> Iterator[None]:
        with self._lock:
            self._users[instance_uuid] += 1
        try:
            with lockutils.lock(
                    f'nova-hypervisors-instance-{instance_uuid}'):
                yield
        finally:
            with self._lock:
                self._users[instance_uuid] -= 1
                self._note_release(instance_uuid)
                if not self._users[instance_uuid]:
                    del self._users[instance_uuid]

    def _note_release(self, instance_uuid: str) -> None:
        now = time.monotonic()
        self._released.pop(instance_uuid, None)
        self._released[instance_uuid] = now
        # The oldest is first.  Servers come and go for as long as we run.
        while next(iter(self._released.values())) < now - _REMEMBERED_S:
            del self._released[next(iter(self._released))]

    def is_busy(self, instance_uuid: str) -> bool:
        """Return whether an operation is going on, or about to."""
        return instance_uuid in self._users

    def quiet_since(self, instance_uuid: str, moment: float) -> bool:
        """Return whether no operation has changed an instance since then.

        :param moment: of time.monotonic()
        """
        return (instance_uuid not in self._users
                and self._released.get(instance_uuid, 0.0) < moment)
