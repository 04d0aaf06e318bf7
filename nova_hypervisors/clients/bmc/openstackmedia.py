# SPDX-License-Identifier: Apache-2.0
"""The CD drive of a server: an image in Glance that it is rescued with.

What a URL has is fetched by us, looked at, and uploaded; it is deleted when
it is ejected.
"""

from __future__ import annotations

import abc
import dataclasses
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import imagefiles

CDROM = api.MediaKind.CDROM


@dataclasses.dataclass(frozen=True, slots=True)
class Fetching:
    """How images are fetched.

    :param timeout_s: of fetching one
    :param verify: a file with certificates to trust, or False for none
    """

    timeout_s: float = 600.0
    limit_bytes: int = 8 << 30
    verify: bool | str = True


class Media(abc.ABC):
    """:class:`.clients.bmc.api.MediaApi`."""

    _connection: Any
    _fetching: Fetching
    _id: str | None

    @abc.abstractmethod
    def _using(self, operation: str) -> AbstractContextManager[Any]: ...

    def _image_name(self, server: Any) -> str:
        return f'nova-hypervisors-cdrom-{server.id}'

    def _find_image(self) -> Any:
        return next(self._connection.image.images(
            name=f'nova-hypervisors-cdrom-{self._id}'), None)

    def media(self) -> tuple[api.Media, ...]:
        with self._using('media'):
            return (api.Media(CDROM, self._find_image() is not None),)

    def insist_on_media(self) -> None:  # noqa: B027 there is nothing to ask
        """Do nothing: if we may upload images is said when we do."""

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        if kind is not CDROM:
            raise errors.Unsupported(
                f'a server has no {kind.value} drive',
                operation='insert_media')
        self.eject_media(kind)
        with (tempfile.TemporaryDirectory() as folder,
              self._using('insert_media') as server):
            path = Path(folder) / 'image'
            imagefiles.fetch(url, path, kind,
                             timeout_s=self._fetching.timeout_s,
                             limit_bytes=self._fetching.limit_bytes,
                             verify=self._fetching.verify)
            self._connection.image.create_image(
                self._image_name(server), filename=str(path),
                disk_format='iso', container_format='bare',
                visibility='private', hw_rescue_device='cdrom',
                allow_duplicates=True, wait=True)

    def eject_media(self, kind: api.MediaKind) -> None:
        if kind is not CDROM:
            return
        with self._using('eject_media'):
            for image in list(self._connection.image.images(
                    name=f'nova-hypervisors-cdrom-{self._id}')):
                self._connection.image.delete_image(image)
