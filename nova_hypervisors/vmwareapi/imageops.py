# SPDX-License-Identifier: Apache-2.0
"""Images of Glance on the datastores: uploaded once, and kept.

An image is downloaded, looked at and converted here by our own qemu-img; what
the host gets are the bytes of a disk.  On the datastore it has a folder::

    [datastore] <cache>/<image>/base.vmdk, <GB>.vmdk ...

with a base of the image's size, and one for each size of root disk whose
servers have children of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nova import context as nova_context
from oslo_concurrency import lockutils
from oslo_log import log as logging
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import imagecache
from nova_hypervisors.common import images
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import layout

LOG = logging.getLogger(__name__)

_BASE = 'base.vmdk'
_ISO = 'image.iso'
_FLAT = '-flat.vmdk'

# What virtual disks are multiples of, for us.
_GRAIN = units.Mi


@dataclasses.dataclass(frozen=True, slots=True)
class CachedImage:
    """:param size: of the disk, in bytes"""

    path: api.DatastorePath
    size: int

    @property
    def is_iso(self) -> bool:
        return self.path.name == _ISO


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """An image as it is to be on a datastore.

    :param streamed: it goes there compressed, by an NFC lease
    :param root_gb: of the root disk that it is for; 0 for any
    """

    ref: str
    provisioning: api.Provisioning
    streamed: bool = False
    trusted_certs: Any = None
    root_gb: int = 0

    @property
    def key(self) -> str:
        key = imagecache.cache_name(self.ref, self.trusted_certs)
        thin = self.provisioning is api.Provisioning.THIN
        return f'{key}-thin' if thin else key


class ImageOps:
    """:param timeout_s: limit of one conversion

    :param looked_up: is told of each image that was looked for
    """

    def __init__(self, client: interface.ESXClient, where: layout.Layout,
                 timeout_s: float,
                 clock: Callable[[], float] = time.monotonic,
                 looked_up: telemetry.LookedUp = telemetry.nobody) -> None:
        self._client = client
        self._layout = where
        self._timeout_s = timeout_s
        self._clock = clock
        self._looked_up = looked_up
        # What is known to be there, so that a spawn need not look.
        self._known: dict[api.DatastorePath, CachedImage] = {}
        self._unused_since: dict[api.DatastorePath, float] = {}

    def ensure(self, context: nova_context.RequestContext, datastore: str,
               wanted: Wanted) -> tuple[CachedImage, bool]:
        """Return an image on a datastore, and whether it was fetched.

        :raises ImageUnacceptable: it may not be used
        :raises FlavorDiskSmallerThanImage: it does not fit
        """
        folder = self._layout.images(datastore) / wanted.key
        with lockutils.lock(f'nova-hypervisors-{folder}'):
            found = self._known.get(folder) or self._find(folder)
            fetched = found is None
            self._looked_up(fetched)
            if found is None:
                found = self._fetch(context, folder, wanted)
            self._known[folder] = found
            self._unused_since.pop(folder, None)
        if not found.is_iso:
            imagecache.check_size(found.size, wanted.root_gb * units.Gi)
        return found, fetched

    def forget(self, image: CachedImage) -> None:
        """Look for an image again: it was not where it should be."""
        self._known.pop(image.path.parent, None)

    def _find(self, folder: api.DatastorePath) -> CachedImage | None:
        try:
            sizes = {file.path: file.size
                     for file in self._client.list_folder(folder)}
        except errors.NotFound:
            return None
        if _ISO in sizes:
            return CachedImage(folder / _ISO, sizes[_ISO])
        flat = _BASE.removesuffix('.vmdk') + _FLAT
        if _BASE in sizes and flat in sizes:
            return CachedImage(folder / _BASE, sizes[flat])
        return None

    def sized(self, image: CachedImage, root_gb: int,
              provisioning: api.Provisioning) -> CachedImage:
        """Return a base that children of a size can be made of."""
        size = root_gb * units.Gi
        if size in (0, image.size):
            return image
        path = image.path.parent / f'{root_gb}.vmdk'
        with lockutils.lock(f'nova-hypervisors-{path}'):
            if path not in self._known and path.name not in {
                    file.path for file
                    in self._client.list_folder(path.parent)}:
                with self._published(path) as part:
                    self._client.copy_disk(image.path, part, provisioning)
                    self._client.extend_disk(part, size)
            self._known[path] = CachedImage(path, size)
        return self._known[path]

    def _fetch(self, context: nova_context.RequestContext,
               folder: api.DatastorePath, wanted: Wanted) -> CachedImage:
        with self._downloaded(context, wanted) as (image, path):
            self._client.make_folder(folder)
            if image.format == 'iso':
                size = path.stat().st_size
                with path.open('rb') as data:
                    self._client.upload(folder / _ISO, data, size)
                return CachedImage(folder / _ISO, size)
            imagecache.check_size(image.virtual_size,
                                  wanted.root_gb * units.Gi)
            if wanted.streamed:
                return self._stream(folder, image, path)
            return self._upload(folder, image, path, wanted.provisioning)

    @contextlib.contextmanager
    def _downloaded(self, context: nova_context.RequestContext,
                    wanted: Wanted) -> Iterator[tuple[images.Image, Path]]:
        path = self._layout.downloads / str(uuid.uuid4())
        try:
            yield (images.fetch(context, wanted.ref, path,
                                wanted.trusted_certs), path)
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _converted(self, image: images.Image, path: Path, target_format: str,
                   *options: str) -> Iterator[Path]:
        """Yield a file that our own qemu-img wrote."""
        target = path.with_suffix('.converted')
        try:
            images.convert(path, images.QEMU_FORMATS[image.format], target,
                           target_format, virtual_size=image.virtual_size,
                           timeout_s=self._timeout_s, options=options)
            path.unlink()
            yield target
        finally:
            target.unlink(missing_ok=True)

    def _upload(self, folder: api.DatastorePath, image: images.Image,
                path: Path, provisioning: api.Provisioning) -> CachedImage:
        size = rounded(image.virtual_size)
        with (self._converted(image, path, 'raw') as raw,
              self._published(folder / _BASE) as part):
            os.truncate(raw, size)
            with raw.open('rb') as data:
                self.write_disk(part, data, size, provisioning,
                                api.DiskBus.LSI_LOGIC)
        return CachedImage(folder / _BASE, size)

    def write_disk(self, path: api.DatastorePath, data: api.Readable,
                   size: int, provisioning: api.Provisioning,
                   bus: api.DiskBus) -> None:
        """Make a disk of bytes; what is left after an error is the caller's.

        :param size: of the disk
        """
        self._client.create_disk(path, size, api.Provisioning.THICK, bus)
        flat = flat_of(path)
        self._client.delete_file(flat)
        self._client.upload(flat, data, size)
        if provisioning is api.Provisioning.THIN:
            self._thin(path)

    def _thin(self, part: api.DatastorePath) -> None:
        """Make a disk thin: what is uploaded never is."""
        thick = part.parent / f'thick-{part.name}'
        self._client.move_disk(part, thick)
        with undoing.Undo() as undo:
            undo.add(self._delete_disk, thick)
            self._client.copy_disk(thick, part, api.Provisioning.THIN)

    def _stream(self, folder: api.DatastorePath, image: images.Image,
                path: Path) -> CachedImage:
        with (self._converted(image, path, 'vmdk', '-o',
                              'subformat=streamOptimized') as stream,
              self._published(folder / _BASE) as part,
              stream.open('rb') as data):
            self._client.import_disk(part, data, stream.stat().st_size,
                                     image.virtual_size)
        return CachedImage(folder / _BASE, image.virtual_size)

    @contextlib.contextmanager
    def _published(self, path: api.DatastorePath,
                   ) -> Iterator[api.DatastorePath]:
        """Yield a name for a disk that gets its own when it is complete.

        Another service may have been faster; the first one stays.
        """
        part = path.parent / f'part-{uuid.uuid4()}.vmdk'
        with undoing.Undo() as undo:
            undo.add(self._delete_disk, part)
            yield part
            with contextlib.suppress(errors.AlreadyExists):
                self._client.move_disk(part, path)
                undo.pop_all()

    def _delete_disk(self, path: api.DatastorePath) -> None:
        with contextlib.suppress(errors.NotFound):
            self._client.delete_disk(path)

    def cache_image(self, context: nova_context.RequestContext,
                    datastore: str, image_ref: str) -> bool:
        """Fetch an image; return whether it had not been there."""
        _, fetched = self.ensure(context, datastore, Wanted(
            image_ref, api.Provisioning.THICK))
        return fetched

    def age(self, datastores: list[str], age_s: float) -> None:
        """Delete what nobody uses and nobody has used for some time.

        When it was last used is not told by a datastore: it is counted from
        when we first saw it unused.
        """
        chains = self._chains()
        for datastore in datastores:
            root = self._layout.images(datastore)
            with contextlib.suppress(errors.NotFound):
                for file in self._client.list_folder(root):
                    if file.folder:
                        self._age_folder(root / file.path, chains, age_s)

    def _age_folder(self, folder: api.DatastorePath,
                    chains: set[api.DatastorePath], age_s: float) -> None:
        with lockutils.lock(f'nova-hypervisors-{folder}'):
            now = self._clock()
            if any(path.parent == folder for path in chains):
                self._unused_since.pop(folder, None)
            elif now - self._unused_since.setdefault(folder, now) > age_s:
                LOG.info('Deleting %s, which nobody has used for %d seconds',
                         folder, age_s)
                for path in [path for path in self._known
                             if folder in (path, path.parent)]:
                    del self._known[path]
                self._client.delete_file(folder)
                del self._unused_since[folder]

    def _chains(self) -> set[api.DatastorePath]:
        """Return all files that machines' disks are made of."""
        found: set[api.DatastorePath] = set()
        for machine in self._client.list_machines():
            with contextlib.suppress(errors.MachineNotFound):
                details = self._client.machine_details(machine.ref)
                if details.cdrom is not None:
                    found.add(details.cdrom)
                for disk in details.disks:
                    found.update(disk.parents)
                    if disk.path is not None:
                        found.add(disk.path)
        return found


def flat_of(path: api.DatastorePath) -> api.DatastorePath:
    """Return the file with the bytes of a disk that is no child."""
    return path.parent / (path.name.removesuffix('.vmdk') + _FLAT)


def rounded(size: int) -> int:
    return -(-size // _GRAIN) * _GRAIN
