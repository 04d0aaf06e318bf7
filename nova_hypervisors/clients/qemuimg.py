# SPDX-License-Identifier: Apache-2.0
"""qemu-img under supervision: it says how far it is, or it is ended.

By itself it waits for ever for a target that went away.  ``file.timeout`` of
its iSCSI driver does not help: it starts anew each time (QEMU 7.2).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import IO
from typing import cast

from nova_hypervisors.clients import errors

LOG = logging.getLogger(__name__)

# As "-p" prints it, over and over in one line.
_PROGRESS = re.compile(rb'\((\d+(?:\.\d+)?)/100%\)')
# How often it is seen whether to give up.
_LOOK_S = 0.2
_LOG_EVERY = 10.0

_PROGRAM = 'qemu-img'


class Supervisor:
    """:param silence_s: without progress until it is ended

    :param limit_s: until it is ended in any case
    :param on_progress: is told per cent
    :param cancelled: set to give up
    """

    def __init__(self, silence_s: float, limit_s: float, *,
                 on_progress: Callable[[float], None] | None = None,
                 cancelled: threading.Event | None = None,
                 program: str = _PROGRAM) -> None:
        self._silence_s = silence_s
        self._limit_s = limit_s
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._program = program

    def run(self, operation: str, *words: str, what: str,
            accept: Sequence[int] = (0,)) -> int:
        """Run an operation; return its status.

        :param what: for the log: the words may have an address in them
        :raises TimedOut: there was no progress, or the limit is over
        :raises Cancelled:
        :raises ClientError: it failed; or a class below it that says how
        """
        with tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    (self._program, operation, '-p', *words),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=err, start_new_session=True,
                    env={**os.environ, 'LC_ALL': 'C'})
            except OSError as error:
                raise errors.NotInstalled(
                    f'{self._program} cannot be run: {error.strerror}'
                ) from error
            try:
                self._follow(process, operation, what)
            finally:
                _end(process)
            err.seek(0)
            text = err.read().decode(errors='replace').strip()
        if process.returncode not in accept:
            raise error_for(text, operation)
        return process.returncode

    def _follow(self, process: subprocess.Popen[bytes], operation: str,
                what: str) -> None:
        begun = moved = time.monotonic()
        reached = logged = -1.0
        stdout = _stdout(process)
        os.set_blocking(stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while True:
                ready = bool(selector.select(_LOOK_S))
                percent = _read(stdout) if ready else None
                if ready and percent is None:
                    break
                now = time.monotonic()
                if percent is not None and percent > reached:
                    reached, moved = percent, now
                    logged = self._tell(what, operation, percent, logged)
                self._give_up(operation, reached, now - begun, now - moved)
        try:
            process.wait(self._silence_s)
        except subprocess.TimeoutExpired as error:
            raise errors.TimedOut('it does not end',
                                  operation=operation) from error

    def _tell(self, what: str, operation: str, percent: float,
              logged: float) -> float:
        if self._on_progress is not None:
            self._on_progress(percent)
        if percent < logged + _LOG_EVERY and percent < 100:
            return logged
        LOG.info('%s: %s %.0f %%', what, operation, percent)
        return percent

    def _give_up(self, operation: str, reached: float, passed_s: float,
                 silent_s: float) -> None:
        """:raises ClientError: there is no reason to go on"""
        at = f'at {max(reached, 0):.0f} %'
        if self._cancelled is not None and self._cancelled.is_set():
            raise errors.Cancelled(f'it was given up {at}',
                                   operation=operation)
        if silent_s > self._silence_s:
            raise errors.TimedOut(
                f'there was no progress for {self._silence_s:g} seconds '
                f'{at}, and it was ended', operation=operation)
        if passed_s > self._limit_s:
            raise errors.TimedOut(
                f'it was not done in {self._limit_s:g} seconds, only {at}, '
                'and it was ended', operation=operation)


def _read(stdout: IO[bytes]) -> float | None:
    """Return the last per cent of what there is, -1 for none; None: the end.

    """
    data = stdout.read(1 << 16)
    if data == b'':
        return None
    found = _PROGRESS.findall(data or b'')
    return float(found[-1]) if found else -1.0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    _stdout(process).close()


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast('IO[bytes]', process.stdout)


# What libiscsi and QEMU say, and what it means.
_MEANINGS: tuple[tuple[str, type[errors.ClientError]], ...] = (
    (r"Unknown (driver|protocol) '?iscsi", errors.NotInstalled),
    (r'Authoriz|Authentic|\(51[34]\)|CHAP', errors.AuthenticationFailed),
    (r'not found|No such|NOT_SUPPORTED|\(515\)', errors.NotFound),
    (r'refused|No route|unreachable|resolve|Failed to connect',
     errors.Unreachable),
    (r'No space left', errors.OutOfSpace),
)


def error_for(text: str, operation: str) -> errors.ClientError:
    """Make the error for what qemu-img printed.

    Without the options that it was called with: they say nothing to who
    reads the error, and have words in them that mean something else.
    """
    text = re.sub(r"'driver=.*?'(?=: )", 'the disk', text)
    for pattern, kind in _MEANINGS:
        if re.search(pattern, text, re.IGNORECASE):
            if kind is errors.NotInstalled:
                text = ('qemu-img here knows no iSCSI: install Debian\'s '
                        f'qemu-block-extra ({text})')
            return kind(text, operation=operation)
    return errors.ClientError(text or 'it failed and did not say why',
                              operation=operation)
