# SPDX-License-Identifier: Apache-2.0
"""Images that this host keeps, to write them to nodes."""

from __future__ import annotations

import functools

from nova import context as nova_context

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal.deploy import iscsi


class ImageOps:
    def __init__(self, services: backend.Services) -> None:
        self._services = services

    @functools.cached_property
    def _cache(self) -> iscsi.InstanceImageCache:
        return iscsi.InstanceImageCache(
            backend.common(self._services))

    def cache_image(self, context: nova_context.RequestContext,
                    image_ref: str) -> bool:
        """Fetch an image; return whether it had not been there."""
        with glance.translated():
            _, fetched = self._cache.ensure(context,
                                            glance.image_id(image_ref))
        return fetched

    def age(self) -> None:
        """Forget images that nobody has used for some time."""
        self._cache.forget_old()
