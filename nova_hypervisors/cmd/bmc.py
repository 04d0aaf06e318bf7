# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors bmc``: nodes of bare metal for others than Nova."""

from __future__ import annotations

import argparse
import ipaddress
import re
import signal
import ssl
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from nova_hypervisors.cmd import node as node_commands

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import factory
    from nova_hypervisors.baremetal import nodes
    from nova_hypervisors.redfish import accounts
    from nova_hypervisors.redfish import systems

# How often the end of serving is looked for.
_LOOK_S = 1.0

_SAFE = re.compile('[A-Za-z0-9._~-]+')

_NAMESPACE = uuid.UUID('6a4c3f0e-8f9b-4f5f-9d55-8d3ce2f3a0a9')


class Serve(node_commands.Base):
    """Offer the nodes as systems of a Redfish service.

    So Ironic, Metal3 and whatever else speaks Redfish can use them, of
    whatever kind they are.  It goes on until it is stopped.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--host', help='only the nodes of one '
                            'nova-compute')
        parser.add_argument('--listen', default='127.0.0.1',
                            metavar='ADDRESS', help='(default: %(default)s)')
        parser.add_argument('--port', type=int, default=8443,
                            help='0: one that is free (default: %(default)s)')
        parser.add_argument('--user', default='admin',
                            help='who may log on (default: %(default)s)')
        parser.add_argument('--password-file', metavar='FILE',
                            help='its first line is the password')
        parser.add_argument('--certificate', metavar='FILE',
                            help='of the service, with those in between')
        parser.add_argument('--key', metavar='FILE',
                            help='of the certificate, if not in its file')
        parser.add_argument('--interval', type=float, default=30.0,
                            metavar='SECONDS', help='between two looks at '
                            'all nodes (default: %(default)s)')
        parser.add_argument('--no-tls', action='store_true',
                            help='plain HTTP: on loopback only')
        parser.add_argument('--no-authentication', action='store_true',
                            help='everybody is let in: on loopback only')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.redfish import application
        from nova_hypervisors.redfish import server
        from nova_hypervisors.redfish import systems
        insist(parsed_args)
        users, tls = _users(parsed_args), _tls(parsed_args)
        with node_commands.opened(parsed_args) as here:
            found = systems.Systems(Nodes(here, parsed_args.host),
                                    parsed_args.interval)
            app = application.Application(
                found, users, str(uuid.uuid5(_NAMESPACE, here.host)))
            serving = server.Server(parsed_args.listen, parsed_args.port,
                                    app, tls)
            scheme = 'https' if tls else 'http'
            self.app.stdout.write(
                f'Serving on {scheme}://{parsed_args.listen}:'
                f'{serving.server_port}/redfish/v1\n')
            self.app.stdout.flush()
            found.start()
            try:
                self.serve(serving)
            finally:
                found.stop()
                serving.server_close()

    def serve(self, serving: Any) -> None:
        """Go on until somebody interrupts or ends it."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        try:
            # Not without a limit: a signal that another thread gets does not
            # wake this one.
            while thread.is_alive():
                thread.join(_LOOK_S)
        except KeyboardInterrupt:
            serving.shutdown()


def insist(parsed_args: argparse.Namespace) -> None:
    """:raises Refused: what is left open is not for this address"""
    try:
        inside = ipaddress.ip_address(parsed_args.listen).is_loopback
    except ValueError:
        raise node_commands.Refused(
            f'--listen {parsed_args.listen} is no address') from None
    for name in ('tls', 'authentication'):
        if getattr(parsed_args, f'no_{name}') and not inside:
            raise node_commands.Refused(
                f'--no-{name} is for loopback only, and '
                f'{parsed_args.listen} is not')
    if not (parsed_args.certificate or parsed_args.no_tls):
        raise node_commands.Refused(
            '--certificate is missing; on loopback --no-tls does without')
    if not (parsed_args.password_file or parsed_args.no_authentication):
        raise node_commands.Refused(
            '--password-file is missing; on loopback --no-authentication '
            'does without')


def _tls(parsed_args: argparse.Namespace) -> ssl.SSLContext | None:
    if parsed_args.no_tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(parsed_args.certificate, parsed_args.key)
    except (OSError, ssl.SSLError) as error:
        raise node_commands.Refused(
            f'--certificate {parsed_args.certificate} cannot be used: '
            f'{error}') from error
    return context


def _users(parsed_args: argparse.Namespace) -> accounts.Accounts:
    from nova_hypervisors.redfish import accounts
    if parsed_args.no_authentication:
        return accounts.Accounts(None)
    try:
        lines = Path(parsed_args.password_file).read_text().splitlines()
    except OSError as error:
        raise node_commands.Refused(
            f'--password-file cannot be read: {error}') from error
    if not lines or not lines[0]:
        raise node_commands.Refused(
            f'--password-file {parsed_args.password_file} is empty')
    return accounts.Accounts(parsed_args.user, lines[0])


class Nodes:
    """The nodes that there are now, as systems.

    They are called by their names, or by their UUIDs if a name is not for a
    URL.
    """

    def __init__(self, here: factory.Inventory, host: str | None) -> None:
        self._here = here
        self._host = host

    def __call__(self) -> Mapping[str, systems.System]:
        found = [self._system(node)
                 for node in self._here.store.list_nodes(self._host)]
        return {system.name: system for system in found}

    def _system(self, node: nodes.Node) -> systems.System:
        from nova_hypervisors.redfish import systems
        name = node.name if _SAFE.fullmatch(node.name) else node.uuid
        return systems.System(
            name, lambda: self._here.registry.of(node).management.machine(
                node), node.uuid, f'Node {node.name} of bare metal')
