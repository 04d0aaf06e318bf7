# SPDX-License-Identifier: Apache-2.0
"""Files on a host that we reach by VirtualBox's web service alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from pathlib import PurePath

from nova import exception
from oslo_log import log as logging
from oslo_utils import units
from oslo_utils import uuidutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import remoteimages

LOG = logging.getLogger(__name__)


class RemoteStorage:
    """:class:`.storage.Storage` on another host.

    :param scratch: a folder of ours
    :param size_gb: what servers have there; None if VirtualBox is to measure
    """

    def __init__(self, client: interface.RemoteClient,
                 folders: files.HostFolders, scratch: Path,
                 images: remoteimages.RemoteImages,
                 size_gb: int | None) -> None:
        self._client = client
        self._folders = folders
        self._scratch = scratch
        self._size_gb = size_gb
        self.images = images

    def prepare(self) -> None:
        folders = self._folders
        for folder in (folders.disks, folders.images, folders.incoming,
                       folders.machines):
            self._client.make_folder(folder)

    def discard_interrupted(self) -> None:
        folders = self._folders
        for name in self._client.list_files(folders.incoming):
            LOG.info('Deleting %s, which was interrupted', name)
            remoteimages.discard(self._client, folders.incoming / name)

    def space(self) -> api.DiskSpace:
        """:raises InvalidConfiguration: VirtualBox does not measure it"""
        if self._size_gb is not None:
            total = self._size_gb * units.Gi
            return api.DiskSpace(total, max(0, total - self._own()))
        space = self._client.disk_space(self._folders.top)
        if space is None:
            raise exception.InvalidConfiguration(
                '[virtualbox] webservice_disk_gb: VirtualBox does not measure '
                f'the file system of {self._folders.top} on its host; set how '
                'much of it servers may have')
        return space

    def taken_by_others(self, own: Callable[[PurePath], bool]) -> int:  # noqa: ARG002
        """What is not ours and is not free; who has it cannot be seen."""
        if self._size_gb is not None:
            return 0
        space = self.space()
        return max(0, space.total - space.free - self._own())

    def _own(self) -> int:
        return sum(sum(self._client.list_files(folder).values()) for folder
                   in (self._folders.disks, self._folders.images))

    def write(self, path: PurePath, write: Callable[[Path], None]) -> None:
        here = self._scratch / uuidutils.generate_uuid()
        try:
            write(here)
            self._client.upload_file(here, path)
        finally:
            here.unlink(missing_ok=True)

    def read(self, disk: PurePath, scratch: Path) -> tuple[Path, str]:
        here = scratch.with_suffix('.stream')
        self._client.download_disk(disk, here)
        return here, 'vmdk'

    def exists(self, path: PurePath) -> bool:
        try:
            return path.name in self._client.list_files(path.parent)
        except errors.NotFound:
            return False

    def delete(self, path: PurePath) -> None:
        self._client.delete_file(path)

    def delete_all(self, instance_files: files.InstanceFiles) -> None:
        folder = self._folders.disks
        with contextlib.suppress(errors.NotFound):
            for name in self._client.list_files(folder):
                if instance_files.owns(folder / name):
                    self._client.delete_file(folder / name)
        instance_files.delete()
