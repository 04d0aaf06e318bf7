# SPDX-License-Identifier: Apache-2.0
"""What the ESX host is, and whether the driver can use it."""

from __future__ import annotations

import io
import re
import uuid

from nova import exception
from oslo_config import cfg
from oslo_utils import timeutils
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import checks
from nova_hypervisors.common import network
from nova_hypervisors.vmwareapi import datastores
from nova_hypervisors.vmwareapi import factory
from nova_hypervisors.vmwareapi import networks
from nova_hypervisors.vmwareapi import options

_LITTLE_SPACE = 10 * units.Gi
# Kerberos and certificates begin to fail there.
_CLOCK_S = 120

#: What the driver does with a host, by the names of vSphere's privileges.
PRIVILEGES = (
    'Datastore.AllocateSpace', 'Datastore.Browse', 'Datastore.DeleteFile',
    'Datastore.FileManagement', 'Host.Config.Network', 'Host.Config.Storage',
    'Network.Assign', 'Resource.AssignVMToPool',
    'VirtualMachine.Config.AddExistingDisk',
    'VirtualMachine.Config.AddNewDisk', 'VirtualMachine.Config.EditDevice',
    'VirtualMachine.Config.RawDevice', 'VirtualMachine.Config.Resource',
    'VirtualMachine.Config.Settings',
    'VirtualMachine.Interact.ConsoleInteract',
    'VirtualMachine.Interact.GuestControl',
    'VirtualMachine.Interact.PowerOff', 'VirtualMachine.Interact.PowerOn',
    'VirtualMachine.Inventory.Create', 'VirtualMachine.Inventory.Delete',
    'VirtualMachine.Inventory.Register',
    'VirtualMachine.Inventory.Unregister',
    'VirtualMachine.State.CreateSnapshot',
    'VirtualMachine.State.RemoveSnapshot',
)

_HOST = 'ESX host'


def run(conf: cfg.ConfigOpts, results: checks.Results) -> None:
    findings = options.findings(conf)
    results.report(findings)
    if any(finding.fatal for finding in findings):
        return
    client = factory.make_client(conf)
    try:
        client.connect()
    except errors.ClientError as error:
        results.fail(_HOST, f'{conf.vmware.host_ip}: {error}')
        return
    try:
        _check(conf, client, results)
    finally:
        client.close()


def _check(conf: cfg.ConfigOpts, client: interface.ESXClient,
           results: checks.Results) -> None:
    host = client.host()
    results.ok(_HOST, f'{host.name}: ESXi {host.version} build {host.build} '
               f'on {host.vendor} {host.model}, {host.threads} processors, '
               f'{host.memory // units.Mi} MB')
    if conf.vmware.insecure:
        results.warn('TLS', 'the certificate of the host is not looked at')
    else:
        results.ok('TLS', 'the certificate of the host is good')
    for name, check in (('licence', _check_licence),
                        ('privileges', _check_privileges),
                        ('clock', _check_clock)):
        with results.failing(name, errors.ClientError):
            check(client, results)
    with results.failing('datastore', errors.ClientError):
        _check_datastores(conf, client, results)
    with results.failing('network', errors.ClientError):
        _check_networks(conf, client, results)


def _check_licence(client: interface.ESXClient,
                   results: checks.Results) -> None:
    for found in client.licenses():
        name = f'{found.name} ({found.edition})'
        if found.evaluation:
            results.warn('licence', f'{name}: it ends by itself')
        else:
            results.ok('licence', name)


def _check_privileges(client: interface.ESXClient,
                      results: checks.Results) -> None:
    missing = client.missing_privileges(PRIVILEGES)
    if missing:
        results.fail('privileges', 'the user of [vmware] host_username has '
                     f'not: {", ".join(sorted(missing))}')
    else:
        results.ok('privileges', f'all {len(PRIVILEGES)} that are needed')


def _check_clock(client: interface.ESXClient,
                 results: checks.Results) -> None:
    difference = abs((client.host_time() - timeutils.utcnow(
        with_timezone=True)).total_seconds())
    if difference > _CLOCK_S:
        results.warn('clock', f"the host's differs from this one by "
                     f'{difference:.0f} seconds: let both use NTP')
    else:
        results.ok('clock', f'within {_CLOCK_S} seconds of this one')


def _check_datastores(conf: cfg.ConfigOpts, client: interface.ESXClient,
                      results: checks.Results) -> None:
    pattern = conf.vmware.datastore_regex
    found = client.datastores()
    usable = datastores.usable(found, re.compile(pattern) if pattern
                               else None)
    if not usable:
        results.fail('datastore', 'none is for servers; the host has '
                     + (', '.join(f'{store.name} ({store.type})'
                                  for store in found) or 'none')
                     + ': see [vmware] datastore_regex')
        return
    for store in usable:
        text = (f'{store.name} ({store.type}): {store.free // units.Gi} GB '
                f'of {store.capacity // units.Gi} GB are free')
        if store.free < _LITTLE_SPACE:
            results.warn('datastore', text)
        else:
            results.ok('datastore', text)
    _check_files(conf, client, usable[0], results)


def _check_files(conf: cfg.ConfigOpts, client: interface.ESXClient,
                 store: api.Datastore, results: checks.Results) -> None:
    """Write a file, read it, and delete it."""
    folder = factory.make_layout(conf).scratch(store.name)
    path = folder / f'check-{uuid.uuid4()}'
    data = b'nova-hypervisors check\n'
    read = io.BytesIO()
    client.make_folder(folder)
    try:
        client.upload(path, io.BytesIO(data), len(data))
        client.download(path, read)
    finally:
        client.delete_file(path)
    if read.getvalue() == data:
        results.ok('files', f'{folder}: written, read and deleted')
    else:
        results.fail('files', f'{path} came back with other bytes')


def _check_networks(conf: cfg.ConfigOpts, client: interface.ESXClient,
                    results: checks.Results) -> None:
    host = client.network()
    mappings = options.mappings(conf)
    for physical, group in mappings.port_groups.items():
        with results.failing('network', exception.NovaException):
            networks.missing_group(networks.Plan(group), host)
            results.ok('network', f'{_name(physical)}: port group {group}')
    for physical, adapter in mappings.adapters.items():
        with results.failing('network', exception.NovaException):
            # Any number will do: the adapter and its switch are looked at.
            wanted = networks.missing_group(
                networks.Plan('', 1, adapter), host)
            assert wanted is not None  # noqa: S101 no group has that name
            results.ok('network', f'{_name(physical)}: VLANs by {adapter} on '
                       f'{wanted.switch}')


def _name(physical: str) -> str:
    return 'all others' if physical == network.ANY_NETWORK else physical
