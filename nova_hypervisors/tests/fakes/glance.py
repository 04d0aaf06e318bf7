# SPDX-License-Identifier: Apache-2.0
"""Images held in memory, behind the methods of nova.image.glance.API."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from nova import exception


class FakeImageAPI:
    """:param folder: where uploaded data goes"""

    def __init__(self, folder: Path) -> None:
        self.images: dict[str, dict] = {}
        self.downloads: list[tuple[str, object]] = []
        self._files: dict[str, Path] = {}
        self._folder = folder

    def add(self, disk_format: str, path: Path, **properties) -> str:
        """Have an image; return its ID."""
        image_id = str(uuid.uuid4())
        self.images[image_id] = {
            'id': image_id, 'name': path.name, 'status': 'active',
            'disk_format': disk_format, 'container_format': 'bare',
            'size': path.stat().st_size, 'properties': properties}
        self._files[image_id] = path
        return image_id

    def path(self, image_id: str) -> Path:
        return self._files[image_id]

    def get(self, context, image_id, include_locations=False,
            show_deleted=True):
        if image_id not in self.images:
            raise exception.ImageNotFound(image_id=image_id)
        return self.images[image_id]

    def download(self, context, image_id, data=None, dest_path=None,
                 trusted_certs=None):
        self.downloads.append((image_id, trusted_certs))
        shutil.copy(self._files[image_id], dest_path)

    def update(self, context, image_id, metadata, data=None,
               purge_props=False):
        image = self.images[image_id]
        image.update(metadata)
        if data is not None:
            path = self._folder / image_id
            with path.open('wb') as file:
                shutil.copyfileobj(data, file)
            self._files[image_id] = path
            image['size'] = path.stat().st_size
        return image
