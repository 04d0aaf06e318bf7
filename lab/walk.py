# SPDX-License-Identifier: Apache-2.0
"""Taking servers through their life, and looking at each step.

Every step looks at what Nova says and at what the hypervisor says.
"""

from __future__ import annotations

import abc
import dataclasses
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openstack
import prettytable

from lab import layout
from lab import progress

WAIT_S = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    step: str
    seconds: float
    nova: str
    hypervisor: str


class Walk(abc.ABC):
    """Takes one server after the other through its life.

    :cvar hypervisor: for people
    :cvar host: the nova-compute, as Nova knows it
    :cvar service: the nova-compute, as the lab knows it
    :cvar flavor: of the servers
    :cvar running: what the hypervisor says of a server that is active
    :cvar network: of the servers, as the client's words
    :cvar wait_s: limit of one step
    """

    hypervisor: str
    host: str
    service: str
    flavor: str
    running: str
    network: tuple[str, ...] = ('--network', 'flat')
    wait_s = WAIT_S

    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        self._lab = lab
        self._show = show
        self._cloud = openstack.connect()
        self._compute = self._cloud.compute
        self._ids: list[str] = []
        self.rows: list[Row] = []

    @abc.abstractmethod
    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        """Return what is done, each with its name."""

    @abc.abstractmethod
    def machine_state(self) -> str:
        """Return what the hypervisor says of the newest server."""

    @abc.abstractmethod
    def farewell(self) -> str:
        """Return how to go on."""

    def clear(self) -> None:
        """Delete what an interrupted walk has left."""
        for server in self._compute.servers(name='^demo-'):
            self._ids.append(server.id)
        if self._ids:
            with self._show.step('delete what an earlier demo has left'):
                self._delete_servers()
            self._ids.clear()

    def run(self) -> None:
        """:raises LabError: a step failed; says which"""
        self.clear()
        for name, action in self.steps():
            self._step(name, action)

    def _step(self, name: str, action: Callable[[], str | None]) -> None:
        begun = time.monotonic()
        found = ''
        with self._show.step(name):
            try:
                found = action() or ''
            except openstack.exceptions.SDKException as error:
                raise progress.LabError(str(error), self._compute_log()) \
                    from error
        seconds = time.monotonic() - begun
        if found:
            self._show.say(f'    {found}')
        self.rows.append(Row(name, seconds, self._status(),
                             self.machine_state() if self._ids else '-'))

    def _compute_log(self) -> Path:
        return self._lab.logs / f'{self.service}.log'

    @property
    def _id(self) -> str:
        return self._ids[-1]

    def _status(self) -> str:
        server = self._ids and self._compute.find_server(self._id)
        return server.status if server else '-'

    def _wait(self, status: str, state: str) -> None:
        def there() -> bool:
            server = self._compute.get_server(self._id)
            if server.status == 'ERROR':
                raise progress.LabError(
                    f'the server is in ERROR: {server.fault}',
                    self._compute_log())
            return server.status == status and server.task_state is None

        progress.wait_until(f'the server is not {status}', there,
                            self.wait_s,
                            self._compute_log())
        found = self.machine_state()
        if found != state:
            raise progress.LabError(
                f'Nova says {status} and {self.hypervisor} says {found} '
                f'instead of {state}')

    def _create(self, source: str, option: str = '--image') -> str:
        name = f'demo-{len(self._ids) + 1}'
        command = ('openstack', 'server', 'create', option, source,
                   '--flavor', self.flavor, *self.network,
                   '--host', self.host, '-f', 'value', '-c', 'id', name)
        self._show.say(f'$ {shlex.join(command)}')
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise progress.LabError(done.stderr.strip())
        self._ids.append(done.stdout.strip())
        self._wait('ACTIVE', self.running)
        return f'server {self._id}'

    def _describe(self) -> str:
        found = self._compute.find_hypervisor(self.host, details=True)
        if found is None or not found.uptime:
            raise progress.LabError('Nova does not know the hypervisor')
        return (f'{found.hypervisor_type} {found.hypervisor_version}, '
                f'{found.state}, host {found.host_ip},{found.uptime}')

    def _act(self, action: str, status: str, state: str) -> None:
        getattr(self._compute, f'{action}_server')(self._id)
        self._wait(status, state)

    def _delete_servers(self) -> None:
        for server_id in self._ids:
            self._compute.delete_server(server_id)
        progress.wait_until(
            'the servers are still there',
            lambda: not any(map(self._compute.find_server, self._ids)),
            self.wait_s, self._compute_log())


def table(rows: list[Row], hypervisor: str) -> str:
    result: Any = prettytable.PrettyTable(
        ['Step', 'Seconds', "Nova's status", f"{hypervisor}'s state"])
    result.align = 'l'
    for row in rows:
        result.add_row([row.step, f'{row.seconds:.1f}', row.nova,
                        row.hypervisor])
    return str(result)


def main(kind: type[Walk]) -> int:
    """Take the walk, and return the exit status."""
    walk = kind(layout.Layout.from_environment(), progress.Progress())
    try:
        walk.run()
    except progress.LabError as error:
        print(f'\nFAILED: {error}', file=sys.stderr)
        if error.log is not None:
            print(f'See {error.log}', file=sys.stderr)
        return 1
    print(table(walk.rows, walk.hypervisor))
    print(walk.farewell())
    return 0
