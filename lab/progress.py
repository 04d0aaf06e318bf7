# SPDX-License-Identifier: Apache-2.0
"""Showing what goes on, running commands, saying what went wrong."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

_SPINNER_S = 0.5


class LabError(Exception):
    """Something that the user has to know of.

    :param log: the file that tells more
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class Progress:
    """A line a step, with the seconds since the start.

    On a terminal the running step is shown with its time going on.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._lock = threading.Lock()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        with self._lock:
            self._clear()
            print(f'{self.elapsed_s:7.1f}s  {text}', flush=True)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step; a LabError inside gets the step's name."""
        begun = time.monotonic()
        done = threading.Event()
        if self._terminal:
            threading.Thread(target=self._spin, args=(name, begun, done),
                             daemon=True).start()
        try:
            yield
        except LabError as error:
            done.set()
            raise LabError(f'{name}: {error}', error.log) from error
        finally:
            done.set()
        self.say(f'{name} ({time.monotonic() - begun:.1f} s)')

    def shown(self, name: str, job: Callable[[], None],
              ) -> Callable[[], None]:
        """Return a job that is a step."""
        def with_step() -> None:
            with self.step(name):
                job()
        return with_step

    def _spin(self, name: str, begun: float, done: threading.Event) -> None:
        while not done.wait(_SPINNER_S):
            with self._lock:
                self._clear()
                print(f'{self.elapsed_s:7.1f}s  {name} ... '
                      f'{time.monotonic() - begun:.0f} s', end='', flush=True)

    def _clear(self) -> None:
        if self._terminal:
            print('\r\033[K', end='')


def run(argv: Sequence[str | Path], log: Path, *,
        env: Mapping[str, str] | None = None, cwd: Path | None = None,
        timeout_s: float = 1200) -> None:
    """Run a command with its output in a log.

    :raises LabError: it failed; names the log
    """
    command = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as output:
        output.write(f'$ {" ".join(command)}\n'.encode())
        output.flush()
        try:
            subprocess.run(command, check=True, env=env, cwd=cwd,
                           stdin=subprocess.DEVNULL, stdout=output,
                           stderr=subprocess.STDOUT, timeout=timeout_s)
        except subprocess.CalledProcessError as error:
            raise LabError(f'{command[0]} ended with status '
                           f'{error.returncode}', log) from error
        except subprocess.TimeoutExpired as error:
            raise LabError(f'{command[0]} was not done in {timeout_s:g} s',
                           log) from error
        except OSError as error:
            raise LabError(f'{command[0]}: {error.strerror}', log) from error


def output_of(argv: Sequence[str | Path],
              env: Mapping[str, str] | None = None) -> str:
    """Return what a command prints; nothing if it fails or is not there."""
    try:
        done = subprocess.run([str(word) for word in argv], check=False,
                              capture_output=True, text=True, timeout=120,
                              env=env)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout if done.returncode == 0 else ''


def together(*jobs: Callable[[], None]) -> None:
    """Run jobs at the same time; raise the first one's error."""
    errors: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def wait_until(what: str, condition: Callable[[], bool], timeout_s: float,
               log: Path | None = None, pause_s: float = 0.2) -> None:
    """:raises LabError: it did not come true in time"""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise LabError(f'{what} after {timeout_s:g} s', log)
        time.sleep(pause_s)
