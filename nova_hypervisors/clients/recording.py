# SPDX-License-Identifier: Apache-2.0
"""Keeping what went over the wire during an operation, in case it fails.

Whoever begins an operation says so with :func:`recording`; the clients note
their calls where these leave them.  Without a recorder a call is noted by
nobody, and costs nothing worth measuring.  A thread that an operation starts
has no recorder, as it has none of its context variables.

Notes are what was sent, secrets and all: what leaves this process goes
through :mod:`.redaction`.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

#: The calls that are kept of an operation: its last.
MOST_CALLS = 200


@dataclasses.dataclass(slots=True, eq=False)
class Call:
    """One exchange with a hypervisor.

    :ivar seam: where it was noted, and so who can understand it again: a key
        of :data:`.replaying.SEAMS`
    :ivar request: what was sent, as JSON has it or bytes; None if that is
        none of a bundle's business
    :ivar answer: the same of what came back; None: nothing did
    :ivar at_s: when it began, in seconds since the operation did
    :ivar error: what was raised
    :ivar typed: what the client makes of it, if that is another
    """

    seam: str
    operation: str
    request: Any = None
    answer: Any = None
    at_s: float = 0.0
    seconds: float = 0.0
    error: Exception | None = None
    typed: Exception | None = None


class Recorder:
    """The calls of one operation.

    :ivar secrets: texts that passed a client and are to be seen by nobody
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._count = 0
        self.calls: collections.deque[Call] = collections.deque(
            maxlen=MOST_CALLS)
        self.secrets: set[str] = set()

    @property
    def seconds(self) -> float:
        return self._clock() - self._begun

    @property
    def dropped(self) -> int:
        """How many calls were made before those that are kept."""
        return self._count - len(self.calls)

    @contextlib.contextmanager
    def noted(self, call: Call) -> Iterator[Call]:
        call.at_s = self.seconds
        self._count += 1
        self.calls.append(call)
        try:
            yield call
        except Exception as error:
            call.error = error
            raise
        finally:
            call.seconds = call.seconds or self.seconds - call.at_s


_RECORDER: contextvars.ContextVar[Recorder | None] = contextvars.ContextVar(
    'recorder', default=None)


def current() -> Recorder | None:
    """Return who keeps the calls of this thread's operation."""
    return _RECORDER.get()


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Keep this thread's calls."""
    before = _RECORDER.set(recorder)
    try:
        yield
    finally:
        _RECORDER.reset(before)


@contextlib.contextmanager
def call(seam: str, operation: str,
         request: Callable[[], Any] = lambda: None) -> Iterator[Call]:
    """Note a call, and how it ends; who makes it sets its ``answer``.

    :param request: is asked only if the call is kept
    """
    made = Call(seam, operation)
    recorder = current()
    if recorder is None:
        yield made
        return
    made.request = request()
    with recorder.noted(made):
        yield made


def past(seam: str, operation: str, seconds: float, request: Any,
         answer: Any, typed: Exception | None) -> None:
    """Note a call of a library that tells of it when it is over."""
    recorder = current()
    if recorder is not None:
        with recorder.noted(Call(seam, operation, request, answer,
                                 typed=typed)) as made:
            made.seconds = seconds
            made.at_s -= seconds


def name(error: Exception, typed: Exception, operation: str) -> None:
    """Say what a noted error has become, and in which operation."""
    recorder = current()
    for made in reversed(recorder.calls if recorder else ()):
        if made.error is error:
            made.typed, made.operation = typed, operation
            return


def hide(secrets: Iterable[str]) -> None:
    """Say what is to be seen by nobody."""
    recorder = current()
    if recorder is not None:
        recorder.secrets.update(filter(None, secrets))
