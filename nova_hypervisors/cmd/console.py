# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
from typing import Any

from cliff import show


class Console(show.ShowOne):
    """Show where the screen of a server is, to connect to it directly.

    Nova hands out VNC consoles (openstack console url show --novnc), and none
    for RDP.  This is for people who can reach the address on which screens
    are shown, [vnc] server_listen; and it is the way to RDP.  It is run on
    the host, as the user of nova-compute.
    """

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
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova import config as nova_config

        from nova_hypervisors import conf
        from nova_hypervisors.virtualbox import directory
        nova_config.parse_args(['nova-compute'], parsed_args.config_file,
                               init_rpc=False, configure_db=False)
        screen = directory.find(conf.CONF, parsed_args.server)
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
