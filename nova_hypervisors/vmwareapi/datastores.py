# SPDX-License-Identifier: Apache-2.0
"""Which of a host's datastores a server goes to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nova import exception

from nova_hypervisors.clients.vsphere import api

# They keep objects and no files: the bytes of a disk cannot be uploaded.
_OBJECT_STORES = ('vsan', 'VVOL')


def usable(found: Iterable[api.Datastore], pattern: re.Pattern[str] | None,
           ) -> list[api.Datastore]:
    """Return the datastores for servers, the one with most space first.

    :param pattern: [vmware] datastore_regex
    """
    return sorted(
        (datastore for datastore in found
         if datastore.accessible and not datastore.maintenance
         and datastore.type not in _OBJECT_STORES
         and (pattern is None or pattern.match(datastore.name))),
        key=lambda datastore: (-datastore.free, datastore.name))


def choose(candidates: list[api.Datastore], size: int) -> api.Datastore:
    """Return the datastore for a server.

    :param candidates: of :func:`usable`
    :param size: what it takes, in bytes
    :raises ComputeResourcesUnavailable: none has room
    """
    for datastore in candidates[:1]:
        if datastore.free >= size:
            return datastore
    names = ', '.join(f'{datastore.name} ({datastore.free // 2 ** 20} MB '
                      'free)' for datastore in candidates)
    raise exception.ComputeResourcesUnavailable(
        reason=f'no datastore has {size // 2 ** 20} MB free: {names}'
        if names else 'the host has no datastore for servers: see [vmware] '
        'datastore_regex')
