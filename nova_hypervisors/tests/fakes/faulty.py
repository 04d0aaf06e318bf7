# SPDX-License-Identifier: Apache-2.0
"""A client that fails at its N-th call, and only there."""

from __future__ import annotations

import threading
import time

from nova_hypervisors.clients import errors

_FOR_EVER_S = 3600


class FaultyClient:
    """Stands before a VBoxClient and counts its calls.

    :param at: the call that fails, counted from 1; 0 for none
    :param after: it is done first, and fails then
    :param hang: it gives no answer instead of failing
    """

    def __init__(self, client, at=0, after=False, hang=False) -> None:
        self.calls: list[str] = []
        self.hanging = threading.Event()
        self._client = client
        self._at = at
        self._after = after
        self._hang = hang

    def arm(self, at: int, after: bool = False) -> None:
        """Begin to count anew."""
        self.calls.clear()
        self._at = at
        self._after = after

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self.calls.append(name)
            if len(self.calls) != self._at:
                return method(*args, **kwargs)
            if self._after:
                method(*args, **kwargs)
            if self._hang:
                self.hanging.set()
                time.sleep(_FOR_EVER_S)
            raise errors.ClientError('injected fault', operation=name)

        return call
