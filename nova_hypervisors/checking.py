# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors check``: the configuration, then the hypervisor."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import re
from collections.abc import Iterator
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from nova import config as nova_config
from oslo_config import cfg
from oslo_config import iniparser

from nova_hypervisors.common import checks
from nova_hypervisors.common import health
from nova_hypervisors.conf import opts
from nova_hypervisors.vmwareapi import oldflags

# What the drivers' first configuration files had, and what reads it now.
_SUCCESSORS = {
    ('DEFAULT', 'verbose'): '[DEFAULT] debug',
    ('DEFAULT', 'vnc_enabled'): '[vnc] enabled',
    ('DEFAULT', 'vncserver_listen'): '[vnc] server_listen',
    ('DEFAULT', 'vncserver_proxyclient_address'):
        '[vnc] server_proxyclient_address',
    ('DEFAULT', 'novncproxy_base_url'): '[vnc] novncproxy_base_url',
    ('vnc', 'vncserver_listen'): '[vnc] server_listen',
    ('vnc', 'vncserver_proxyclient_address'):
        '[vnc] server_proxyclient_address',
}

# As the first ESX driver's flag files had them.
_FLAG = re.compile(r'\s*--?(\w+)(=|\s|$)')

# Their options depend on what other options say, and are registered late.
_DYNAMIC = ('keystone_authtoken', 'keystone', 'service_user', 'placement',
            'neutron', 'glance', 'cinder', 'barbican', 'cyborg', 'ironic',
            'manila')

# Who has options that nova-compute reads, by how they publish them.
_READERS = ('castellan', 'keystonemiddleware.', 'nova.conf', 'os_vif',
            'oslo.', 'osprofiler')

_PREFIX = 'nova_hypervisors.'

# Who knows what a driver needs.
_CHECKING = {
    'BareMetalDriver': 'nova_hypervisors.baremetal.checking',
    'VirtualBoxDriver': 'nova_hypervisors.virtualbox.checking',
    'VMwareESXDriver': 'nova_hypervisors.vmwareapi.checking',
}


def run(config_files: Sequence[str], *,
        live: bool = False) -> checks.Results:
    """Check what nova-compute would read and do.

    :param live: ask the one that runs, too
    """
    results = checks.Results()
    conf = _read(config_files, results)
    if conf is None:
        for path in config_files:
            _check_flags(path, results)
        return results
    for path in config_files:
        _check_keys(path, results)
    if _check_driver(conf, results):
        name = conf.compute_driver.removeprefix(_PREFIX)
        importlib.import_module(_CHECKING[name]).run(conf, results)
    if live:
        health.check(conf, results)
    return results


def _read(config_files: Sequence[str],
          results: checks.Results) -> cfg.ConfigOpts | None:
    from nova_hypervisors import conf
    try:
        nova_config.parse_args(['nova-compute'], list(config_files),
                               init_rpc=False, configure_db=False)
        # A value of the wrong kind is noticed when it is first read.
        for group in ('virtualbox', 'rdp', 'vmware', 'baremetal', 'health',
                      'incidents', 'vnc'):
            for name in conf.CONF[group]:
                conf.CONF[group][name]
    except (cfg.Error, ValueError) as error:
        results.fail('configuration', str(error))
        return None
    results.ok('configuration', ', '.join(config_files))
    return conf.CONF


def _check_keys(path: str, results: checks.Results) -> None:
    """Name what is in a file and read by nobody."""
    known = _known_options()
    found = False
    strange = set()
    for group, name in _keys(path):
        if group not in known and group not in _DYNAMIC:
            strange.add(group)
        if group in _DYNAMIC or group not in known or name in known[group]:
            continue
        found = True
        results.warn('option', f'{path}: nothing reads [{group}] {name}: '
                     f'{_advice(group, name, known[group])}')
    for group in sorted(strange):
        close = difflib.get_close_matches(group, known, 1)
        advice = f': did you mean [{close[0]}]?' if close else ''
        results.warn('option', f'{path}: nova-compute knows no section '
                     f'[{group}]{advice}')
    if not (found or strange):
        results.ok('options', f'{path}: all are read')


def _advice(group: str, name: str, known: set[str]) -> str:
    """Say what to do with an option that nobody reads."""
    if (group, name) in _SUCCESSORS:
        return f'use {_SUCCESSORS[group, name]}'
    if group == 'DEFAULT' and name in oldflags.BY_NAME:
        return oldflags.BY_NAME[name].advice
    close = difflib.get_close_matches(name, known, 1)
    return f'did you mean {close[0]}?' if close else 'take it out'


def _check_flags(path: str, results: checks.Results) -> None:
    """Name the flags of a file that is a flag file, which nobody reads."""
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError):
        return  # said before
    for line in lines:
        found = _FLAG.match(line)
        if found and found[1] in oldflags.BY_NAME:
            flag = oldflags.BY_NAME[found[1]]
            results.warn('option', f'{path}: nothing reads flags, such as '
                         f'--{flag.name}: {flag.advice}')


def _keys(path: str) -> Iterator[tuple[str, str]]:
    """Return the section and the name of each option in a file."""
    parser = _Keys()
    with open(path, encoding='utf-8') as file:  # noqa: PTH123
        parser.parse(file)
    yield from parser.found


class _Keys(iniparser.BaseParser):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._section = 'DEFAULT'

    def new_section(self, section: str) -> None:
        self._section = section

    def assignment(self, key: str, value: list[str]) -> None:  # noqa: ARG002
        if (self._section, key) not in self.found:
            self.found.append((self._section, key))


def _known_options() -> dict[str, set[str]]:
    """Return the names of all options, by section.

    From the entry points by which every library publishes its own; names
    that are deprecated still count.
    """
    known: dict[str, set[str]] = {}
    for groups in (*_published(), opts.list_opts()):
        for group, options in groups:
            section = str(getattr(group, 'name', group) or 'DEFAULT')
            for option in options:
                known.setdefault(section, set()).update(
                    (option.name, option.dest))
                for old in option.deprecated_opts:
                    known.setdefault(old.group or section, set()).add(
                        old.name or option.dest)
    return known


def _published() -> Iterator[Any]:
    for entry in metadata.entry_points(group='oslo.config.opts'):
        if entry.name.startswith(_READERS):
            # Some need a library that need not be there.
            with contextlib.suppress(ImportError):
                yield entry.load()()


def _check_driver(conf: cfg.ConfigOpts, results: checks.Results) -> bool:
    """Check that Nova finds the driver; return whether it is ours."""
    name = conf.compute_driver
    if not (name or '').startswith(_PREFIX):
        results.fail('driver', f'[DEFAULT] compute_driver is {name!r}: none '
                     f'of this package, whose names begin with {_PREFIX}')
        return False
    try:
        module = importlib.import_module('nova.virt.nova_hypervisors')
    except ImportError as error:
        results.fail('driver', f'Nova does not find it ({error}): run '
                     '"nova-hypervisors link"')
        return False
    try:
        getattr(module, name.removeprefix(_PREFIX))
    except (AttributeError, ImportError) as error:
        results.fail('driver', f'{name} does not load: {error}')
        return False
    results.ok('driver', f'{name} loads from {module.__file__}')
    return True
