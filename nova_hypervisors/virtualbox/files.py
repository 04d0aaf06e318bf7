# SPDX-License-Identifier: Apache-2.0
"""Where a server's files are: ours, and those that VirtualBox opens.

They are in one place, unless VirtualBox runs on a host that has no files in
common with us.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from pathlib import PurePath


@dataclasses.dataclass(frozen=True, slots=True)
class HostFolders:
    """The folders on a host that has no files in common with us.

    VirtualBox makes folders, but deletes none except a machine's own.  So
    they are the same few for all servers.
    """

    top: PurePath

    @property
    def disks(self) -> PurePath:
        return self.top / 'disks'

    @property
    def images(self) -> PurePath:
        """The image cache; what is in it is whole."""
        return self.top / 'images'

    @property
    def incoming(self) -> PurePath:
        """Images on their way into the cache: garbage at the start."""
        return self.top / 'incoming'

    @property
    def machines(self) -> PurePath:
        return self.top / 'machines'


_ASIDE = '.before-resize'

#: In the mark of a server that is being made: its files are not thrown away.
KEEP = 'keep'


def aside(disk: PurePath) -> PurePath:
    """Return what a disk is called while a larger one has its name."""
    return disk.with_stem(disk.stem + _ASIDE)


def grown(disk: PurePath) -> PurePath:
    """Return what a larger copy is called until it is one."""
    return disk.with_stem(f'{disk.stem}.grown')


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceFiles:
    """The files of one server, all in a folder named by its UUID.

    VirtualBox makes the machine's own folder (settings, logs, saved state)
    inside it.

    :param host: where what VirtualBox opens is instead
    :param local: a folder that no other host has, as it may have this one
    """

    folder: Path
    host: HostFolders | None = None
    local: Path | None = None

    def disk(self, name: str) -> PurePath:
        """Return the path of a file that VirtualBox opens."""
        if self.host is None:
            return self.folder / name
        return self.host.disks / f'{self.folder.name}_{name}'

    def owns(self, path: PurePath) -> bool:
        if self.host is None:
            return path.is_relative_to(self.folder)
        return (path.parent == self.host.disks
                and path.name.startswith(f'{self.folder.name}_'))

    @property
    def machine_folder(self) -> PurePath:
        """Return where VirtualBox makes the machine's own folder."""
        return self.folder if self.host is None else self.host.machines

    @property
    def snapshot_folder(self) -> PurePath | None:
        """Return where snapshots go; None for the machine's own folder.

        That is none to have a disk in, which may stay there for good.
        VirtualBox's web service empties it, and no other folder.
        """
        return self.folder if self.host is None else None

    @property
    def root_disk(self) -> PurePath:
        return self.disk('root.vdi')

    @property
    def config_drive(self) -> PurePath:
        return self.disk('config-drive.iso')

    @property
    def rescue_disk(self) -> PurePath:
        return self.disk('rescue.vdi')

    @property
    def swap_disk(self) -> PurePath:
        return self.disk('swap.vdi')

    def ephemeral_disk(self, index: int) -> PurePath:
        return self.disk(f'ephemeral{index}.vdi')

    @property
    def serial_socket(self) -> Path:
        if self.local is None:
            return self.folder / 'serial'
        # The system limits the paths of sockets.
        return self.local / 's' / self.folder.name.replace('-', '')[:16]

    @property
    def console_log(self) -> Path:
        return self.folder / 'console.log'

    @property
    def spawning(self) -> Path:
        """There while the server is being made: what is left of it, if the
        service ends meanwhile, can be thrown away; unless it says KEEP."""
        return (self.folder / 'spawning' if self.local is None
                else self.local / 'spawning' / self.folder.name)

    @property
    def likeness(self) -> Path:
        """What the machine is like, for a host that it may go to."""
        return self.folder / 'likeness'

    @property
    def teleport(self) -> Path:
        """Where a machine waits for this one, and the password."""
        return self.folder / 'teleport'

    def free_machine_folder(self, name: str) -> PurePath:
        """Return where no other host has a machine of this name."""
        folder, number = self.folder, 1
        while (folder / name).exists():
            number += 1
            folder = self.folder / str(number)
        return folder

    @property
    def leaving_disk(self) -> Path:
        """The root disk as it goes to another host, in one file."""
        return self.folder / 'leaving.vdi'

    @property
    def leaving_nvram(self) -> Path:
        """What the firmware keeps, as it goes to another host."""
        return self.folder / 'leaving.nvram'

    @property
    def arrived_nvram(self) -> Path:
        """The same where it has come to."""
        return self.folder / 'arrived.nvram'

    @property
    def leaving_note(self) -> Path:
        """What tells another host that it sees this very folder."""
        return self.folder / 'leaving'

    @property
    def boot_once(self) -> Path:
        """There until the boot that is unlike those after it."""
        return self.folder / 'boot-once'

    def make(self, keep: bool = False) -> None:
        """:param keep: the server's files, whatever happens"""
        self.folder.mkdir(exist_ok=True)
        self.spawning.write_text(KEEP if keep else '')

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.local is not None:
            for path in (self.serial_socket, self.spawning):
                path.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True, slots=True)
class HostFiles:
    """The folders of this service.

    :param instances: [DEFAULT] instances_path
    :param private: for secrets, and what no other host has; nobody else may
        read it
    :param name: what tells this host from others with the same ``instances``
    :param host: of VirtualBox, where it has no files in common with us
    """

    instances: Path
    image_cache: Path
    private: Path
    host: HostFolders | None = None
    name: str = 'here'

    def instance(self, uuid: str) -> InstanceFiles:
        return InstanceFiles(self.instances / uuid, self.host, self.private)

    def left(self, uuid: str) -> InstanceFiles:
        """Return a server's files where another host has taken its folder.

        Both have the same ``instances``; the server may come back.
        """
        return InstanceFiles(self.instances / f'{uuid}_resize')

    @property
    def offers(self) -> Path:
        return self.private / 'offers'

    @property
    def identity(self) -> Path:
        return self.private / 'transfer.pem'

    @property
    def snapshots(self) -> Path:
        """Scratch space: what is in it when the service starts is garbage."""
        return self.instances / 'snapshots' / self.name

    @property
    def secret(self) -> Path:
        return self.private / 'secret'

    def make(self) -> None:
        """:raises OSError: a folder cannot be made"""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.private.chmod(0o700)
        self.instances.mkdir(parents=True, exist_ok=True)
        self.image_cache.mkdir(exist_ok=True)
        for name in ('s', 'spawning'):
            (self.private / name).mkdir(exist_ok=True)
        shutil.rmtree(self.snapshots, ignore_errors=True)
        self.snapshots.mkdir(parents=True)

    def interrupted(self) -> list[str]:
        """Return the UUIDs of the servers whose making was interrupted."""
        return [path.name for path in (self.private / 'spawning').iterdir()]
