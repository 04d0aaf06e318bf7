# SPDX-License-Identifier: Apache-2.0
"""Taking back what was done before something failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Undo(contextlib.ExitStack):
    """Calls in reverse what was added, unless all went well.

    ``pop_all()`` says that all went well.  What fails here is logged, and the
    error that began it goes on.
    """

    def add(self, function: Callable[..., Any], *args: Any,
            **kwargs: Any) -> None:
        """Add what takes back the next step.

        It is added before that step, which may fail after half of it: so it
        must be right also when there is nothing to take back.
        """
        self.callback(_quietly, function, args, kwargs)


def _quietly(function: Callable[..., Any], args: tuple[Any, ...],
             kwargs: dict[str, Any]) -> None:
    try:
        function(*args, **kwargs)
    except Exception:
        LOG.exception('Something could not be undone')
