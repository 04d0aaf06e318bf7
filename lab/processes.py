# SPDX-License-Identifier: Apache-2.0
"""The lab's servers, each with a pid file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from lab import layout
from lab import progress


class Processes:
    """Starts servers and stops those that it started, and no other.

    A pid file holds the process ID and when that process was started, so
    that a number that came round again is not taken for ours.
    """

    def __init__(self, lab: layout.Layout) -> None:
        self._lab = lab

    def log(self, name: str) -> Path:
        return self._lab.logs / f'{name}.log'

    def is_alive(self, name: str) -> bool:
        return self._pid(name) is not None

    def names(self) -> list[str]:
        """Return those that are alive."""
        return [path.stem for path in sorted(self._lab.run.glob('*.pid'))
                if self.is_alive(path.stem)]

    def start(self, name: str, argv: Sequence[str | Path],
              env: Mapping[str, str] | None = None) -> None:
        """Start a server, unless it is there."""
        if self.is_alive(name):
            return
        with self.log(name).open('ab') as output:
            process = subprocess.Popen(
                [str(word) for word in argv], env=env, cwd='/',
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)
        self._file(name).write_text(
            f'{process.pid} {_started(process.pid)}\n')

    def require(self, name: str) -> None:
        """:raises LabError: the server has ended"""
        if not self.is_alive(name):
            raise progress.LabError(f'{name} has ended', self.log(name))

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a server and all that it has started."""
        pid = self._pid(name)
        if pid is not None:
            _signal(pid, number)

    def stop(self, names: Sequence[str], timeout_s: float) -> None:
        """Ask servers to end, all at once; kill those that do not."""
        pids = {name: pid for name in names
                if (pid := self._pid(name)) is not None}
        for pid in pids.values():
            _signal(pid, signal.SIGTERM)
        end = time.monotonic() + timeout_s
        for name, pid in pids.items():
            while _group_exists(pid):
                if time.monotonic() > end:
                    _signal(pid, signal.SIGKILL)
                time.sleep(0.1)
            self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._lab.run / f'{name}.pid'

    def _pid(self, name: str) -> int | None:
        try:
            pid, started = self._file(name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _started(int(pid)) == started else None


def _started(pid: int) -> str | None:
    """Return when a process was started, in clock ticks since the boot."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2]
    except OSError:
        return None
    words = fields.split()
    return None if words[0] == 'Z' else words[19]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _group_exists(pid: int) -> bool:
    # Our own children have to be waited for, or they stay as zombies.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
