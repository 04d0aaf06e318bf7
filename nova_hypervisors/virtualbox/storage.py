# SPDX-License-Identifier: Apache-2.0
"""Where VirtualBox's files are kept, and how they get there.

Here: in folders that we have in common with VirtualBox.  In
:mod:`.remotestorage`: on a host that we reach by the web service alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from collections.abc import Collection
from pathlib import Path
from pathlib import PurePath
from typing import Any
from typing import Protocol

from nova import context as nova_context

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import imagecache
from nova_hypervisors.virtualbox import files

_BLOCK = 512


class Images(Protocol):
    """See :class:`.common.imagecache.ImageCache`."""

    def ensure(self, context: nova_context.RequestContext, image_ref: str,
               trusted_certs: Any = None,
               root_gb: int = 0) -> tuple[PurePath, bool]: ...

    def base(self, original: PurePath, root_gb: int) -> PurePath: ...

    def bases(self) -> Collection[PurePath]: ...

    def isos(self) -> Collection[PurePath]: ...

    def copy(self, base: PurePath, target: PurePath) -> None: ...

    def age(self, in_use: Collection[PurePath],
            ages: imagecache.Ages) -> None: ...


class Storage(Protocol):
    """:ivar images: the image cache"""

    @property
    def images(self) -> Images: ...

    def prepare(self) -> None:
        """Make the folders, and find out if we may write in them."""

    def discard_interrupted(self) -> None:
        """Throw away what was half made when the service last ended."""

    def space(self) -> api.DiskSpace:
        """Return how much there is for servers."""

    def taken_by_others(self, own: Callable[[PurePath], bool]) -> int:
        """Return the bytes of it that something else than servers has.

        :param own: whether a disk is ours
        """

    def write(self, path: PurePath, write: Callable[[Path], None]) -> None:
        """Make a file that VirtualBox opens.

        :param write: writes it to a path of ours; nobody else may read it
        """

    def read(self, disk: PurePath, scratch: Path) -> tuple[Path, str]:
        """Copy a disk, with all that its parents hold, to a file of ours.

        :param scratch: without a suffix
        :returns: the file, and qemu-img's name of its format
        """

    def exists(self, path: PurePath) -> bool: ...

    def delete(self, path: PurePath) -> None:
        """Delete a file, if it is there."""

    def delete_all(self, instance_files: files.InstanceFiles) -> None:
        """Delete all files of a server."""


class LocalStorage:
    """:class:`Storage` in folders that VirtualBox sees too."""

    def __init__(self, client: interface.VBoxClient,
                 host_files: files.HostFiles,
                 images: imagecache.ImageCache) -> None:
        self._client = client
        self._files = host_files
        self.images = images

    def prepare(self) -> None:
        """Do nothing: HostFiles.make has."""

    def discard_interrupted(self) -> None:
        """Do nothing: HostFiles.make has."""

    def space(self) -> api.DiskSpace:
        usage = shutil.disk_usage(self._files.instances)
        return api.DiskSpace(usage.total, usage.free)

    def taken_by_others(self, own: Callable[[PurePath], bool]) -> int:
        device = self._files.instances.stat().st_dev
        disks = [Path(medium.path) for medium in self._client.list_media()]
        return sum(_bytes(path, device) for path in disks if not own(path))

    def write(self, path: PurePath, write: Callable[[Path], None]) -> None:
        write(Path(path))

    def read(self, disk: PurePath, scratch: Path) -> tuple[Path, str]:
        flat = scratch.with_suffix('.vdi')
        self._client.clone_disk(disk, flat)
        return flat, 'vdi'

    def exists(self, path: PurePath) -> bool:
        return Path(path).exists()

    def delete(self, path: PurePath) -> None:
        Path(path).unlink(missing_ok=True)

    def delete_all(self, instance_files: files.InstanceFiles) -> None:
        instance_files.delete()


def _bytes(path: Path, device: int) -> int:
    """Return what a file takes of a file system."""
    try:
        stat = path.stat()
    except OSError:
        return 0
    return stat.st_blocks * _BLOCK if stat.st_dev == device else 0
