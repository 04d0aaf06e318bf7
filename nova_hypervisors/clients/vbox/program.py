# SPDX-License-Identifier: Apache-2.0
"""The VBoxManage program: running it and understanding how it failed."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import shlex
import tempfile
import threading
import time
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import recording
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vbox import codes
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import daemon

#: Where calls are noted: see clients/recording.py.
SEAM = 'vboxmanage'

_ERROR = re.compile(r'^VBoxManage(?:\.exe)?: error: (?P<text>.*)$',
                    re.MULTILINE)
_CODE = re.compile(r'code \w+ \(0x(?P<code>[0-9a-f]{8})\)')

# VBoxManage reports where in its source it failed: nothing for an operator.
_NOISE = ('Context: ', 'Details: ')


class Program:
    """VBoxManage on this host.

    The first call runs alone.  It starts VBoxSVC, and several at once have
    been seen to start several of them, which then disagree.

    :param path: the real binary: Debian's wrapper in /usr/bin costs time
        and can cut off a running VBoxSVC
    :param private_folder: for files that nobody else may read
    :param env: what VirtualBox is to see beside our own environment
    :param observe: is told of each run, also of those that are tried again
    """

    def __init__(self, path: str, *, timeout_s: float, private_folder: Path,
                 env: Mapping[str, str], policy: retry.Policy,
                 run: execute.Runner = execute.run,
                 observe: telemetry.Observer | None = None) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._private_folder = private_folder
        self._policy = policy
        self._run = run
        self._observe = observe
        self._first_call = threading.Lock()
        self._called = False
        # LANG=C made some releases print nothing at all.
        self._extra_env = env
        self._env = {**os.environ, 'LC_ALL': 'C.UTF-8', **env}

    def __call__(self, command: commands.Command, *,
                 timeout_s: float | None = None,
                 secrets: Collection[str] = (),
                 interrupt: execute.Interrupt | None = None) -> str:
        """Run a command and return what it printed.

        :param secrets: parts of its words that nobody else may see, neither
            in the process list nor in an error
        :param interrupt: by which another thread can ask it to give up
        :raises ClientError: it failed, after retries if they could help
        """
        recording.hide(secrets)
        with contextlib.ExitStack() as stack:
            words = command
            if secrets:
                path = stack.enter_context(self._response_file(command))
                words = (f'@{path}',)
            call = functools.partial(
                self._first_alone, command, words,
                timeout_s or self._timeout_s, secrets, interrupt)
            asked_at = time.time()
            try:
                return self._policy.call(call)
            except errors.TimedOut:
                # What hangs for minutes may just copy a lot.
                if timeout_s is None:
                    daemon.end_if_wedged(self._extra_env, asked_at)
                raise
            except errors.Unreachable:
                # A daemon that was just ending has been waited for.
                if daemon.end_if_wedged(self._extra_env, asked_at):
                    return call()
                raise

    def _first_alone(self, command: commands.Command, words: commands.Command,
                     timeout_s: float, secrets: Collection[str],
                     interrupt: execute.Interrupt | None) -> str:
        """:param words: the command, or the file that it stands in"""
        with contextlib.ExitStack() as stack:
            if not self._called:
                stack.enter_context(self._first_call)
            output = telemetry.observed(
                self._observe, command[0], functools.partial(
                    self._once, command, words, timeout_s, secrets,
                    interrupt))
            self._called = True
        return output

    def _once(self, command: commands.Command, words: commands.Command,
              timeout_s: float, secrets: Collection[str],
              interrupt: execute.Interrupt | None) -> str:
        with recording.call(SEAM, command[0], lambda: command) as noted:
            try:
                done = self._run((self._path, '-q', *words), timeout_s,
                                 self._env, interrupt)
            except errors.TimedOut as error:
                raise errors.TimedOut(error.detail,
                                      operation=command[0]) from error
            noted.answer = dataclasses.asdict(done)
            return understood(done, command[0], secrets)

    @contextlib.contextmanager
    def _response_file(self, command: commands.Command) -> Iterator[str]:
        """Write a command down for VBoxManage's @FILE, for our eyes only."""
        handle, path = tempfile.mkstemp(prefix='vboxmanage-',
                                        dir=self._private_folder)
        try:
            with os.fdopen(handle, 'w', encoding='utf-8') as file:
                file.write(shlex.join(command))
            yield path
        finally:
            Path(path).unlink()


def understood(done: execute.Completed, operation: str,
               secrets: Collection[str] = ()) -> str:
    """Return what a run has printed.

    :raises ClientError: it failed
    """
    found = _ERROR.findall(done.stderr)
    # Some commands print an error and end with status 0 all the same.
    if done.returncode == 0 and not found:
        return done.stdout
    detail = _detail(found, done)
    for secret in secrets:
        detail = detail.replace(secret, '***')
    code = _CODE.search(done.stderr)
    raise codes.error_for(int(code['code'], 16) if code else None,
                          detail, operation)


def _detail(found: list[str], done: execute.Completed) -> str:
    told = [text for text in found if not text.startswith(_NOISE)]
    if told:
        return ' '.join(told)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return (f'VBoxManage ended with status {done.returncode}'
            + (f': {lines[-1]}' if lines else ''))
