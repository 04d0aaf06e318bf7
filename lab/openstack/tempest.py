# SPDX-License-Identifier: Apache-2.0
"""Tempest, which is OpenStack's own tests of a cloud, on the lab's cloud."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress
from lab.openstack import config

#: What this driver is tested with before every release.
TESTS = (
    r'tempest\.scenario\.test_server_basic_ops',
    r'tempest\.api\.compute\.volumes\.',
    (r'tempest\.api\.compute\.servers\.test_(create_server|delete_server'
     r'|server_actions|servers)\.'),
)

#: All that Tempest knows of servers.
ALL_TESTS = (r'tempest\.api\.compute\.',)

#: What is not built yet, by Tempest's name.  This list only shrinks.
PLANNED = ('stable_rescue',)

#: What VirtualBox or today's Nova cannot do.
IMPOSSIBLE = ('attach_encrypted_volume', 'change_password', 'personality',
              'spice_console', 'volume_multiattach', 'vtpm_device_supported')

#: What a simulated ESX host is tested with: it has no storage, it keeps no
#: bytes, and its machines show and say nothing.
ESX_TESTS = (
    r'tempest\.scenario\.test_server_basic_ops',
    (r'tempest\.api\.compute\.servers\.test_(create_server\.ServersTest'
     r'(JSON|ManualDisk)|delete_server|server_actions|servers)\.'),
)
_ESX_FEATURES = dict.fromkeys(
    ('console_output', 'snapshot', 'vnc_console', 'serial_console', 'rescue',
     'pause', 'swap_volume', 'live_migration', 'shelve'), False)
# The simulator cannot make a disk larger: theirs are as large as the image.
_ESX_FLAVORS = {'esx.nano': (142, 64), 'esx.micro': (184, 128)}
_ESX_IMAGES = ('guest-esx', 'guest-esx-2')

_PACKAGES = ('tempest==47.0.0', 'python-openstackclient')


def make_venv(lab: layout.Layout) -> Path:
    venv = lab.top / 'venvs/tempest'
    packages.make_venv(lab, venv, _PACKAGES, lab.logs / 'pip-tempest.log')
    return venv


def configuration(lab: layout.Layout, images: tuple[str, str],
                  flavors: tuple[int, int] = (42, 84),
                  features: Mapping[str, bool] | None = None,
                  ) -> config.Sections:
    """:param images: the IDs of the two images to boot

    :param flavors: their IDs
    :param features: what is on or off otherwise
    """
    switched_off = dict.fromkeys((*PLANNED, *IMPOSSIBLE), False)
    return {
        'DEFAULT': {'log_dir': lab.top / 'tempest/logs',
                    'log_file': 'tempest.log'},
        'oslo_concurrency': {'lock_path': lab.top / 'tempest/locks'},
        'auth': {
            'use_dynamic_credentials': True, 'admin_username': 'admin',
            'admin_password': config.PASSWORD, 'admin_project_name': 'admin',
            'admin_domain_name': 'Default',
            # All projects share the flat network: there are no routers.
            'create_isolated_networks': False},
        'identity': {'uri_v3': config.url('keystone', '/v3'),
                     'auth_version': 'v3', 'region': config.REGION,
                     'default_domain_id': 'default'},
        'identity-feature-enabled': {'api_v2': False},
        'service_available': {
            'nova': True, 'glance': True, 'neutron': True, 'cinder': True,
            'swift': False, 'horizon': False},
        'compute': {
            'image_ref': images[0], 'image_ref_alt': images[1],
            'flavor_ref': flavors[0], 'flavor_ref_alt': flavors[1],
            'fixed_network_name': 'flat', 'min_microversion': '2.1',
            'max_microversion': 'latest', 'build_timeout': 90,
            'build_interval': 1, 'ready_wait': 0, 'min_compute_nodes': 2},
        'compute-feature-enabled': {
            **switched_off, 'console_output': True, 'snapshot': True,
            'vnc_console': True, 'serial_console': True, 'pause': True,
            'suspend': True, 'rescue': True, 'resize': True,
            'swap_volume': True, 'live_migration': True,
            'live_migrate_back_and_forth': True,
            'live_migrate_paused_instances': False,
            'block_migration_for_live_migration': False,
            **(features or {})},
        'volume': {'catalog_type': 'block-storage', 'build_timeout': 90,
                   'min_microversion': '3.0', 'max_microversion': 'latest',
                   'storage_protocol': 'iSCSI', 'backend_names': 'files'},
        'volume-feature-enabled': {'backup': False},
        'network': {'shared_physical_network': True,
                    'project_network_cidr': '10.0.2.0/24'},
        'network-feature-enabled': {'floating_ips': False, 'ipv6': False,
                                    'api_extensions': 'all'},
        # The test guest is one sector: nobody can log on to it.
        'validation': {'run_validation': False, 'connect_method': 'fixed',
                       'network_for_ssh': 'flat'},
        'image': {'build_timeout': 90},
    }


def run(lab: layout.Layout, tests: tuple[str, ...] = TESTS) -> int:
    """Run tests by their names' regular expressions, two at once."""
    images = [_shown(lab, 'image', name)
              for name in ('guest-raw', 'guest-qcow2')]
    return _run(lab, tests, configuration(lab, (images[0], images[1])))


def run_on_esx(lab: layout.Layout,
               tests: tuple[str, ...] = ESX_TESTS) -> int:
    """The same for servers on the simulated ESX host.

    By their images: Nova's scheduler looks at what these are made for.
    """
    for name, (flavor_id, memory_mb) in _ESX_FLAVORS.items():
        _insist(lab, 'flavor', name, '--id', str(flavor_id), '--ram',
                str(memory_mb), '--disk', '0')
    for name in _ESX_IMAGES:
        _insist(lab, 'image', name, '--public', '--file', str(lab.guest),
                '--disk-format', 'raw', '--property', 'img_hv_type=vmware')
    images = [_shown(lab, 'image', name) for name in _ESX_IMAGES]
    flavors = [flavor_id for flavor_id, _ in _ESX_FLAVORS.values()]
    return _run(lab, tests, configuration(
        lab, (images[0], images[1]), (flavors[0], flavors[1]),
        _ESX_FEATURES))


def _run(lab: layout.Layout, tests: tuple[str, ...],
         settings: config.Sections) -> int:
    venv = make_venv(lab)
    folder = lab.top / 'tempest'
    if not (folder / 'etc').exists():
        # Else it remembers in the user's home what it has made.
        progress.run((venv / 'bin/tempest', 'init', '--workspace-path',
                      lab.top / 'tempest.yaml', folder),
                     lab.logs / 'tempest.log')
    (folder / 'etc/tempest.conf').write_text(config.as_ini(settings))
    return subprocess.run(
        [venv / 'bin/tempest', 'run', '--concurrency', '2', '--regex',
         '|'.join(tests)], cwd=folder, check=False,
        env={**os.environ, 'PATH': f'{venv}/bin:{os.environ["PATH"]}',
             'PYTHONWARNINGS': 'ignore'}).returncode


def _insist(lab: layout.Layout, kind: str, name: str, *words: str) -> None:
    """Make something that may be there already."""
    if _openstack(lab, kind, 'show', name).returncode:
        done = _openstack(lab, kind, 'create', *words, name)
        if done.returncode:
            raise progress.LabError(f'{kind} {name}: {done.stderr.strip()}')


def _shown(lab: layout.Layout, kind: str, name: str) -> str:
    """Return the ID of what has a name."""
    done = _openstack(lab, kind, 'show', name, '-f', 'value', '-c', 'id')
    if done.returncode:
        raise progress.LabError(f'{kind} {name}: {done.stderr.strip()}')
    return done.stdout.strip()


def _openstack(lab: layout.Layout,
               *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [lab.cloud / 'bin/openstack', *words],
        env={**os.environ, **config.variables(lab)}, capture_output=True,
        text=True, check=False)
