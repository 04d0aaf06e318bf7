# SPDX-License-Identifier: Apache-2.0
"""Where a server's files are."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

_ASIDE = '.before-resize'


def aside(disk: Path) -> Path:
    """Return what a disk is called while a larger one has its name."""
    return disk.with_stem(disk.stem + _ASIDE)


def grown(disk: Path) -> Path:
    """Return what a larger copy is called until it is one."""
    return disk.with_stem(f'{disk.stem}.grown')


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceFiles:
    """The files of one server, all in a folder named by its UUID.

    VirtualBox makes the machine's own folder (settings, logs, saved state)
    inside it.
    """

    folder: Path

    @property
    def root_disk(self) -> Path:
        return self.folder / 'root.vdi'

    @property
    def config_drive(self) -> Path:
        return self.folder / 'config-drive.iso'

    @property
    def rescue_disk(self) -> Path:
        return self.folder / 'rescue.vdi'

    @property
    def swap_disk(self) -> Path:
        return self.folder / 'swap.vdi'

    def ephemeral_disk(self, index: int) -> Path:
        return self.folder / f'ephemeral{index}.vdi'

    @property
    def serial_socket(self) -> Path:
        return self.folder / 'serial'

    @property
    def console_log(self) -> Path:
        return self.folder / 'console.log'

    @property
    def spawning(self) -> Path:
        """There while the server is being made: what is left of it, if the
        service ends meanwhile, can be thrown away."""
        return self.folder / 'spawning'

    @property
    def boot_once(self) -> Path:
        """There until the boot that is unlike those after it."""
        return self.folder / 'boot-once'

    def make(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.spawning.touch()

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclasses.dataclass(frozen=True, slots=True)
class HostFiles:
    """The folders of this service.

    :param instances: [DEFAULT] instances_path
    :param private: for secrets; nobody else may read it
    """

    instances: Path
    image_cache: Path
    private: Path

    def instance(self, uuid: str) -> InstanceFiles:
        return InstanceFiles(self.instances / uuid)

    @property
    def snapshots(self) -> Path:
        """Scratch space: what is in it when the service starts is garbage."""
        return self.instances / 'snapshots'

    @property
    def secret(self) -> Path:
        return self.private / 'secret'

    def make(self) -> None:
        """:raises OSError: a folder cannot be made"""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.private.chmod(0o700)
        self.instances.mkdir(parents=True, exist_ok=True)
        self.image_cache.mkdir(exist_ok=True)
        shutil.rmtree(self.snapshots, ignore_errors=True)
        self.snapshots.mkdir()

    def interrupted(self) -> list[str]:
        """Return the UUIDs of the servers whose making was interrupted."""
        return [path.parent.name for path in self.instances.glob('*/spawning')]
