# SPDX-License-Identifier: Apache-2.0
"""The image cache on a host that we reach by the web service alone.

An image is converted here, sent once, and kept there; VirtualBox itself makes
the bases of all sizes from it.  What is in the cache is whole: it is made in
another folder, and moved when it is done.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePath
from typing import Any

from nova import context as nova_context
from oslo_log import log as logging
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import files

LOG = logging.getLogger(__name__)


class RemoteImages:
    """:class:`.storage.Images` on another host.

    :param local: makes raw disks of images
    :param looked_up: is told of each image that was looked for
    :param used: a folder of ours, with an empty file for each in the cache,
        whose time is that of its last use: those on the host cannot be set
    """

    def __init__(self, client: interface.RemoteClient,
                 folders: files.HostFolders,
                 local: imagecache.ImageCache, used: Path,
                 looked_up: telemetry.LookedUp = telemetry.nobody) -> None:
        self._client = client
        self._folder = folders.images
        self._incoming = folders.incoming
        self._local = local
        self._used = used
        self._looked_up = looked_up

    def ensure(self, context: nova_context.RequestContext, image_ref: str,
               trusted_certs: Any = None,
               root_gb: int = 0) -> tuple[PurePath, bool]:
        key = imagecache.cache_name(image_ref, trusted_certs)
        with imagecache.lock(key):
            there = self._client.list_files(self._folder)
            for name in (f'{key}.vdi', f'{key}.iso'):
                if name in there:
                    self._use(name)
                    self._looked_up(False)
                    return self._folder / name, False
            self._looked_up(True)
            with self._local.fetched(context, image_ref, trusted_certs,
                                     root_gb) as image:
                return self._send(image, key), True

    def _send(self, image: Path, key: str) -> PurePath:
        kind, suffix, upload = (
            (api.DiskKind.DVD, '.iso', self._client.upload_file)
            if imagecache.is_iso(image) else
            (api.DiskKind.DISK, '.vdi', self._client.upload_disk))
        begun = time.monotonic()
        with self._making(f'{key}{suffix}', kind) as path:
            upload(image, path)
        LOG.info('Image %s was sent to the host in %.1f seconds', key,
                 time.monotonic() - begun)
        return self._folder / path.name

    @contextlib.contextmanager
    def _making(self, name: str,
                kind: api.DiskKind = api.DiskKind.DISK) -> Iterator[PurePath]:
        """Yield a path; what is made there then is in the cache."""
        path = self._incoming / name
        with undoing.Undo() as undo:
            undo.add(discard, self._client, path, kind)
            yield path
            self._client.move_medium(path, self._folder, kind)
            undo.pop_all()
        self._use(name)

    def base(self, original: PurePath, root_gb: int) -> PurePath:
        name = imagecache.base_name(original, root_gb)
        with imagecache.lock(PurePath(name).stem):
            if name not in self._client.list_files(self._folder):
                imagecache.check_size(self._client.virtual_size(original),
                                      root_gb * units.Gi)
                with self._making(name) as path:
                    self._copy(original, path)
                    if root_gb:
                        self._client.resize_disk(path, root_gb * units.Ki)
            self._use(name)
        return self._folder / name

    def _copy(self, source: PurePath, target: PurePath) -> None:
        try:
            self._client.clone_disk(source, target)
        finally:
            with contextlib.suppress(errors.ClientError):
                # It may be in use. What is left open is closed next time.
                self._client.close_medium(source)

    def bases(self) -> list[PurePath]:
        return self._those(imagecache.is_base)

    def isos(self) -> list[PurePath]:
        return self._those(imagecache.is_iso)

    def _those(self, are: Callable[[PurePath], bool]) -> list[PurePath]:
        return [self._folder / name
                for name in self._client.list_files(self._folder)
                if are(self._folder / name)]

    def copy(self, base: PurePath, target: PurePath) -> None:
        self._copy(base, target)

    def age(self, in_use: Collection[PurePath],
            ages: imagecache.Ages) -> None:
        there = self._client.list_files(self._folder)
        for name in there:
            path = self._folder / name
            limit = (ages.base_s if imagecache.is_base(path)
                     else ages.original_s)
            with imagecache.lock(path.stem):
                age = self._age(name)
                if path in in_use:
                    self._use(name)
                elif age > limit:
                    LOG.info('Deleting %s, which nobody has used for %d '
                             'seconds', path, age)
                    self._client.delete_file(path)
        for stamp in self._used.iterdir():
            if stamp.name not in there:
                stamp.unlink()

    def _use(self, name: str) -> None:
        (self._used / name).touch()
        os.utime(self._used / name)

    def _age(self, name: str) -> float:
        try:
            return time.time() - (self._used / name).stat().st_mtime
        except FileNotFoundError:
            # Somebody else's, or older than this service: from now on.
            self._use(name)
            return 0.0


def discard(client: interface.RemoteClient, path: PurePath,
            kind: api.DiskKind | None = None) -> None:
    """Delete what is half made, whether VirtualBox knows it or not."""
    for each in (kind,) if kind is not None else api.DiskKind:
        with contextlib.suppress(errors.ClientError):
            client.close_medium(path, kind=each)
    client.delete_file(path)
