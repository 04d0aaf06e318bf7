# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from cliff import show
from oslo_config import cfg
from stevedore import extension

_ESX = 'VMwareESXDriver'
_VMRC_TYPES = ('vmrc+credentials', 'vmrc+session')
# They print the one value that there is, as "value" does.
_VMRC_FORMATS = ('html', 'uri')


class Refused(Exception):
    """What is asked for does not go together; says what does."""


class Console(show.ShowOne):
    """Show where the screen of a server is, to connect to it directly.

    Nova hands out VNC consoles (openstack console url show --novnc), and none
    for RDP.  This is for people who can reach the address on which screens
    are shown, [vnc] server_listen; and it is the way to RDP.  It is run on
    the host, as the user of nova-compute.

    Servers on VMware ESX have consoles for VMware's own Remote Console, too,
    with --type: what is shown then is a secret.  "-f uri" prints the vmrc://
    address that VMware Remote Console opens, "-f html" a page for the browser
    plug-in that it once was.
    """

    def _load_formatter_plugins(self) -> Any:
        plugins = super()._load_formatter_plugins()
        value, = (one for one in plugins.extensions if one.name == 'value')
        plugins.extensions.extend(
            extension.Extension(name, value.entry_point, value.plugin,
                                value.obj) for name in _VMRC_FORMATS)
        return plugins

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'server', metavar='SERVER',
            help="the server's ID, or the name of its machine "
            '(instance-00000001)')
        parser.add_argument(
            '--config-file', action='append', metavar='FILE', required=True,
            help='as for nova-compute; may be given again')
        parser.add_argument(
            '--password', action='store_true',
            help='show the password, too')
        parser.add_argument(
            '--rdp-file', metavar='FILE',
            help="write a file for Windows' remote desktop client")
        parser.add_argument(
            '--type', choices=_VMRC_TYPES,
            help="VMware ESX only: with the host's user and password, or with "
            'a ticket that is good once')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova import config as nova_config

        from nova_hypervisors import conf
        nova_config.parse_args(['nova-compute'], parsed_args.config_file,
                               init_rpc=False, configure_db=False)
        driver = conf.CONF.compute_driver or ''
        if driver.endswith(_ESX):
            return self._vmrc(conf.CONF, parsed_args)
        if parsed_args.type or parsed_args.formatter in _VMRC_FORMATS:
            raise Refused(
                f'{parsed_args.type or parsed_args.formatter} is for servers '
                f'on VMware ESX, and [DEFAULT] compute_driver is {driver!r}')
        return _screen(conf.CONF, parsed_args)

    def _vmrc(self, conf: cfg.ConfigOpts,
              parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.vmwareapi import directory
        from nova_hypervisors.vmwareapi import vmrc
        if not parsed_args.type:
            raise Refused('servers of this host are on VMware ESX: say --type '
                          + ' or --type '.join(_VMRC_TYPES))
        kind = vmrc.Kind(parsed_args.type)
        found = directory.find(conf, parsed_args.server, kind)
        self.app.stderr.write(f'WARNING: {vmrc.WARNINGS[kind]}\n')
        if parsed_args.formatter == 'html':
            return ('html',), (found.page.rstrip(),)
        if parsed_args.formatter == 'uri':
            return ('uri',), (found.uri,)
        return (('console_type', 'host', 'port', 'password'),
                (found.kind.value, found.host, found.port, found.password))


def _screen(conf: cfg.ConfigOpts,
            parsed_args: argparse.Namespace) -> tuple[Iterable[str],
                                                      Iterable[Any]]:
    """Return where VirtualBox shows a server."""
    from nova_hypervisors.virtualbox import directory
    screen = directory.find(conf, parsed_args.server)
    if parsed_args.rdp_file:
        if screen.user is None:
            raise directory.NotFound(
                f'it is shown by {screen.protocol}, not by RDP: '
                '[virtualbox] vrde_module says by what')
        with open(parsed_args.rdp_file, 'w', newline='', opener=_private,
                  encoding='utf-8') as file:
            file.write(screen.rdp_file)
    values = {name: getattr(screen, name) for name in (
        'server', 'name', 'protocol', 'address', 'port', 'user',
        'password', 'command', 'tunnel')}
    if not parsed_args.password:
        del values['password']
    values = {name: value for name, value in values.items()
              if value is not None}
    return tuple(values), tuple(values.values())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
