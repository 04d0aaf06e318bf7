# SPDX-License-Identifier: Apache-2.0
"""Trying again, in the one place that does."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from nova_hypervisors.clients import errors

LOG = logging.getLogger(__name__)

T = TypeVar('T')


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How often and how soon a transient failure is tried again.

    :param count: tries after the first one
    :param interval_s: seconds between two tries
    """

    count: int = 3
    interval_s: float = 1.0
    sleep: Callable[[float], None] = time.sleep

    def call(self, function: Callable[[], T]) -> T:
        """Return what ``function`` returns, or raise what it last raised."""
        tries = 0
        while True:
            try:
                return function()
            except errors.ClientError as err:
                tries += 1
                left = max(self.count, err.least_tries) - tries
                if not (err.transient and self.count) or left < 0:
                    raise
                LOG.debug('%s; %d tries left', err, left)
            self.sleep(self.interval_s)


NEVER = Policy(count=0)
