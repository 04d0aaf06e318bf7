# SPDX-License-Identifier: Apache-2.0
"""Telling somebody how the calls of a hypervisor went.

Who that is, a client does not know: it is handed a function, or none.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import TypeVar
from typing import cast

T = TypeVar('T')

#: Is told the operation, how many seconds it took, and the class of its
#: error: '' if it had none.
Observer = Callable[[str, float, str], None]

#: Is told of each image that was looked for in a cache whether it had to be
#: fetched.
LookedUp = Callable[[bool], None]


def nobody(fetched: bool) -> None:
    """Be told, and do nothing."""


def class_of(error: Exception) -> str:
    return type(error).__name__


def observed(observe: Observer | None, operation: str,
             function: Callable[[], T],
             name: Callable[[Exception], str] = class_of) -> T:
    """Return what ``function`` returns, or raise what it raises.

    :param name: returns the class of an error
    """
    if observe is None:
        return function()
    begun = time.monotonic()
    failed = ''
    try:
        return function()
    except Exception as error:
        failed = name(error)
        raise
    finally:
        observe(operation, time.monotonic() - begun, failed)


def told_of(client: T, kind: str, calls: Collection[str],
            observe: Observer | None) -> T:
    """Return a client, whose calls are told of if anybody wants to know.

    For libraries that make many requests of one call, and tell nobody.

    :param kind: of client: ``redfish``, say; an operation is ``redfish.power``
    :param calls: the methods that are told of; all else is as it was
    """
    return client if observe is None else cast(
        T, _ToldOf(client, kind, calls, observe))


class _ToldOf:
    def __init__(self, client: Any, kind: str, calls: Collection[str],
                 observe: Observer) -> None:
        self._client = client
        self._kind = kind
        self._calls = calls
        self._observe = observe

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in self._calls:
            return found

        @functools.wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            return observed(self._observe, f'{self._kind}.{name}',
                            lambda: found(*args, **kwargs))
        return call
