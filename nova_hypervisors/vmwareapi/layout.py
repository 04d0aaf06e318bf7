# SPDX-License-Identifier: Apache-2.0
"""Where things are on a host's datastores, and on ours.

A server's machine and disks are in a folder of its own::

    [datastore] nova/<instance UUID>/<instance UUID>.vmx, root.vmdk, ...

That a machine is registered from there is what makes it ours.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from nova_hypervisors.clients.vsphere import api

_LEAVING = 'leaving-'

_UUID = r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceFiles:
    """The files of a server on a datastore."""

    folder: api.DatastorePath

    @property
    def machine(self) -> api.DatastorePath:
        return self.folder / f'{self.folder.name}.vmx'

    @property
    def root_disk(self) -> api.DatastorePath:
        return self.folder / 'root.vmdk'

    @property
    def former_root_disk(self) -> api.DatastorePath:
        """Of a server that was resized, until that is confirmed."""
        return self.folder / 'former-root.vmdk'

    def leaving_disk(self, name: str) -> api.DatastorePath:
        """Return a whole copy of a disk, for another host to fetch."""
        return self.folder / f'{_LEAVING}{name}'

    def is_leaving(self, name: str) -> bool:
        """Return whether a file is the descriptor of such a copy."""
        return name.startswith(_LEAVING) and not name.endswith('-flat.vmdk')

    @property
    def rescue_disk(self) -> api.DatastorePath:
        return self.folder / 'rescue.vmdk'

    @property
    def swap_disk(self) -> api.DatastorePath:
        return self.folder / 'swap.vmdk'

    @property
    def config_drive(self) -> api.DatastorePath:
        return self.folder / 'config-drive.iso'

    @property
    def console_log(self) -> api.DatastorePath:
        return self.folder / 'console.log'

    def ephemeral_disk(self, index: int) -> api.DatastorePath:
        return self.folder / f'ephemeral{index}.vmdk'


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """:param folder: the folder of our servers, on each datastore

    :param cache: the folder of images, on each datastore
    :param private: on this computer, for secrets and what is being done;
        nobody else may read it
    """

    folder: str
    cache: str
    private: Path

    def instance(self, datastore: str, uuid: str) -> InstanceFiles:
        return InstanceFiles(
            api.DatastorePath(datastore, f'{self.folder}/{uuid}'))

    def owner(self, path: api.DatastorePath | None) -> str | None:
        """Return whose machine has its .vmx there; None if nobody's."""
        if path is None:
            return None
        found = re.fullmatch(
            rf'{re.escape(self.folder)}/({_UUID})/\1\.vmx', path.file)
        return found[1] if found else None

    def images(self, datastore: str) -> api.DatastorePath:
        return api.DatastorePath(datastore, self.cache)

    def scratch(self, datastore: str) -> api.DatastorePath:
        """Return the folder of what is there for a moment only."""
        return api.DatastorePath(datastore, f'{self.cache}/scratch')

    def left(self, uuid: str) -> Path:
        """Return the mark of a server that goes, or has gone, elsewhere.

        In it is the folder of what stays here until that is confirmed.
        """
        return self.private / 'left' / uuid

    @property
    def serial_ports(self) -> Path:
        """Whose each of the host's ports for serial ports is."""
        return self.private / 'serial-ports'

    @property
    def offers(self) -> Path:
        """What other hosts may fetch from this one."""
        return self.private / 'offers'

    @property
    def identity(self) -> Path:
        """The certificate with which it is handed out."""
        return self.private / 'transfer.pem'

    @property
    def downloads(self) -> Path:
        """Scratch space of ours; garbage when the service starts."""
        return self.private / 'downloads'

    def spawning(self, uuid: str) -> Path:
        """Return the mark of a server whose making has begun.

        In it is the folder of its files.
        """
        return self.private / 'spawning' / uuid

    def interrupted(self) -> dict[str, api.DatastorePath]:
        """Return the folders of servers whose making was interrupted."""
        return {path.name: api.DatastorePath.parse(path.read_text())
                for path in (self.private / 'spawning').iterdir()
                if path.read_text()}

    def make(self) -> None:
        """:raises OSError: a folder cannot be made"""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.private.chmod(0o700)
        (self.private / 'spawning').mkdir(exist_ok=True)
        (self.private / 'left').mkdir(exist_ok=True)
        self.downloads.mkdir(exist_ok=True)
        for leftover in self.downloads.iterdir():
            leftover.unlink()
