# SPDX-License-Identifier: Apache-2.0
"""What there is in VirtualBox and on disk that no server needs.

It is asked what VirtualBox has before it is asked what Nova has: a server
that is made meanwhile is then known to Nova, at least.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from pathlib import PurePath

from nova.virt import virtapi
from oslo_config import cfg

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import audits
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import inventory
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import vmops

Findings = Mapping[str, audits.Finding]
Here = Mapping[str, audits.Server]


class NotDeleted(Exception):
    """Something is there still."""


def make_audit(conf: cfg.ConfigOpts, servers: audits.Servers) -> Audit:
    """Have what the driver has, with nothing of it started."""
    client = factory.make_client(conf)
    parts = factory.make_parts(conf, virtapi.VirtAPI(), _unheard, client)
    return Audit(client, parts.machines, parts.files, parts.disks, parts.vms,
                 audits.Nova(servers))


def _unheard(event: object) -> None:
    """Nova is told nothing by a command."""


class Audit:
    """:class:`.audits.Audit` of a VirtualBox host."""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 host_files: files.HostFiles, disks: diskops.DiskOps,
                 vms: vmops.VMOps, nova: audits.Nova) -> None:
        self._client = client
        self._machines = machine_map
        self._files = host_files
        self._disks = disks
        self._vms = vms
        self._nova = nova

    def close(self) -> None:
        """Do nothing: a session of the web service ends by itself."""

    def findings(self) -> list[audits.Finding]:
        there = inventory.take(self._client, self._machines, self._files)
        here = self._nova.here()
        strays = self._strays(there, here)
        folders = self._folders(there, here)
        return [*strays.values(), *folders.values(),
                *self._markers(there, here),
                *self._media(there, here, {*strays, *folders}),
                *self._gone(there, here)]

    # Machines

    def _strays(self, there: inventory.Inventory, here: Here) -> Findings:
        """Return our machines whose servers are not here."""
        found = {}
        for uuid, machine in there.owned.items():
            if uuid in here:
                continue
            server = self._nova.find(uuid)
            if not self._nova.is_here(server):
                found[uuid] = self._stray(machine, uuid, server,
                                          there.states.get(machine.uuid))
        return found

    def _stray(self, machine: api.Machine, uuid: str,
               server: audits.Server | None,
               state: api.MachineState | None) -> audits.Finding:
        elsewhere = server is not None and not server.deleted
        repair = functools.partial(self._take_away, uuid, server)
        if not elsewhere:
            fix = 'the machine and its files are deleted'
        elif state in powerops.ALIVE:
            # Perhaps it is the server, and what Nova says is wrong.
            fix = (f'by hand: it is {state.value}, and which of the two is '
                   'the server is for you to say')
        else:
            fix = 'VirtualBox forgets the machine; its files stay'
        return audits.Finding(
            'machine', f'{machine.name} ({machine.uuid})',
            audits.why_gone(server, uuid), fix,
            None if elsewhere and state in powerops.ALIVE else repair,
            self._waits(uuid, server))

    def _take_away(self, uuid: str, server: audits.Server | None) -> None:
        self._nova.insist(uuid, server)
        elsewhere = server is not None and not server.deleted
        if elsewhere:
            self._insist_off(uuid)
        self._vms.take_away(uuid, destroy_disks=not elsewhere)
        if not elsewhere:
            self._disks.forget_all(self._files.instance(uuid))
            _insist_gone(self._files.instance(uuid).folder)

    def _insist_off(self, uuid: str) -> None:
        """:raises Changed: a machine has been started"""
        state = self._client.machine_state(self._machines.machine_uuid(uuid))
        if state in (*powerops.ALIVE, api.MachineState.ARRIVING):
            raise audits.Changed(f'the machine is {state.value} now')

    # Folders

    def _folders(self, there: inventory.Inventory, here: Here) -> Findings:
        """Return what is on disk of servers that are nowhere.

        Other hosts may have the same folders: a server of theirs is one of
        Nova's.  One that Nova knows nothing of may be another cell's.
        """
        found = {}
        for uuid, paths in there.paths.items():
            if uuid in here or uuid in there.owned or any(
                    there.uses(path) for path in paths):
                continue
            server = self._nova.find(uuid)
            if server is None or server.deleted:
                found[uuid] = self._folder(uuid, paths, server)
        return found

    def _folder(self, uuid: str, paths: list[PurePath],
                server: audits.Server | None) -> audits.Finding:
        what = ', '.join(map(str, paths))
        why = f'{audits.why_gone(server, uuid)}, and no machine uses it'
        waits = self._waits(uuid, server)
        if server is None:
            return audits.Finding(
                'folder', what, why, 'by hand: this cell has never had the '
                'server, or has forgotten it; if instances_path is shared, it '
                'may be the server of another cell', waits=waits)
        return audits.Finding(
            'folder', what, why, 'it is deleted',
            functools.partial(self._delete_folder, uuid, server), waits)

    def _delete_folder(self, uuid: str, server: audits.Server) -> None:
        self._nova.insist(uuid, server)
        instance_files = self._files.instance(uuid)
        self._disks.forget_all(instance_files)
        self._disks.delete_files(instance_files)
        self._files.left(uuid).delete()
        _insist_gone(instance_files.folder, self._files.left(uuid).folder)

    # Markers

    def _markers(self, there: inventory.Inventory,
                 here: Here) -> Iterator[audits.Finding]:
        """Return the servers that we claim a machine for, and have none."""
        for uuid in sorted(there.claimed - {*there.owned, *here}):
            server = self._nova.find(uuid)
            if not self._nova.is_here(server):
                yield audits.Finding(
                    'marker', uuid, f'{audits.why_gone(server, uuid)}, and '
                    'there is no machine', 'VirtualBox forgets the entry',
                    functools.partial(self._release, uuid, server),
                    self._waits(uuid, server))

    def _release(self, uuid: str, server: audits.Server | None) -> None:
        self._nova.insist(uuid, server)
        self._machines.release(uuid)

    # Media

    def _media(self, there: inventory.Inventory, here: Here,
               found: Collection[str]) -> Iterator[audits.Finding]:
        """Return the media that VirtualBox knows for nothing.

        :param found: servers whose things are findings already
        """
        for medium in there.idle_media():
            path = api.host_path(medium.path)
            folder = self._own_folder(path)
            if folder is None:
                continue
            uuid = inventory.server_of(path.relative_to(folder).parts[0])
            # A snapshot may have it, of which VirtualBox says no more.
            if uuid in found or (uuid and there.has_snapshots(uuid)):
                continue
            yield audits.Finding(
                'medium', medium.path, 'VirtualBox knows it, and no machine '
                'has it and no other disk differs from it',
                'VirtualBox forgets it; its file stays',
                functools.partial(self._client.close_medium, path,
                                  kind=medium.kind),
                self._medium_waits(path, uuid, there, here))

    def _own_folder(self, path: PurePath) -> PurePath | None:
        """Return in which of our folders a file is."""
        host = self._files.host
        own = ((self._files.instances,) if host is None
               else (host.disks, host.images, host.incoming, host.machines))
        return next((folder for folder in own
                     if path.is_relative_to(folder)), None)

    def _medium_waits(self, path: PurePath, uuid: str | None,
                      there: inventory.Inventory, here: Here) -> str:
        if uuid is not None:
            if not there.is_readable(uuid):
                return "the settings of the server's machine cannot be read"
            server = here.get(uuid) or self._nova.find(uuid)
            if self._files.instance(uuid).spawning.exists():
                return audits.MADE
            if server is not None and server.under_way:
                return server.under_way
        return self._nova.young(_changed(Path(path)))

    # Servers

    def _gone(self, there: inventory.Inventory,
              here: Here) -> Iterator[audits.Finding]:
        """Return the servers that should have a machine here."""
        return audits.without_machine(
            self._nova, here,
            {uuid: machine.accessible
             for uuid, machine in there.owned.items()},
            lambda uuid: self._files.instance(uuid).spawning.exists(),
            missing=audits.Trouble(
                'Nova has it on this host, where it has no machine',
                'by hand: "openstack server rebuild" makes a machine '
                'anew, with a new root disk; or delete the server'),
            unreadable=audits.Trouble(
                'VirtualBox cannot read the settings of its machine',
                'by hand: see what has become of the .vbox file in '
                'its folder'))

    def _waits(self, uuid: str, server: audits.Server | None) -> str:
        """Say why a server's things are left alone; empty if they are not."""
        instance_files = self._files.instance(uuid)
        if instance_files.spawning.exists():
            return audits.MADE
        if server is not None and server.under_way:
            return server.under_way
        return self._nova.young(
            server.changed if server is not None else None,
            *(_changed(folder) for folder in (
                instance_files.folder, self._files.left(uuid).folder)))


def _changed(path: Path) -> float | None:
    """Return when a file or a folder was last changed, if we see it.

    For a folder that is when something was put in or taken out: a guest
    that writes to its disk does not make it young.
    """
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _insist_gone(*folders: Path) -> None:
    """:raises NotDeleted: deleting has failed, which it does silently"""
    for folder in folders:
        if folder.exists():
            raise NotDeleted(f'{folder} is not empty, or is not for this user '
                             'to delete: run it as the user of nova-compute')
