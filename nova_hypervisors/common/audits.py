# SPDX-License-Identifier: Apache-2.0
"""What an audit finds, and what it asks Nova.

An audit compares what a hypervisor has with what Nova has.  What it finds is
a value; a finding that can be mended brings along how.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Protocol

from nova.compute import vm_states

#: What is younger may be on its way to become something.
YOUNG_S = 3600.0

_MINUTE_S = 60

#: Why a server's things are left alone.
MADE = 'the server is being made'


class Changed(Exception):
    """It is no longer what was found, and so it is not mended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """What Nova says of a server.

    :param host: the nova-compute that has it; None for none
    :param node: where it is there
    :param deleted: Nova has deleted it, and still knows
    :param launched: when it first ran where it is; seconds since the epoch
    :param changed: when Nova last changed something about it
    """

    uuid: str
    name: str
    host: str | None
    vm_state: str
    task_state: str | None = None
    node: str | None = None
    deleted: bool = False
    launched: float | None = None
    changed: float | None = dataclasses.field(default=None, compare=False)

    @property
    def under_way(self) -> str:
        """What Nova is doing with it; empty if nothing."""
        if self.deleted:
            return ''
        if self.task_state:
            return f'Nova is at a task with the server: {self.task_state}'
        if self.vm_state == vm_states.RESIZED:
            return "the server's resize is not confirmed"
        if self.vm_state == vm_states.BUILDING:
            return 'the server is being built'
        return ''

    @property
    def has_machine(self) -> bool:
        """Whether there is to be something for it where it is."""
        if self.vm_state == vm_states.ERROR:
            return self.launched is not None
        return self.vm_state not in (vm_states.SHELVED_OFFLOADED,
                                     vm_states.DELETED)


class Servers(Protocol):
    """Nova, as an audit asks it."""

    @property
    def host(self) -> str:
        """Return what Nova calls this nova-compute."""

    def list_here(self) -> list[Server]:
        """Return the servers that Nova has on this host."""

    def find(self, uuid: str) -> Server | None:
        """Return a server on whatever host, deleted ones too."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that nobody owns, or that is gone.

    :param what: its name, UUID or path
    :param why: it is a finding
    :param fix: what mends it, or what is to be done by hand
    :param repair: mends it; None if that is not safe
    :param waits: why it is left alone for now; empty if it is not
    """

    kind: str
    what: str
    why: str
    fix: str
    repair: Callable[[], None] | None = None
    waits: str = ''


class Audit(Protocol):
    def findings(self) -> list[Finding]: ...

    def close(self) -> None:
        """End what findings and their repairs need."""


class Nova:
    """What is asked of Nova more than once in an audit."""

    def __init__(self, servers: Servers,
                 now: Callable[[], float] = time.time) -> None:
        self._servers = servers
        self._now = now

    def here(self) -> dict[str, Server]:
        """Return the servers of this host by their UUIDs."""
        return {server.uuid: server for server in self._servers.list_here()}

    def find(self, uuid: str) -> Server | None:
        return self._servers.find(uuid)

    def is_here(self, server: Server | None) -> bool:
        return (server is not None and not server.deleted
                and server.host == self._servers.host)

    def insist(self, uuid: str, known: Server | None) -> None:
        """:raises Changed: Nova says something else of a server than before

        Between the finding and its repair a server may have come here.
        """
        if self._servers.find(uuid) != known:
            raise Changed('Nova says something else of the server than it '
                          'did: run the audit again')

    def young(self, *moments: float | None) -> str:
        """Say that something is young; empty if it is not, or of no age.

        :param moments: at which something happened to it
        """
        known = [moment for moment in moments if moment is not None]
        age_s = self._now() - max(known, default=0.0)
        if age_s >= YOUNG_S:
            return ''
        return ('it is younger than an hour: changed '
                f'{max(0, int(age_s / _MINUTE_S))} minutes ago')


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """:param fix: what is to be done by hand"""

    why: str
    fix: str


def without_machine(nova: Nova, here: Mapping[str, Server],
                    readable: Mapping[str, bool],
                    is_made: Callable[[str], bool],
                    missing: Trouble, unreadable: Trouble,
                    ) -> Iterator[Finding]:
    """Return the servers that should have a machine here and have none.

    :param readable: the machines that there are, by their servers' UUIDs:
        whether the hypervisor can read their settings
    :param is_made: whether a server is just being made
    """
    for uuid, server in here.items():
        if uuid not in readable and server.has_machine:
            trouble = missing
        elif not readable.get(uuid, True):
            trouble = unreadable
        else:
            continue
        yield Finding(
            'server', f'{server.name} ({uuid})', trouble.why, trouble.fix,
            waits=(MADE if is_made(uuid) else server.under_way
                   or nova.young(server.launched)))


def why_gone(server: Server | None, uuid: str) -> str:
    """Say why a server's things are nobody's here."""
    if server is None:
        return f'Nova has no server {uuid}'
    if server.deleted:
        return f'Nova has deleted the server {uuid} ({server.name})'
    return (f'Nova has the server {uuid} ({server.name}) on '
            f'{server.host or "no host"}')
