# SPDX-License-Identifier: Apache-2.0
"""Running a program and waiting for its end, but never for ever."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from typing import Protocol

from nova_hypervisors.clients import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    returncode: int
    stdout: str
    stderr: str


class Interrupt:
    """Asks a program that runs to give up what it does, as Ctrl-C does.

    One that has just been started may not hear it, or end at once: ask
    again until it has ended.

    :ivar asked: whether it was asked
    """

    def __init__(self) -> None:
        self.asked = False
        self._process: subprocess.Popen[bytes] | None = None

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __call__(self) -> None:
        self.asked = True
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)


class Runner(Protocol):
    def __call__(self, argv: Sequence[str], timeout_s: float,
                 env: Mapping[str, str] | None = None,
                 interrupt: Interrupt | None = None) -> Completed: ...


def run(argv: Sequence[str], timeout_s: float,
        env: Mapping[str, str] | None = None,
        interrupt: Interrupt | None = None) -> Completed:
    """Run a program; end it, and what it started, after ``timeout_s``.

    The output goes to files instead of pipes.  The first VBoxManage starts
    VBoxSVC, a daemon that inherits the descriptors, and a pipe would not end
    before the daemon does.  A timer ends the program because waiting with a
    timeout polls, and most commands last no longer than one such poll.

    :raises NotInstalled: the program cannot be started
    :raises TimedOut: it was still running after ``timeout_s`` seconds
    """
    name = Path(argv[0]).name
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=env, start_new_session=True)
        except OSError as error:
            raise errors.NotInstalled(
                f'{argv[0]} cannot be run: {error.strerror}') from error
        if interrupt is not None:
            interrupt.follow(process)
        expired = threading.Event()
        timer = threading.Timer(timeout_s, _kill, (process, expired))
        timer.start()
        try:
            returncode = process.wait()
        finally:
            timer.cancel()
        if expired.is_set():
            raise errors.TimedOut(
                f'{name} gave no answer within {timeout_s:g} seconds and was '
                'ended')
        return Completed(returncode, _text(out), _text(err))


def _kill(process: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    text = file.read().decode('utf-8', errors='replace')
    return text.replace('\r\n', '\n')
