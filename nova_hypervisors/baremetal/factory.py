# SPDX-License-Identifier: Apache-2.0
"""Builds the driver's parts from the configuration."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from castellan import key_manager
from castellan.common import exception as castellan_exception
from castellan.common import utils as castellan_utils
from oslo_config import cfg

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import publishers
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import usage

_NO_OPTION = (cfg.NoSuchGroupError, cfg.NoSuchOptError)


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """What the command for nodes needs, and the driver too."""

    host: str
    database: database.Database
    store: store.Store
    services: backend.Services
    registry: interfaces.Registry


def make_inventory(conf: cfg.ConfigOpts) -> Inventory:
    """Connect to nothing; ``database.upgrade`` comes first."""
    folder = Path(conf.state_path) / 'baremetal'
    db = database.Database(conf.baremetal.connection, folder)
    nodes = store.Store(db)
    services = backend.Services(
        settings.Sources(functools.partial(_option, conf),
                         functools.partial(_secret, conf)),
        folder, backend.Machines(), nodes, usage.Images(db, conf.host),
        deploying.Deploying(deploying.settings_of(conf, folder),
                            functools.partial(publishers.make, conf, folder)))
    return Inventory(conf.host, db, nodes, services,
                     interfaces.Registry(services))


def _option(conf: cfg.ConfigOpts, group: str, name: str) -> Any:
    try:
        return (conf if group == 'DEFAULT' else conf[group])[name]
    except _NO_OPTION:
        return None


def _secret(conf: cfg.ConfigOpts, reference: str) -> str:
    """Return what a reference stands for: see settings.Setting.

    :raises ValueError: it cannot be had
    """
    kind, _, name = reference.partition(':')
    if kind != 'castellan':
        return settings.secret_from(reference)
    try:
        # As [key_manager] says: auth_type and what it needs.
        found = key_manager.API(conf).get(
            castellan_utils.credential_factory(conf), name)
    except castellan_exception.CastellanException as error:
        raise ValueError(f'the key manager does not give {name}: '
                         f'{error}') from None
    value = found.get_encoded()
    return value.decode() if isinstance(value, bytes) else str(value)
