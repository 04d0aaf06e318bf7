# SPDX-License-Identifier: Apache-2.0
"""What VirtualBox on this host is, and whether the driver can use it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from nova import exception
from oslo_config import cfg
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.common import checks
from nova_hypervisors.virtualbox import consoleops
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import networks
from nova_hypervisors.virtualbox import options

_LITTLE_SPACE_GB = 10

# With it VirtualBox interprets guests where it can't run them.
_INTERPRET = 'VBoxInternal/HM/FallbackToIEM'
_KERNEL_MODULE = Path('/dev/vboxdrv')


def run(conf: cfg.ConfigOpts, results: checks.Results) -> None:
    results.report(options.findings(conf))
    folders = factory.host_files(conf)
    _check_folders(folders, results)
    client = factory.make_client(conf)
    way = (conf.virtualbox.webservice_url
           if conf.virtualbox.backend == 'webservice'
           else conf.virtualbox.vboxmanage_cmd)
    try:
        found = client.get_version()
    except errors.NotInstalled as error:
        results.fail('VirtualBox', f'{error}: install VirtualBox, or set '
                     '[virtualbox] vboxmanage_cmd to its VBoxManage')
        return
    except errors.ClientError as error:
        results.fail('VirtualBox', str(error))
        return
    with results.failing('VirtualBox', errors.ClientError):
        _check_version(found, way, results)
        if folders.host is None:
            _check_engine(client, results)
        else:
            _check_other_host(client, conf, results)
        _check_registry(client, results)
        _check_packs(client, conf, results)
        _check_networks(client, conf, results)


def _check_version(found: version.Version, command: str,
                   results: checks.Results) -> None:
    name = f'VirtualBox {found} answers through {command}'
    oldest, newest = ('.'.join(map(str, release)) for release
                      in (version.OLDEST, version.NEWEST))
    if found.release < version.OLDEST:
        results.fail('VirtualBox', f'{name}; it is too old: install {oldest} '
                     'or newer')
    elif version.Quirks.of(found).unknown:
        results.warn('VirtualBox', f'{name}; it is newer than this driver, '
                     f'which treats it as {newest}')
    else:
        results.ok('VirtualBox', name)


def _check_engine(client: interface.VBoxClient,
                  results: checks.Results) -> None:
    """Find out how guests are executed."""
    host = client.host()
    name = 'execution engine'
    if sys.platform != 'linux' or _KERNEL_MODULE.exists():
        if host.hardware_virtualization:
            results.ok(name, 'hardware: the processor runs guests')
        elif sys.platform == 'linux':
            results.fail(name, 'the processor offers no virtualization: '
                         'switch VT-x or AMD-V on in the firmware')
        else:
            results.ok(name, "NEM: the operating system's own hypervisor "
                       'runs guests')
    elif client.get_extradata(_INTERPRET).get('') == '1':
        results.warn(name, 'interpreter: guests run without the kernel '
                     'module, and slowly')
    else:
        results.fail(name, f'{_KERNEL_MODULE} is not there: VirtualBox\'s '
                     'kernel module is not loaded. Run "/sbin/vboxconfig", or '
                     'reinstall the package virtualbox-dkms')


def _check_other_host(client: interface.VBoxClient, conf: cfg.ConfigOpts,
                      results: checks.Results) -> None:
    """Find out whether disks can be sent to VirtualBox's own host."""
    host = client.host()
    name = 'other host'
    results.ok(name, f'VirtualBox runs on {host.operating_system} '
               f'({host.architecture}), {host.cpus} processors, '
               f'{host.memory_mb} MB')
    path = conf.virtualbox.webservice_instances_path
    where = factory.make_storage(conf, client)
    try:
        where.prepare()
        space = where.space()
    except errors.ClientError as error:
        results.fail(name, f'[virtualbox] webservice_instances_path {path} '
                     f'cannot be used by the user of the web service: {error}')
    except exception.InvalidConfiguration as error:
        results.fail(name, str(error))
    else:
        free_gb = space.free / units.Gi
        (results.ok if free_gb >= _LITTLE_SPACE_GB else results.warn)(
            name, f'{path} can be written, {free_gb:.0f} GiB are free')


def _check_registry(client: interface.VBoxClient,
                    results: checks.Results) -> None:
    machines = client.list_machines()
    unread = [machine.name for machine in machines
              if machine.accessible and not _is_readable(client, machine)]
    if unread:
        results.fail('machines', 'the settings of these machines cannot be '
                     f'read: {", ".join(unread)}. Is [virtualbox] home the '
                     'folder with VirtualBox.xml?')
    else:
        results.ok('machines', f'VirtualBox has {len(machines)}')


def _is_readable(client: interface.VBoxClient, machine: api.Machine) -> bool:
    try:
        client.machine_settings(machine.uuid)
    except errors.ClientError:
        return False
    return True


def _check_packs(client: interface.VBoxClient, conf: cfg.ConfigOpts,
                 results: checks.Results) -> None:
    packs = client.extension_packs(
        options.pack_names(conf.virtualbox.vrde_module))
    have = ', '.join(f'{pack.name} {pack.version}'.strip()
                     for pack in packs) or 'none'
    if not conf.virtualbox.remote_display:
        results.ok('extension packs', f'{have}; none is needed, because '
                   '[virtualbox] remote_display is off')
        return
    with results.failing('extension packs', exception.InvalidConfiguration):
        used = consoleops.find_pack(packs, conf.virtualbox.vrde_module)
        results.ok('extension packs', f'{have}; {used} is used')


def _check_networks(client: interface.VBoxClient, conf: cfg.ConfigOpts,
                    results: checks.Results) -> None:
    entries = conf.virtualbox.physical_network_mappings
    if not entries:
        results.warn('networks', '[virtualbox] physical_network_mappings is '
                     'empty: no server with a network can be started')
        return
    there = client.host_networks()
    for entry in entries:
        try:
            attachment = networks.parse(entry).attachment
        except ValueError:
            continue  # said before
        names = there.get(attachment.kind)
        if names is not None and attachment.name not in names:
            results.fail('networks', f'{entry}: VirtualBox has no '
                         f'{attachment.kind.value} {attachment.name!r}; it '
                         f'has {", ".join(sorted(names)) or "none"}')
        else:
            results.ok('networks', entry)


def _check_folders(folders: files.HostFiles, results: checks.Results) -> None:
    for folder in (folders.instances, folders.private):
        there = next(parent for parent in (folder, *folder.parents)
                     if parent.exists())
        if os.access(there, os.W_OK | os.X_OK):
            results.ok('permissions', f'{folder} can be written')
        else:
            results.fail('permissions', f'{folder} cannot be written by this '
                         'user: run the check as the user of nova-compute')
            return
    there = next(parent for parent in
                 (folders.instances, *folders.instances.parents)
                 if parent.exists())
    free_gb = shutil.disk_usage(there).free / units.Gi
    (results.ok if free_gb >= _LITTLE_SPACE_GB else results.warn)(
        'free space', f'{free_gb:.0f} GiB for {folders.instances}')
