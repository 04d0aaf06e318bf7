# SPDX-License-Identifier: Apache-2.0
"""From a server's root disk, once it has been read, to an image in Glance."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.image import glance
from nova.virt import images as nova_images

from nova_hypervisors.common import images

#: The names of the snapshots that we take of machines begin with it.
PREFIX = 'nova-'

_OPTIONS = {
    'qcow2': ('-c',),
    'vmdk': ('-o', 'subformat=streamOptimized'),
}

# Formats in which a disk comes from nobody but the hypervisor beside us.
_AS_READ = ('raw', 'vdi')


class SnapshotImages:
    """:param folder: scratch space

    :param image_format: in which snapshots go to Glance
    :param timeout_s: limit of one conversion
    :param properties: of images in that format
    """

    def __init__(self, image_api: glance.API, folder: Path, *,
                 image_format: str, timeout_s: float,
                 properties: dict[str, str] | None = None) -> None:
        self._image_api = image_api
        self._folder = folder
        self._format = image_format
        self._timeout_s = timeout_s
        self._properties = properties or {}

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a path whose suffixes may be used."""
        path = self._folder / str(uuid.uuid4())
        try:
            yield path
        finally:
            for leftover in self._folder.glob(f'{path.name}*'):
                leftover.unlink()

    def make(self, context: nova_context.RequestContext,
             instance: objects.Instance, image_id: str,
             update_task_state: Callable[..., None],
             read: Callable[[Path], tuple[Path, str]]) -> None:
        """Put a disk into an image.

        :param read: writes a disk at a path in scratch space, and returns
            where it is and its format
        """
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        with self.scratch() as scratch:
            image = self._converted(*read(scratch))
            update_task_state(
                task_state=task_states.IMAGE_UPLOADING,
                expected_state=task_states.IMAGE_PENDING_UPLOAD)
            self._upload(context, instance, image_id, image)

    def _converted(self, disk: Path, disk_format: str) -> Path:
        if self._format == disk_format and disk_format in _AS_READ:
            return disk
        # It also finds out if the stream of another host was damaged.
        target = disk.with_suffix(f'.{self._format}')
        size = nova_images.qemu_img_info(str(disk),
                                         format=disk_format).virtual_size
        images.convert(disk, disk_format, target, self._format,
                       virtual_size=size, timeout_s=self._timeout_s,
                       options=_OPTIONS.get(self._format, ()))
        disk.unlink()
        return target

    def _upload(self, context: nova_context.RequestContext,
                instance: objects.Instance, image_id: str,
                path: Path) -> None:
        image = self._image_api.get(context, image_id)
        metadata = self._metadata(instance, image['name'])
        with path.open('rb') as data:
            self._image_api.update(context, image_id, metadata, data,
                                   purge_props=False)

    def _metadata(self, instance: objects.Instance,
                  name: str) -> dict[str, Any]:
        properties = {'image_location': 'snapshot',
                      'image_state': 'available',
                      'owner_id': instance.project_id, **self._properties}
        if instance.os_type:
            properties['os_type'] = instance.os_type
        return {'status': 'active', 'name': name, 'properties': properties,
                'disk_format': self._format, 'container_format': 'bare'}
