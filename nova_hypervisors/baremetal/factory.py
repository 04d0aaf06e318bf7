# SPDX-License-Identifier: Apache-2.0
"""Builds the driver's parts from the configuration."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from castellan import key_manager
from castellan.common import utils as castellan_utils
from nova import context as nova_context
from nova.network import neutron
from nova.virt import event as virtevent
from nova.virt import virtapi as nova_virtapi
from oslo_config import cfg

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import cleaning
from nova_hypervisors.baremetal import consoleops
from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import deployops
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import imageops
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import networkops
from nova_hypervisors.baremetal import powerops
from nova_hypervisors.baremetal import publishers
from nova_hypervisors.baremetal import rescueops
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.baremetal import usage
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import availability
from nova_hypervisors.common import health
from nova_hypervisors.common import locks
from nova_hypervisors.common import metrics
from nova_hypervisors.common import secrets
from nova_hypervisors.common import serviceops
from nova_hypervisors.consoles import certificates
from nova_hypervisors.consoles import relay

_NO_OPTION = (cfg.NoSuchGroupError, cfg.NoSuchOptError)


@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """What the command for nodes needs, and the driver too."""

    host: str
    database: database.Database
    store: store.Store
    services: backend.Services
    registry: interfaces.Registry


def make_inventory(conf: cfg.ConfigOpts,
                   observe: telemetry.Observer | None = None) -> Inventory:
    """Connect to nothing; ``database.upgrade`` comes first.

    :param observe: is told of each call of a machine's controller
    """
    folder = Path(conf.state_path) / 'baremetal'
    db = database.Database(conf.baremetal.connection, folder)
    nodes = store.Store(db)
    services = backend.Services(
        settings.Sources(functools.partial(_option, conf),
                         functools.partial(_secret, conf)),
        backend.Machines(observe), folder, nodes,
        usage.Images(db, conf.host),
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
    except Exception as error:
        # Backends have errors of their own beside castellan's.
        raise ValueError(f'the key manager does not give {name}: '
                         f'{error}') from None
    value = found.get_encoded()
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What the driver hands its calls to, by noun."""

    inventory: Inventory
    host: hostops.HostOps
    consoles: consoleops.ConsoleOps
    health: health.Endpoint
    images: imageops.ImageOps
    service: serviceops.ServiceOps
    networks: networkops.NetworkOps
    power: powerops.PowerOps
    deploys: deployops.DeployOps
    rescues: rescueops.RescueOps
    cleaner: cleaning.Cleaner
    watcher: powerops.Watcher


def make_parts(conf: cfg.ConfigOpts, virtapi: nova_virtapi.VirtAPI,
               emit: Callable[[virtevent.LifecycleEvent], None],
               measures: metrics.Metrics | None = None) -> Parts:
    group = conf.baremetal
    here = make_inventory(conf, measures.observe if measures else None)
    instance_locks = locks.InstanceLocks()
    host = hostops.HostOps(here.store, here.host)
    make = tasks.Tasks(here.registry, here.services)
    poller = powerops.Poller(here.store, host, make, group.workers)
    cleaner = cleaning.Cleaner(
        here.store, host, make,
        functools.partial(cleaning.load, group.clean_steps), group.workers)
    available = availability.Availability(virtapi, conf.host,
                                          group.power_poll_interval)
    count = functools.partial(here.store.count, here.host)
    watch = powerops.Watcher(
        functools.partial(_look, poller, cleaner, here.services.deploying),
        powerops.EVENTS,
        instance_locks, group.power_poll_interval, emit, host=available,
        # A machine that is gone is one node that takes no servers.  Without
        # their database all are.
        probe=count)
    if measures:
        measures.show_servers(watch.states)
        measures.show_nodes(count)
    networks = networkops.NetworkOps(here.store, _neutron)
    power = powerops.PowerOps(
        here.store, host, make, instance_locks, watch,
        timeout_s=group.power_timeout,
        soft_s=group.soft_power_off_timeout)
    return Parts(
        inventory=here, host=host, networks=networks, power=power,
        health=health.Endpoint.of(conf, available, measures),
        consoles=_make_consoles(conf, here, host, make),
        images=imageops.ImageOps(here.services),
        service=serviceops.ServiceOps(conf.host),
        deploys=deployops.DeployOps(
            here.store, host, make, instance_locks, networks, cleaner,
            power, deployops.Settings(
                folder=here.services.state_path, host=here.host,
                default_format=(conf.default_ephemeral_format
                                or group.default_ephemeral_format),
                automated_clean=group.automated_clean)),
        rescues=rescueops.RescueOps(here.store, host, make, instance_locks,
                                    power),
        cleaner=cleaner, watcher=watch)


def _make_consoles(conf: cfg.ConfigOpts, here: Inventory,
                   host: hostops.HostOps,
                   make: tasks.Tasks) -> consoleops.ConsoleOps:
    group = conf.baremetal
    secret = secrets.HostSecret(here.services.state_path / 'secret')
    return consoleops.ConsoleOps(
        here.store, host, make, here.services.sources,
        console_relay=None if group.console_port is None else relay.Relay(
            group.console_port, secret.derive, functools.partial(
                certificates.load, group.console_certificate,
                group.console_private_key, group.console_client_ca)),
        address=str(conf.vnc.server_proxyclient_address))


def _look(poller: powerops.Poller, cleaner: cleaning.Cleaner,
          common: deploying.Deploying | None) -> Mapping[str, api.Power]:
    # By the way: what the command for nodes wants cleaned.
    cleaner.look()
    if common is not None:
        common.sweep()
    return poller.look()


def _neutron() -> Any:
    """Return a client that may change what belongs to others."""
    return neutron.get_client(nova_context.get_admin_context(), admin=True)
