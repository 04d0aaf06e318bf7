# SPDX-License-Identifier: Apache-2.0
"""VBoxSVC, the daemon behind every VBoxManage, when it does not answer.

It has been seen to hang for good: in the middle of a power-off, and when it
was ended while it started.  It ignores SIGTERM then, holds its lock, and every
later VBoxManage hangs or fails until somebody kills it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping

import psutil

LOG = logging.getLogger(__name__)

# A daemon that is younger may just be starting.
_SETTLED_S = 20.0

_END_S = 10.0

_ONE_AT_A_TIME = threading.Lock()

# The programs that are machines.
_MACHINES = ('VBoxHeadless', 'VirtualBoxVM', 'VBoxSDL')
_DAEMON = 'VBoxSVC'


def end_if_wedged(env: Mapping[str, str], asked_at: float) -> bool:
    """End the daemon of a registry of our own; say whether to ask again.

    Called when VirtualBox gave no answer.  Nothing is done while a machine
    runs, for its process would lose its daemon.  A daemon that has started
    since took the place of the one that gave none, and one that is young is
    given time: about one in a hundred of VirtualBox's programs takes ten
    seconds to end, in which it answers nobody (RTReqPoolRelease waits for an
    idle thread that has missed its call).

    :param env: VBOX_USER_HOME in it names the registry; without it the
        daemon is not ours alone, and is left to the operator
    :param asked_at: when, in seconds since the epoch
    """
    home = env.get('VBOX_USER_HOME')
    if home is None:
        LOG.error('VirtualBox gives no answer. If it stays so, and no machine '
                  'runs, end the process VBoxSVC: it starts again by itself.')
        return False
    if any(_with_name(home, *_MACHINES)):
        LOG.error('VirtualBox gives no answer, and machines run: VBoxSVC is '
                  'left alone.')
        return False
    # Whoever else waited for the same daemon finds it gone.
    with _ONE_AT_A_TIME:
        for process in _with_name(home, _DAEMON):
            age_s = time.time() - process.create_time()
            if age_s < _SETTLED_S:
                psutil.wait_procs([process], timeout=_SETTLED_S - age_s)
            elif process.create_time() < asked_at:
                LOG.warning('VBoxSVC (process %d, of %s) gives no answer and '
                            'is ended', process.pid, home)
                _end(process)
    return True


def _with_name(home: str, *names: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(['name']):
        # Linux cuts a name off after 15 characters, none of these.
        if process.info['name'] in names and _home(process) == home:
            yield process


def _home(process: psutil.Process) -> str | None:
    try:
        return process.environ().get('VBOX_USER_HOME')
    except psutil.Error:
        return None


def _end(process: psutil.Process) -> None:
    try:
        process.terminate()
        end = time.monotonic() + _END_S
        while process.is_running() and time.monotonic() < end:
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            time.sleep(0.1)
        process.kill()
    except psutil.NoSuchProcess:
        return
