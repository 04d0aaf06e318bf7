# SPDX-License-Identifier: Apache-2.0
"""Telling somebody how the calls of a hypervisor went.

Who that is, a client does not know: it is handed a function, or none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar('T')

#: Is told the operation, how many seconds it took, and the class of its
#: error: '' if it had none.
Observer = Callable[[str, float, str], None]


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
