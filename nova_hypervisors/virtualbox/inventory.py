# SPDX-License-Identifier: Apache-2.0
"""What there is in VirtualBox and in the folders of servers, at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import PurePath
from typing import cast

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import machines

# Of a server; or what a host had of one that another host has taken over; or
# one of its disks, where there are no folders.
_OF_SERVER = re.compile('([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(_|$)')


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """:param owned: our machines, by the UUIDs of their servers

    :param claimed: servers whose machines are ours, made or not
    :param states: of all machines, by their own UUIDs
    :param settings: of all machines that can be read
    :param paths: folders and files of servers, by the servers' UUIDs
    """

    owned: Mapping[str, api.Machine]
    claimed: frozenset[str]
    states: Mapping[str, api.MachineState]
    settings: Mapping[str, api.MachineSettings]
    media: tuple[api.Medium, ...]
    paths: Mapping[str, list[PurePath]]

    def uses(self, path: PurePath) -> bool:
        """Return whether a machine, anybody's, has something in a folder."""
        return any(used.is_relative_to(path) for used in self._used())

    def _used(self) -> Iterator[PurePath]:
        for settings in self.settings.values():
            yield settings.folder
            for disk in settings.disks:
                if disk.lun is None:
                    yield api.host_path(disk.path)

    def idle_media(self) -> list[api.Medium]:
        """Return the media that no machine has and none differs from."""
        busy = {disk.path for settings in self.settings.values()
                for disk in settings.disks}
        busy |= {medium.parent for medium in self.media if medium.parent}
        return [medium for medium in self.media if medium.path not in busy]

    def is_readable(self, server: str) -> bool:
        """Return whether it is known what a server's machine has."""
        machine = self.owned.get(server)
        return machine is None or machine.uuid in self.settings

    def has_snapshots(self, server: str) -> bool:
        machine = self.owned.get(server)
        return (machine is not None and machine.uuid in self.settings
                and bool(self.settings[machine.uuid].snapshots))


def server_of(name: str) -> str | None:
    """Return whose a file or folder is, by its name."""
    found = _OF_SERVER.match(name)
    return found[1] if found else None


def take(client: interface.VBoxClient, machine_map: machines.Machines,
         host_files: files.HostFiles) -> Inventory:
    """Look at everything, once.

    :raises ClientError: VirtualBox does not answer
    """
    owned = machine_map.owned()
    states = client.machine_states()
    settings = {}
    for uuid in states:
        # One without its settings file, or that has just gone.
        with contextlib.suppress(errors.MachineNotFound):
            settings[uuid] = client.machine_settings(uuid)
    return Inventory(
        owned=owned,
        claimed=frozenset(
            server for machine in machine_map.claimed()
            if (server := machine_map.instance_uuid(machine))),
        states=states, settings=settings, media=tuple(client.list_media()),
        paths=_paths(client, host_files))


def _paths(client: interface.VBoxClient,
           host_files: files.HostFiles) -> dict[str, list[PurePath]]:
    found: dict[str, list[PurePath]] = {}
    for path in _all_paths(client, host_files):
        if server := server_of(path.name):
            found.setdefault(server, []).append(path)
    return found


def _all_paths(client: interface.VBoxClient,
               host_files: files.HostFiles) -> Iterator[PurePath]:
    if host_files.instances.exists():
        yield from sorted(path for path in host_files.instances.iterdir()
                          if path.is_dir())
    if host_files.host is not None:
        # options.py has made sure that it is the web service's.
        remote = cast('interface.RemoteClient', client)
        folder = host_files.host.disks
        with contextlib.suppress(errors.NotFound):
            for name in sorted(remote.list_files(folder)):
                yield folder / name
