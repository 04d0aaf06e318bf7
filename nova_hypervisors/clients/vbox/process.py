# SPDX-License-Identifier: Apache-2.0
"""The process of a running machine, and the processor time it has taken.

VirtualBox's own counters (``/TM/CPU/...`` in debugvm's statistics) stand still
while a guest does not halt and VirtualBox interprets it: for such a guest they
say zero.  The system's accounting is right for every execution engine.
"""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path

import psutil

from nova_hypervisors.clients import errors

# VirtualBox names the thread of each virtual processor, its emulation thread.
_PROCESSOR_THREAD = re.compile(r'EMT-(\d+)')


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """:param cpu_times_ns: of each virtual processor"""

    uptime_s: int
    cpu_times_ns: tuple[int, ...]


def usage(uuid: str, vcpus: int) -> Usage:
    """Return what a machine's process has taken since its start.

    :raises InvalidState: the machine does not run
    """
    try:
        process = _find(uuid)
        return Usage(int(time.time() - process.create_time()),
                     _cpu_times(process, vcpus))
    except psutil.NoSuchProcess as error:
        raise errors.InvalidState(f'machine {uuid} does not run',
                                  operation='statistics') from error


def _find(uuid: str) -> psutil.Process:
    for process in psutil.process_iter(['cmdline']):
        words = process.info['cmdline'] or []
        # VBoxHeadless, VirtualBoxVM, VBoxSDL: all are started like this.
        if '--startvm' in words[:-1] and (
                words[words.index('--startvm') + 1] == uuid):
            return process
    raise psutil.NoSuchProcess(0)


def _cpu_times(process: psutil.Process, vcpus: int) -> tuple[int, ...]:
    times = {}
    for thread in process.threads():
        name = _PROCESSOR_THREAD.fullmatch(_name(process.pid, thread.id))
        if name is not None:
            times[int(name[1])] = _ns(thread.user_time + thread.system_time)
    if not times:
        # A system that does not tell the names: all of it to the first.
        whole = process.cpu_times()
        times[0] = _ns(whole.user + whole.system)
    return tuple(times.get(index, 0) for index in range(vcpus))


def _name(pid: int, thread: int) -> str:
    try:
        return Path(f'/proc/{pid}/task/{thread}/comm').read_text().strip()
    except OSError:
        return ''


def _ns(seconds: float) -> int:
    return int(seconds * 10 ** 9)
