# SPDX-License-Identifier: Apache-2.0
"""What is fetched from Glance: discs, kernels and ramdisks."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nova import context as nova_context
from nova import exception
from nova.virt import images as nova_images

from nova_hypervisors.clients import errors
from nova_hypervisors.common import imagecache

_PREFIX = 'glance://'


def is_url(ref: str) -> bool:
    return ref.startswith(('http://', 'https://'))


def image_id(ref: str) -> str:
    """Return the ID in a reference: ``glance://ID``, or the ID itself.

    :raises InvalidArgument: it is no UUID
    """
    found = ref.removeprefix(_PREFIX)
    try:
        return str(uuid.UUID(found))
    except ValueError:
        raise errors.InvalidArgument(
            f'{ref!r} is neither the UUID of an image in Glance nor a URL'
        ) from None


class Glance:
    """:param folder: of a cache

    :param timeout_s: of one conversion
    """

    def __init__(self, folder: Path, timeout_s: float) -> None:
        self._folder = folder
        self._cache = imagecache.ImageCache(folder, 'raw', timeout_s)

    def properties(self, context: Any, ref: str) -> dict[str, Any]:
        """Return the properties of an image."""
        with translated():
            found = nova_images.get_info(admin(context), image_id(ref))
        return dict(found.get('properties') or {})

    def disc(self, context: Any, ref: str) -> Path:
        """Return an ISO image.

        :raises InvalidArgument: it is another kind of image
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with translated():
            path, _ = self._cache.ensure(admin(context), image_id(ref))
        if not imagecache.is_iso(path):
            raise errors.InvalidArgument(
                f'the image {ref} is no ISO image: its disk_format has to be '
                'iso')
        return path

    def file(self, context: Any, ref: str) -> Path:
        """Return a file as it is in Glance: a kernel, a ramdisk.

        Nothing opens it but the machine that boots it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        found = image_id(ref)
        path = self._folder / f'{found}.file'
        with imagecache.lock(path.stem), translated():
            if not path.exists():
                part = path.with_suffix('.part')
                try:
                    nova_images.fetch(admin(context), found, str(part))
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
        return path


def admin(context: Any) -> Any:
    """Return a context: nobody has asked for what is cleaned up."""
    return context or nova_context.get_admin_context()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Make our errors of what Nova says of images."""
    try:
        yield
    except exception.ImageNotFound as error:
        raise errors.NotFound(str(error), operation='Glance') from error
    except exception.FlavorDiskSmallerThanImage as error:
        raise errors.InvalidArgument(str(error),
                                     operation='Glance') from error
    except exception.NovaException as error:
        raise errors.ClientError(str(error), operation='Glance') from error
    except OSError as error:
        raise errors.OutOfSpace(
            f'{error.filename or ""} {error.strerror}'.strip(),
            operation='Glance') from error
