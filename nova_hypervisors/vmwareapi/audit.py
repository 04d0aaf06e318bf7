# SPDX-License-Identifier: Apache-2.0
"""What there is on an ESX host that no server needs.

The host is asked before Nova is: a server that is made meanwhile is then
known to Nova, at least.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from collections.abc import Mapping

from nova.virt import virtapi
from oslo_config import cfg

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import audits
from nova_hypervisors.vmwareapi import factory
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import vmops

Here = Mapping[str, audits.Server]


@dataclasses.dataclass(frozen=True, slots=True)
class _Inventory:
    """:param owned: our machines, by the UUIDs of their servers

    :param folders: of servers on the datastores, by the servers' UUIDs
    :param used: what machines have: .vmx files and disks
    :param plugged: the port groups that machines are plugged into
    """

    owned: Mapping[str, api.Machine]
    folders: Mapping[str, list[api.DatastorePath]]
    used: frozenset[api.DatastorePath]
    plugged: frozenset[str]

    def uses(self, folder: api.DatastorePath) -> bool:
        return any(path.datastore == folder.datastore
                   and path.file.startswith(f'{folder.file}/')
                   for path in self.used)


def make_audit(conf: cfg.ConfigOpts, servers: audits.Servers) -> Audit:
    """Have what the driver has; only the client is connected."""
    client = factory.make_client(conf)
    parts = factory.make_parts(conf, virtapi.VirtAPI(), _unheard, client)
    client.connect()
    return Audit(client, parts.machines, parts.layout, parts.vms,
                 audits.Nova(servers), conf.vmware.port_group_prefix)


def _unheard(event: object) -> None:
    """Nova is told nothing by a command."""


class Audit:
    """:class:`.audits.Audit` of an ESX host.

    :param prefix: what the names of our port groups begin with
    """

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, where: layout.Layout,
                 vms: vmops.VMOps, nova: audits.Nova, prefix: str) -> None:
        self._client = client
        self._machines = machine_map
        self._layout = where
        self._vms = vms
        self._nova = nova
        self._prefix = prefix

    def close(self) -> None:
        self._client.close()

    def findings(self) -> list[audits.Finding]:
        there = self._take()
        groups = self._client.network().port_groups
        here = self._nova.here()
        return [*self._strays(there, here), *self._folders(there, here),
                *self._port_groups(there, groups), *self._gone(there, here)]

    def _take(self) -> _Inventory:
        found = [machine for machine in self._client.list_machines()
                 if machine.path is not None]
        used = {machine.path for machine in found if machine.path is not None}
        plugged = set()
        for machine in found:
            # One that has just gone, or that the host cannot read.
            with contextlib.suppress(errors.ClientError):
                details = self._client.machine_details(machine.ref)
                used |= {disk.path for disk in details.disks
                         if disk.path is not None}
                plugged |= {nic.port_group for nic in details.nics}
        return _Inventory(self._machines.owned(), self._server_folders(),
                          frozenset(used), frozenset(plugged))

    def _server_folders(self) -> dict[str, list[api.DatastorePath]]:
        found: dict[str, list[api.DatastorePath]] = {}
        for datastore in self._client.datastores():
            top = api.DatastorePath(datastore.name, self._layout.folder)
            for file in self._list(top):
                folder = top / file.path
                if file.folder and self._layout.owner(
                        layout.InstanceFiles(folder).machine):
                    found.setdefault(folder.name, []).append(folder)
        return found

    def _list(self, folder: api.DatastorePath) -> list[api.File]:
        try:
            return self._client.list_folder(folder)
        except errors.NotFound:
            return []

    # Machines

    def _strays(self, there: _Inventory,
                here: Here) -> Iterator[audits.Finding]:
        """Return our machines whose servers are not here."""
        for uuid, machine in there.owned.items():
            if uuid in here:
                continue
            server = self._nova.find(uuid)
            if not self._nova.is_here(server):
                yield self._stray(machine, uuid, server)

    def _stray(self, machine: api.Machine, uuid: str,
               server: audits.Server | None) -> audits.Finding:
        elsewhere = server is not None and not server.deleted
        runs = machine.state is not api.PowerState.OFF
        if not elsewhere:
            fix = 'the machine and its files are deleted'
        elif runs:
            # Perhaps it is the server, and what Nova says is wrong.
            fix = ('by hand: it is not off, and which of the two is the '
                   'server is for you to say')
        else:
            fix = 'the host forgets the machine; its files stay'
        return audits.Finding(
            'machine', f'{machine.name} ({machine.path})',
            audits.why_gone(server, uuid), fix,
            None if elsewhere and runs else functools.partial(
                self._take_away, uuid, server),
            self._waits(uuid, server, self._machine_changed(machine)))

    def _machine_changed(self, machine: api.Machine) -> float | None:
        """Return when a machine was last set up, started or ended."""
        if machine.path is None:
            return None
        return max((file.modified.timestamp()
                    for file in self._list(machine.path.parent)
                    if file.path == machine.path.name and file.modified),
                   default=None)

    def _take_away(self, uuid: str, server: audits.Server | None) -> None:
        self._nova.insist(uuid, server)
        machine = self._machines.find(uuid)
        elsewhere = server is not None and not server.deleted
        if elsewhere and machine.state is not api.PowerState.OFF:
            raise audits.Changed(f'the machine is {machine.state.value} now')
        self._vms.take_away(uuid, destroy_disks=not elsewhere)

    # Folders

    def _folders(self, there: _Inventory,
                 here: Here) -> Iterator[audits.Finding]:
        """Return what the datastores have of servers that are nowhere.

        Other hosts may have the same datastores: see audit.rst.
        """
        for uuid, folders in there.folders.items():
            if uuid in here or uuid in there.owned or any(
                    there.uses(folder) for folder in folders):
                continue
            server = self._nova.find(uuid)
            if server is None or server.deleted:
                yield self._folder(uuid, folders, server)

    def _folder(self, uuid: str, folders: list[api.DatastorePath],
                server: audits.Server | None) -> audits.Finding:
        changed = max((file.modified.timestamp() for folder in folders
                       for file in self._list(folder) if file.modified),
                      default=None)
        what = ', '.join(map(str, folders))
        why = f'{audits.why_gone(server, uuid)}, and no machine uses it'
        waits = self._waits(uuid, server, changed)
        if server is None:
            return audits.Finding(
                'folder', what, why, 'by hand: this cell has never had the '
                'server, or has forgotten it; if the datastore is shared, it '
                'may be the server of another cell', waits=waits)
        return audits.Finding(
            'folder', what, why, 'it is deleted', functools.partial(
                self._delete, uuid, server, folders), waits)

    def _delete(self, uuid: str, server: audits.Server,
                folders: list[api.DatastorePath]) -> None:
        self._nova.insist(uuid, server)
        for folder in folders:
            with contextlib.suppress(errors.NotFound):
                self._client.delete_file(folder)

    # Port groups

    def _port_groups(self, there: _Inventory,
                     groups: tuple[api.PortGroup, ...],
                     ) -> Iterator[audits.Finding]:
        """Return those that were made for a VLAN, by their names."""
        making = any((self._layout.private / 'spawning').glob('*'))
        for group in groups:
            if not self._is_ours(group) or group.name in there.plugged:
                continue
            yield audits.Finding(
                'port group', group.name, 'its name is one of the '
                f"driver's, for VLAN {group.vlan_id}, and no machine is "
                'plugged in', 'it is removed; a server that needs it gets it '
                'again', functools.partial(
                    self._client.remove_port_group, group.name),
                'a server is being made, which may need it' if making else '')

    def _is_ours(self, group: api.PortGroup) -> bool:
        return bool(self._prefix and group.vlan_id
                    and group.name.startswith(self._prefix)
                    and group.name.endswith(f'-{group.vlan_id}'))

    # Servers

    def _gone(self, there: _Inventory,
              here: Here) -> Iterator[audits.Finding]:
        """Return the servers that should have a machine here."""
        return audits.without_machine(
            self._nova, here,
            {uuid: machine.accessible
             for uuid, machine in there.owned.items()},
            lambda uuid: self._layout.spawning(uuid).exists(),
            missing=audits.Trouble(
                'Nova has it on this host, where it has no machine',
                'by hand: register its .vmx on the host if it is '
                'there; else rebuild or delete the server'),
            unreadable=audits.Trouble(
                'the host cannot read the configuration of its machine',
                'by hand: see what has become of its .vmx'))

    def _waits(self, uuid: str, server: audits.Server | None,
               changed: float | None) -> str:
        """Say why a server's things are left alone; empty if they are not."""
        if self._layout.spawning(uuid).exists():
            return audits.MADE
        if server is not None and server.under_way:
            return server.under_way
        return self._nova.young(
            server.changed if server is not None else None, changed)
