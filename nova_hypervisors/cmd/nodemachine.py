# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors node``: what is done to a machine."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

from cliff import lister
from cliff import show

from nova_hypervisors.cmd import node as node_commands

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import factory
    from nova_hypervisors.baremetal import interfaces
    from nova_hypervisors.baremetal import nodes

_DEVICES = ('disk', 'pxe', 'cdrom', 'floppy')


class Interfaces(lister.Lister):
    """List the interfaces that a node may have, and what they have to know.

    A field is given with "node create --driver-info NAME=VALUE".  Secrets are
    given as where they are: file:/path, or castellan:ID of the key manager.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--kind', choices=('power', 'management', 'boot',
                                               'deploy'))
        parser.add_argument('--name', help='of an interface')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.baremetal import interfaces
        from nova_hypervisors.baremetal import nodes
        kinds = [parsed_args.kind] if parsed_args.kind else nodes.KINDS
        rows = []
        for kind in kinds:
            for name in interfaces.names(kind):
                if parsed_args.name in (None, name):
                    rows += _fields(kind, name)
        return ('Kind', 'Name', 'Field', 'Type', 'Default', 'What it is'), rows


def _fields(kind: str, name: str) -> list[tuple[Any, ...]]:
    """Return a row for each field of an interface, or one that has none."""
    from nova_hypervisors.baremetal import interfaces
    from nova_hypervisors.clients import errors
    try:
        declared = interfaces.load(kind, name).settings
    except errors.ClientError as error:
        return [(kind, name, '', '', '', str(error))]
    return [(kind, name, ' or '.join(one.names), one.kind,
             'required' if one.required else _default(one), one.help)
            for one in declared] or [(kind, name, '', '', '', '')]


def _default(setting: Any) -> str:
    """Return what a field is if it is not given: options first."""
    options = ['[{}] {}'.format(*option.split('.', 1))
               for option in setting.options]
    fixed = [] if setting.default in (None, '') else [str(setting.default)]
    return ', '.join(options + fixed)


class OfNode(node_commands.Base):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='NODE', help='its name or UUID')
        return parser


@contextlib.contextmanager
def machine_of(parsed_args: argparse.Namespace,
               ) -> Iterator[tuple[factory.Inventory, nodes.Node,
                                   interfaces.Interfaces]]:
    with node_commands.opened(parsed_args) as here:
        node = here.store.get_node(parsed_args.node)
        yield here, node, here.registry.of(node)


class Power(OfNode, show.ShowOne):
    """Show whether a node is on, or switch it.

    Nova is not asked: the next look of nova-compute sees what is so.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('action', nargs='?', default='show',
                            choices=('show', 'on', 'off', 'reboot'))
        parser.add_argument('--soft', action='store_true',
                            help='ask the system that runs on it')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.clients.bmc import api
        with machine_of(parsed_args) as (here, node, four):
            if parsed_args.action == 'reboot':
                four.power.reboot(node, soft=parsed_args.soft)
            elif parsed_args.action != 'show':
                four.power.set_power(node, api.Power(parsed_args.action),
                                     soft=parsed_args.soft)
            power = four.power.power(node).value
            here.store.note_power({node.uuid: power})
        return ('node', 'power'), (node.name, power)


class BootDevice(OfNode, show.ShowOne):
    """Show from which device a node boots next, or set it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('device', nargs='?', choices=_DEVICES)
        parser.add_argument('--persistent', action='store_true',
                            help='from now on, and not the next time only')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.clients.bmc import api
        with machine_of(parsed_args) as (_, node, four):
            if parsed_args.device:
                four.management.set_boot(
                    node, api.BootDevice(parsed_args.device),
                    parsed_args.persistent)
            boot = four.management.boot(node)
            mode = four.management.boot_mode(node)
            able = four.management.boot_devices(node)
        return (('node', 'device', 'persistent', 'boot_mode', 'able'),
                (node.name, boot.device and boot.device.value,
                 boot.persistent, mode and mode.value,
                 ', '.join(sorted(one.value for one in able))))


class Media(OfNode, lister.Lister):
    """Show what is in the virtual drives of a node, or change it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--insert', metavar='URL',
                            help='put in what the node fetches from there')
        parser.add_argument('--eject', action='store_true',
                            help='take out what is in it')
        parser.add_argument('--drive', choices=('cdrom', 'floppy'),
                            default='cdrom', help='(default: %(default)s)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.clients.bmc import api
        kind = api.MediaKind(parsed_args.drive)
        with machine_of(parsed_args) as (_, node, four):
            machine = four.management.machine(node)
            if parsed_args.eject:
                machine.eject_media(kind)
            if parsed_args.insert:
                machine.insert_media(kind, parsed_args.insert)
            found = machine.media()
        # A URL may have been signed, and whoever has it is let in.
        return (('Drive', 'Inserted', 'URL'),
                [(one.kind.value, one.inserted,
                  (one.url or '').partition('?')[0]) for one in found])


class Maintenance(OfNode):
    """Keep new servers off a node, or let it have some again.

    A server that is on it stays, and can be deleted even if the machine does
    not answer any more.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('state', choices=('on', 'off'))
        parser.add_argument('--reason', help='for whoever wonders')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        on = parsed_args.state == 'on'
        with node_commands.opened(parsed_args) as here:
            node = here.store.get_node(parsed_args.node)
            here.store.update(
                node.uuid, maintenance=on,
                maintenance_reason=parsed_args.reason if on else None)


class Clean(OfNode):
    """Let nova-compute clean a node that is nobody's.

    It is the way back from "clean failed", when what was wrong is not any
    more.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from nova_hypervisors.baremetal import states
        with node_commands.opened(parsed_args) as here:
            node = here.store.get_node(parsed_args.node)
            if not here.store.move(node.uuid, states.IDLE, states.CLEANING,
                                   last_error=None):
                raise node_commands.Refused(
                    f'node {node.name} is {node.provision_state}; one that '
                    f'is {" or ".join(states.IDLE)} can be cleaned')
