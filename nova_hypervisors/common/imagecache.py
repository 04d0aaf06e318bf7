# SPDX-License-Identifier: Apache-2.0
"""Images of Glance, converted once and kept.

There are two levels.  An image is downloaded, looked at and converted once;
for each size of root disk that it is booted with, a base of that size is made
from it.  Disks that differ from a base must be as large as it, hence the
second level; a request to cache an image names no size, hence the first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
import uuid
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePath
from typing import Any

from nova import context as nova_context
from nova import exception
from nova.virt import images as nova_images
from oslo_concurrency import lockutils
from oslo_log import log as logging
from oslo_utils import units
from oslo_utils import uuidutils

from nova_hypervisors.clients import telemetry
from nova_hypervisors.common import images

LOG = logging.getLogger(__name__)

_TEMPORARY = '.part'
_ISO = '.iso'


@dataclasses.dataclass(frozen=True, slots=True)
class Ages:
    """Seconds after which something that is not in use is deleted."""

    original_s: float
    base_s: float


class ImageCache:
    """:param disk_format: qemu-img's name of what the hypervisor opens

    :param timeout_s: limit of one conversion
    :param looked_up: is told of each image that was looked for
    """

    def __init__(self, folder: Path, disk_format: str, timeout_s: float,
                 looked_up: telemetry.LookedUp = telemetry.nobody) -> None:
        self._folder = folder
        self._format = disk_format
        self._timeout_s = timeout_s
        self._looked_up = looked_up

    def ensure(self, context: nova_context.RequestContext, image_ref: str,
               trusted_certs: Any = None,
               root_gb: int = 0) -> tuple[Path, bool]:
        """Return the converted image, and whether it had to be fetched.

        An ISO image comes out as an ISO image, any other as a disk.

        :param root_gb: if the image is for a root disk of this size
        :raises ImageUnacceptable: it may not be used
        :raises FlavorDiskSmallerThanImage: it does not fit; nothing was
            converted
        """
        key = cache_name(image_ref, trusted_certs)
        with lock(key):
            for path in (self._original(key), self._iso(key)):
                if path.exists():
                    os.utime(path)
                    self._looked_up(False)
                    return path, False
            self._looked_up(True)
            with self.fetched(context, image_ref, trusted_certs,
                              root_gb) as part:
                path = (self._iso(key) if is_iso(part)
                        else self._original(key))
                _publish(part, path)
            return path, True

    @contextlib.contextmanager
    def fetched(self, context: nova_context.RequestContext, image_ref: str,
                trusted_certs: Any, root_gb: int) -> Iterator[Path]:
        """Yield a temporary file with the converted image.

        See :meth:`ensure`.
        """
        with self._temporary() as download:
            image = images.fetch(context, image_ref, download, trusted_certs)
            suffix, target_format = _ISO, 'raw'
            if image.format != 'iso':
                # A small file can hold a disk of terabytes, whose mere
                # tables fill the cache.
                check_size(image.virtual_size, root_gb * units.Gi)
                suffix, target_format = _TEMPORARY, self._format
            with self._temporary(suffix) as part:
                images.convert(
                    image.path, images.QEMU_FORMATS[image.format], part,
                    target_format, virtual_size=image.virtual_size,
                    timeout_s=self._timeout_s)
                download.unlink()
                yield part

    def base(self, original: PurePath, root_gb: int) -> Path:
        """Return an image at the size of a root disk.

        :param original: what :meth:`ensure` returned
        :param root_gb: 0 for the size of the image
        :raises FlavorDiskSmallerThanImage: the image does not fit
        """
        path = self._folder / base_name(original, root_gb)
        with lock(path.stem):
            if not path.exists():
                self._make_base(Path(original), path, root_gb * units.Gi)
            os.utime(path)
        return path

    def bases(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if is_base(path)]

    def isos(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if is_iso(path)]

    def copy(self, base: PurePath, target: PurePath) -> None:
        """Write a base anew, as a disk of its own."""
        size = self._virtual_size(Path(base))
        images.convert(Path(base), self._format, Path(target), self._format,
                       virtual_size=size, timeout_s=self._timeout_s)

    def age(self, in_use: Collection[PurePath], ages: Ages) -> None:
        """Delete what nobody uses and nobody has used for some time.

        :param in_use: the files that the hypervisor has open or refers to
        """
        for path in sorted(self._folder.iterdir()):
            limit = ages.base_s if is_base(path) else ages.original_s
            with lock(path.stem), contextlib.suppress(FileNotFoundError):
                age = time.time() - path.stat().st_mtime
                if path in in_use:
                    os.utime(path)
                elif age > limit:
                    LOG.info('Deleting %s, which nobody has used for %d '
                             'seconds', path, age)
                    path.unlink()

    def _make_base(self, original: Path, path: Path, size: int) -> None:
        image_size = self._virtual_size(original)
        check_size(image_size, size)
        with self._temporary() as part:
            images.create(part, self._format, size or image_size)
            images.convert(
                original, self._format, part, self._format,
                virtual_size=size or image_size, timeout_s=self._timeout_s,
                options=('-n', '--target-is-zero'))
            _publish(part, path)

    def _virtual_size(self, path: Path) -> int:
        info = nova_images.qemu_img_info(str(path), format=self._format)
        return info.virtual_size

    def _original(self, key: str) -> Path:
        return self._folder / f'{key}.{self._format}'

    def _iso(self, key: str) -> Path:
        return self._folder / f'{key}{_ISO}'

    @contextlib.contextmanager
    def _temporary(self, suffix: str = _TEMPORARY) -> Iterator[Path]:
        path = self._folder / f'{uuid.uuid4()}{suffix}'
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def check_size(image_size: int, size: int) -> None:
    if size and size < image_size:
        raise exception.FlavorDiskSmallerThanImage(
            flavor_size=size, image_size=image_size)


def is_iso(original: PurePath) -> bool:
    return original.suffix == _ISO


def base_name(original: PurePath, root_gb: int) -> str:
    return f'{original.stem}_{root_gb}{original.suffix}'


def is_base(path: PurePath) -> bool:
    return '_' in path.stem


def cache_name(image_ref: str, trusted_certs: Any) -> str:
    """Return what an image is called in the cache.

    Which certificates it was checked with is part of it: an image that was
    never checked must not pass for one that was.
    """
    key = (image_ref if uuidutils.is_uuid_like(image_ref)
           else hashlib.sha256(image_ref.encode()).hexdigest())
    if trusted_certs is not None:
        certs = ' '.join(sorted(trusted_certs.ids))
        key += f'-{hashlib.sha256(certs.encode()).hexdigest()[:16]}'
    return key


def lock(key: str) -> contextlib.AbstractContextManager[Any]:
    return lockutils.lock(f'nova-hypervisors-image-{key}')


def _publish(part: Path, path: Path) -> None:
    """Give a finished file its name, unless another host has just done so.

    Hosts may have the cache in common, and disks differ from the file that
    was there when they were made.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without links is one host's.
        part.replace(path)
