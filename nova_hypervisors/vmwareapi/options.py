# SPDX-License-Identifier: Apache-2.0
"""The operator's options, checked together.

An option by itself is checked by oslo.config.  What is wrong between options
is collected here, all at once, for nova-compute's start and for
``nova-hypervisors check``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Iterator

from oslo_config import cfg

from nova_hypervisors.common import checks
from nova_hypervisors.common import guestpasswords
from nova_hypervisors.common import handouts
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents
from nova_hypervisors.common import network
from nova_hypervisors.common import portranges
from nova_hypervisors.vmwareapi import networks

Finding = checks.Finding

_REQUIRED = ('host_ip', 'host_username')


def findings(conf: cfg.ConfigOpts) -> list[Finding]:
    """Return all that is wrong with the options of this driver."""
    return [*_host(conf), *_files(conf), *_datastores(conf),
            *_networks(conf), *_consoles(conf),
            *_serial(conf), *guestpasswords.findings(conf, 'vmware'),
            *handouts.findings(conf, 'vmware'),
            *health.findings(conf), *incidents.findings(conf)]


def _host(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.vmware
    for name in _REQUIRED:
        if not group[name]:
            yield Finding(f'[vmware] {name}', 'it is not set')
    if group.host_password and group.host_password_file:
        yield Finding('[vmware] host_password',
                      'it is set, and host_password_file too: set one')
    if not (group.host_password or group.host_password_file):
        yield Finding('[vmware] host_password_file',
                      'neither it nor host_password is set')
    if group.insecure:
        yield Finding('[vmware] insecure',
                      f'nobody checks that it is {group.host_ip} that '
                      'answers: set ca_file instead', fatal=False)


def _files(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    for name in ('host_password_file', 'ca_file', 'console_certificate',
                 'console_private_key', 'console_client_ca'):
        path = conf.vmware[name]
        if path and not os.access(path, os.R_OK):
            yield Finding(f'[vmware] {name}', f'{path} cannot be read')


def _datastores(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    pattern = conf.vmware.datastore_regex
    try:
        re.compile(pattern or '')
    except re.error as error:
        yield Finding('[vmware] datastore_regex',
                      f'{pattern!r} is no regular expression: {error}')


def _networks(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.vmware
    for name in ('physical_network_mappings', 'vlan_mappings'):
        try:
            _pairs(group[name])
        except ValueError as error:
            yield Finding(f'[vmware] {name}', str(error))
    if not (group.physical_network_mappings or group.vlan_mappings
            or group.vlan_interface):
        yield Finding('[vmware] physical_network_mappings',
                      'neither it nor vlan_mappings nor vlan_interface is '
                      'set: servers get no networks', fatal=False)


def _consoles(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.vmware
    if bool(group.console_certificate) != bool(group.console_private_key):
        yield Finding('[vmware] console_certificate',
                      'it goes with console_private_key: set both or neither')
    if group.console_client_ca and not group.console_certificate:
        yield Finding('[vmware] console_client_ca',
                      'it needs console_certificate and console_private_key')
    if group.screen_protocol != 'none' and not conf.vnc.enabled:
        yield Finding('[vnc] enabled',
                      'it is off, so Nova hands out no consoles although '
                      '[vmware] screen_protocol is '
                      f'{group.screen_protocol}', fatal=False)


def _serial(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    try:
        wanted = serial_ports(conf)
    except ValueError as error:
        yield Finding('[vmware] serial_ports', str(error))
        return
    if wanted and not conf.serial_console.enabled:
        yield Finding('[serial_console] enabled',
                      'it is off, so nobody is led to the ports of [vmware] '
                      'serial_ports, which are open all the same', fatal=False)


def serial_ports(conf: cfg.ConfigOpts) -> list[int]:
    """:raises ValueError: they are no ports"""
    text = conf.vmware.serial_ports
    return portranges.ports(text) if text else []


def mappings(conf: cfg.ConfigOpts) -> networks.Mappings:
    """:raises ValueError: an entry is not what it should be"""
    group = conf.vmware
    adapters = _pairs(group.vlan_mappings)
    if group.vlan_interface:
        adapters.setdefault(network.ANY_NETWORK, group.vlan_interface)
    return networks.Mappings(
        _pairs(group.physical_network_mappings), adapters,
        group.port_group_prefix)


def _pairs(entries: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        name, colon, value = (part.strip() for part in entry.partition(':'))
        if not (name and colon and value):
            raise ValueError(f'{entry!r} is not NETWORK:NAME, such as '
                             'physnet1:VM Network')
        if name in found:
            raise ValueError(f'{name} is there twice')
        found[name] = value
    return found
