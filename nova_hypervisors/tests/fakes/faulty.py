# SPDX-License-Identifier: Apache-2.0
"""A client that fails at its N-th call, and only there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nova import exception

from nova_hypervisors.clients import errors

_FOR_EVER_S = 3600

_FAULT = 'injected fault'


def fails(act: Callable[[], object]) -> bool:
    """Do something; say whether it has failed by what was injected."""
    try:
        act()
    except (errors.ClientError, exception.NovaException) as error:
        if _FAULT not in str(error):
            raise
        return True
    return False


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
        self._name = None
        self._spared = 0
        self._at = at
        self._after = after
        self._error = errors.ClientError
        self._hang = hang

    def arm(self, at: int, after: bool = False,
            error: type[errors.ClientError] = errors.ClientError) -> None:
        """Begin to count anew."""
        self.calls.clear()
        self._at = at
        self._after = after
        self._error = error

    def fail(self, name: str, after: bool = False, spared: int = 0) -> None:
        """Let a call of a method fail, whatever comes before it.

        :param spared: how many calls of it go well first
        """
        self._error = errors.ClientError
        self._name = name
        self._spared = spared
        self._after = after

    def _is_next(self, name: str) -> bool:
        if name != self._name:
            return False
        self._spared -= 1
        if self._spared < 0:
            self._name = None
        return self._name is None

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self.calls.append(name)
            if not self._is_next(name) and len(self.calls) != self._at:
                return method(*args, **kwargs)
            if self._after:
                method(*args, **kwargs)
            if self._hang:
                self.hanging.set()
                time.sleep(_FOR_EVER_S)
            raise self._error(_FAULT, operation=name)

        return call
