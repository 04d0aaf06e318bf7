# SPDX-License-Identifier: Apache-2.0
"""Nodes of bare metal for tests, and what looks after them."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path
from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import usage

HOST = 'here'


@dataclasses.dataclass(slots=True)
class Service:
    """:ivar options: by 'group.name': what an operator has set"""

    url: str
    options: dict[str, Any]
    database: database.Database
    store: store.Store
    images: usage.Images
    services: backend.Services
    registry: interfaces.Registry

    def add(self, name: str = 'node-1', /, **changes: Any) -> nodes.Node:
        node = make_node(name, **changes)
        self.store.create(node)
        return node


def make_service(folder: Path, url: str | None = None,
                 host: str = HOST) -> Service:
    options: dict[str, Any] = {}
    url = url or f'sqlite:///{folder}/nodes.db'
    db = database.Database(url, folder)
    db.upgrade()
    kept = store.Store(db)
    images = usage.Images(db, host)
    services = backend.Services(
        settings.Sources(lambda group, name: options.get(f'{group}.{name}'),
                         settings.secret_from),
        backend.Machines(), folder, kept, images)
    return Service(url, options, db, kept, images, services,
                   interfaces.Registry(services))


def make_node(name: str = 'node-1', /, **changes: Any) -> nodes.Node:
    number = sum(name.encode())
    return nodes.Node(**{
        'uuid': str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), 'name': name,
        'service_host': HOST, 'resource_class': 'baremetal.small',
        'properties': {'memory_mb': 1024, 'cpus': 2, 'local_gb': 10,
                       'cpu_arch': 'x86_64'},
        'ports': (nodes.Port(f'52:54:00:00:{number >> 8:02x}:'
                             f'{number & 255:02x}'),),
        **changes})
