# SPDX-License-Identifier: Apache-2.0
"""The operator's options, checked together.

An option by itself is checked by oslo.config.  What is wrong between options
is collected here, all at once, for nova-compute's start and for
``nova-hypervisors check``.
"""

from __future__ import annotations

import ipaddress
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from oslo_config import cfg

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import checks
from nova_hypervisors.common import guestpasswords
from nova_hypervisors.common import handouts
from nova_hypervisors.common import health
from nova_hypervisors.common import incidents
from nova_hypervisors.common import portranges
from nova_hypervisors.consoles import rfb
from nova_hypervisors.consoles import serial
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import networks

#: What Oracle has called its extension pack.
_ORACLE_PACKS = frozenset({'Oracle VM VirtualBox Extension Pack',
                           'Oracle VirtualBox Extension Pack'})
VNC_PACK = 'VNC'

_UUID_LENGTH = 36

# After its last client has gone.
_DAEMON_ENDS_S = 5

Finding = checks.Finding
ports = portranges.ports


def pack_names(configured: str) -> frozenset[str]:
    """Return the names under which the configured pack may be installed."""
    return (_ORACLE_PACKS if configured in _ORACLE_PACKS
            else frozenset({configured}))


def mappings(conf: cfg.ConfigOpts) -> list[networks.Mapping]:
    """:raises ValueError: an entry is not what it should be"""
    return [networks.parse(entry)
            for entry in conf.virtualbox.physical_network_mappings]


def findings(conf: cfg.ConfigOpts) -> list[Finding]:
    """Return all that is wrong with the options of this driver."""
    return [*_backend(conf), *_other_host(conf), *_paths(conf),
            *_polling(conf), *_display(conf), *_rdp(conf), *_relay(conf),
            *_networks(conf), *_transfer(conf),
            *guestpasswords.findings(conf, 'virtualbox'),
            *health.findings(conf), *incidents.findings(conf)]


def _backend(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.virtualbox
    if group.backend != 'webservice':
        return
    if group.webservice_password and group.webservice_password_file:
        yield Finding('[virtualbox] webservice_password',
                      'it is set, and webservice_password_file too: set one')
    for name in ('webservice_password_file', 'webservice_ca_file'):
        path = group[name]
        if path and not os.access(path, os.R_OK):
            yield Finding(f'[virtualbox] {name}', f'{path} cannot be read')
    url = urllib.parse.urlsplit(group.webservice_url)
    if url.scheme == 'http' and not is_loopback(url.hostname or ''):
        yield Finding(
            '[virtualbox] webservice_url',
            f'the password and all data go to {url.hostname} in clear: let '
            'vboxwebsrv use TLS (--ssl) and write https', fatal=False)
    if url.scheme == 'https' and group.webservice_insecure:
        yield Finding(
            '[virtualbox] webservice_insecure',
            f'nobody checks that it is {url.hostname} that answers: set '
            'webservice_ca_file instead', fatal=False)


def _other_host(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    """Check what is said of a host without files in common with this."""
    group = conf.virtualbox
    if not group.webservice_instances_path:
        return
    name = '[virtualbox] webservice_instances_path'
    path = api.host_path(group.webservice_instances_path)
    if group.backend != 'webservice':
        yield Finding(name, 'it is for backend = webservice only; VBoxManage '
                      'drives the VirtualBox of this host')
    if not path.is_absolute():
        yield Finding(name, f'{path} does not begin at the root of a file '
                      r'system; write /var/lib/openstack or D:\OpenStack, '
                      'for example')
    if group.webservice_transfers >= group.webservice_connections:
        yield Finding('[virtualbox] webservice_transfers',
                      f'{group.webservice_transfers} leave nothing of the '
                      f'{group.webservice_connections} of '
                      'webservice_connections for everything else')
    if conf.serial_console.enabled:
        yield Finding('[serial_console] enabled',
                      'the serial ports of another host are logged, and '
                      'nobody can type at them', fatal=False)
    here = urllib.parse.urlsplit(group.webservice_url).hostname or ''
    if (group.remote_display and not is_loopback(here)
            and is_loopback(str(conf.vnc.server_listen))):
        yield Finding('[vnc] server_listen',
                      f'it is {conf.vnc.server_listen}, on which the screens '
                      'of another host cannot be reached: name the address '
                      f'of {here}, or 0.0.0.0', fatal=False)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def _paths(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    if conf.virtualbox.webservice_instances_path:
        return  # there are no sockets
    local = Path(conf.state_path) / 'virtualbox'
    folder = Path(conf.instances_path) / ('x' * _UUID_LENGTH)
    longest = os.fsencode(
        files.InstanceFiles(folder, local=local).serial_socket)
    if len(longest) > serial.LONGEST_SOCKET_PATH:
        most = (serial.LONGEST_SOCKET_PATH - len(longest)
                + len(os.fsencode(conf.state_path)))
        yield Finding(
            '[DEFAULT] state_path',
            f'{conf.state_path} is too long: servers have sockets in it, '
            f'whose paths the system limits; it may have {most} bytes')


def _polling(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    if conf.virtualbox.state_poll_interval >= _DAEMON_ENDS_S:
        yield Finding(
            '[virtualbox] state_poll_interval',
            "VirtualBox's daemon ends when it is not asked anything for "
            f'{_DAEMON_ENDS_S} seconds, and each look starts it anew',
            fatal=False)


def _display(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.virtualbox
    try:
        count = len(ports(group.vrde_port))
    except ValueError as error:
        yield Finding('[virtualbox] vrde_port', str(error))
        count = 0
    if group.vrde_unique_port and count == 1:
        yield Finding(
            '[virtualbox] vrde_unique_port',
            'each machine is to have a port of its own, and vrde_port names '
            f'one port for all of them ({group.vrde_port}): give it a range')
    if not group.remote_display or group.vrde_module != VNC_PACK:
        return
    if (group.vrde_password_length or 0) > rfb.PASSWORD_LENGTH:
        yield Finding(
            '[virtualbox] vrde_password_length',
            f'VNC uses {rfb.PASSWORD_LENGTH} characters of a password; '
            f'{group.vrde_password_length} make it no safer', fatal=False)
    if not conf.vnc.enabled:
        yield Finding(
            '[vnc] enabled',
            'it is off, so Nova hands out no consoles although machines have '
            'VNC displays', fatal=False)


def _rdp(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.rdp
    if not group.enabled:
        return
    if not conf.virtualbox.remote_display:
        yield Finding('[rdp] enabled',
                      'RDP needs [virtualbox] remote_display = true')
    if conf.virtualbox.vrde_module == VNC_PACK:
        yield Finding(
            '[rdp] enabled',
            'the extension pack "VNC" speaks no RDP: set [virtualbox] '
            'vrde_module to "Oracle VM VirtualBox Extension Pack"')
    if group.security_method != 'RDP' and not group.encrypted_rdp:
        yield Finding(
            '[rdp] security_method',
            f'{group.security_method} encrypts, so it needs encrypted_rdp = '
            'true')
    if bool(group.server_certificate) != bool(group.server_private_key):
        yield Finding('[rdp] server_certificate',
                      'it goes with server_private_key: set both or neither')


def _relay(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    group = conf.virtualbox
    if bool(group.console_certificate) != bool(group.console_private_key):
        yield Finding('[virtualbox] console_certificate',
                      'it goes with console_private_key: set both or neither')
    if group.console_client_ca and not group.console_certificate:
        yield Finding('[virtualbox] console_client_ca',
                      'it needs console_certificate and console_private_key')
    if group.console_certificate and conf.serial_console.enabled:
        yield Finding(
            '[serial_console] enabled',
            'nova-serialproxy knows no TLS: serial consoles go to it '
            'unencrypted, whatever [virtualbox] console_certificate says',
            fatal=False)
    for name in ('console_certificate', 'console_private_key',
                 'console_client_ca'):
        path = group[name]
        if path and not Path(path).is_file():
            yield Finding(f'[virtualbox] {name}', f'there is no file {path}')


def _transfer(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    yield from handouts.findings(conf, 'virtualbox')
    yield from handouts.address_findings(conf, 'virtualbox',
                                         'teleport_address')
    try:
        ports(conf.virtualbox.teleport_ports)
    except ValueError as error:
        yield Finding('[virtualbox] teleport_ports', str(error))


def _networks(conf: cfg.ConfigOpts) -> Iterator[Finding]:
    for entry in conf.virtualbox.physical_network_mappings:
        try:
            networks.parse(entry)
        except ValueError as error:
            yield Finding('[virtualbox] physical_network_mappings', str(error))
