# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors node``: which nodes there are."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import yaml
from cliff import command
from cliff import lister
from cliff import show

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import factory
    from nova_hypervisors.baremetal import nodes

_MAPPINGS = ('driver_info', 'properties')


class Refused(Exception):
    """It is not done; says why, and what to do."""


@contextlib.contextmanager
def opened(parsed_args: argparse.Namespace) -> Iterator[factory.Inventory]:
    """Open the database that nova-compute uses."""
    # Nova takes a second to import: not for the sake of --help.
    from nova import config as nova_config

    from nova_hypervisors import conf
    from nova_hypervisors.baremetal import factory
    from nova_hypervisors.clients import errors
    nova_config.parse_args(['nova-compute'], parsed_args.config_file,
                           init_rpc=False, configure_db=False)
    here = factory.make_inventory(conf.CONF)
    try:
        here.database.upgrade()
        yield here
    except errors.ClientError as error:
        raise Refused(str(error)) from error
    finally:
        here.services.machines.close()
        here.database.close()


class Base(command.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            '--config-file', action='append', metavar='FILE', required=True,
            help='as for nova-compute; may be given again')
        return parser


class List(Base, lister.Lister):
    """List the nodes of bare metal."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('--host', help='only those of one nova-compute')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        with opened(parsed_args) as here:
            found = here.store.list_nodes(parsed_args.host)
        return (('Name', 'UUID', 'Host', 'Resource class', 'State', 'Power',
                 'Server', 'Maintenance'),
                [(node.name, node.uuid, node.service_host,
                  node.resource_class, node.provision_state,
                  node.power_state, node.instance_uuid, node.maintenance)
                 for node in found])


class Show(Base, show.ShowOne):
    """Show all there is of a node, but for its secrets."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='NODE', help='its name or UUID')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        with opened(parsed_args) as here:
            node = here.store.get_node(parsed_args.node)
            values = shown(here, node, plain=parsed_args.formatter == 'json')
        return tuple(values), tuple(values.values())


def shown(here: factory.Inventory, node: nodes.Node,
          plain: bool) -> dict[str, Any]:
    """Return a node's fields as they may be shown.

    :param plain: as JSON has them; text otherwise
    """
    from nova_hypervisors.baremetal import settings
    declared = declared_settings(here, node)
    values = {field.name: getattr(node, field.name)
              for field in dataclasses.fields(node)}
    values['driver_info'] = settings.masked(declared, node.driver_info)
    values['instance_info'] = settings.masked([], node.instance_info)
    values['ports'] = [
        {name: value for name, value in dataclasses.asdict(port).items()
         if value not in (None, {})} for port in node.ports]
    values['traits'] = list(node.traits)
    values['steps'] = [
        f'{step.operation}: {step.name}, ' + (
            'going on' if step.seconds is None else f'{step.seconds:.1f} s')
        + (f', failed: {step.error}' if step.error else '')
        for step in here.store.list_steps(node.uuid)]
    if plain:
        return values
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: Any) -> Any:
    if value in (None, [], {}):
        return ''
    if isinstance(value, list | dict):
        return yaml.safe_dump(value, default_flow_style=False).strip()
    return value


def declared_settings(here: factory.Inventory, node: nodes.Node) -> list[Any]:
    """Return the settings of those interfaces that are there."""
    from nova_hypervisors.baremetal import nodes as node_types
    from nova_hypervisors.baremetal import validation
    from nova_hypervisors.clients import errors
    found = []
    for kind in node_types.KINDS:
        with contextlib.suppress(errors.ClientError):
            found.append(here.registry.get(kind, node.interface_name(kind)))
    return validation.known_settings(found)


def _add_fields(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--resource-class', metavar='NAME',
                        help='what flavors ask for: resources:CUSTOM_<NAME>=1')
    parser.add_argument('--service-host', metavar='HOST',
                        help='the nova-compute that it belongs to')
    parser.add_argument('--driver', metavar='NAME',
                        help='four interfaces by one name, such as pxe_vbox, '
                        'agent_vbox or iscsi_ilo')
    for kind in ('power', 'management', 'boot', 'deploy', 'network'):
        parser.add_argument(f'--{kind}-interface', metavar='NAME',
                            help=f'its {kind} interface')
    parser.add_argument('--driver-info', metavar='NAME=VALUE', default=[],
                        action='append', help='what an interface has to know')
    parser.add_argument('--property', metavar='NAME=VALUE', default=[],
                        action='append', dest='properties',
                        help='memory_mb, cpus, local_gb, cpu_arch, ...')
    parser.add_argument('--trait', action='append', metavar='TRAIT',
                        dest='traits', help='of all it has')
    parser.add_argument('--port', action='append', metavar='MAC',
                        dest='ports', help='of all it has')


def _given(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that were given, as a file would have them."""
    names = ('driver', 'resource_class', 'service_host', 'traits', 'ports',
             *(f'{kind}_interface' for kind in (
                 'power', 'management', 'boot', 'deploy', 'network')))
    entry = {name: getattr(parsed_args, name) for name in names
             if getattr(parsed_args, name) is not None}
    for name in _MAPPINGS:
        pairs = getattr(parsed_args, name)
        for pair in pairs:
            key, separator, value = pair.partition('=')
            if not separator:
                raise Refused(f'{pair!r} is not NAME=VALUE')
            entry.setdefault(name, {})[key] = yaml.safe_load(value)
    return entry


def refuse(found: list[Any]) -> None:
    """:raises Refused: there are faults"""
    if found:
        raise Refused('\n'.join(map(str, found)))


class Create(Base, lister.Lister):
    """Add nodes, by options or from a file of YAML: all of them, or none."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('name', nargs='?', help='of the new node')
        parser.add_argument('--file', metavar='FILE',
                            help='with nodes; - is the standard input')
        parser.add_argument('--update', action='store_true',
                            help='let nodes that are there already, by their '
                            'name, become what the file says of them')
        _add_fields(parser)
        from nova_hypervisors.cmd import nodecloud
        nodecloud.add_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        if bool(parsed_args.name) == bool(parsed_args.file):
            raise Refused('say the name of one node, or --file')
        with opened(parsed_args) as here, _new(parsed_args, here) as new:
            there = {node.name: node for node in here.store.list_nodes()
                     if parsed_args.update}
            changes = {node.name: _changes(there[node.name], node)
                       for node in new if node.name in there}
            new = [dataclasses.replace(there[node.name],
                                       **changes[node.name])
                   if node.name in there else node for node in new]
            refuse([f'node {node.name}: {fault}' for node in new
                     for fault in (*_wrong(here, node), *_not_now(
                         node, changes.get(node.name, {})))])
            here.store.create(*(node for node in new
                                if node.name not in there))
            for name, values in changes.items():
                if values:
                    here.store.update(there[name].uuid, **values)
        return ('Name', 'UUID'), [(node.name, node.uuid) for node in new]


@contextlib.contextmanager
def _new(parsed_args: argparse.Namespace,
         here: factory.Inventory) -> Iterator[list[nodes.Node]]:
    """Yield the nodes that are to be made."""
    from nova_hypervisors.baremetal import inventory
    if parsed_args.file:
        yield inventory.from_yaml(_text(parsed_args.file), here.host)
    elif parsed_args.from_cloud:
        from nova_hypervisors.cmd import nodecloud
        with nodecloud.made(parsed_args, here, _given(parsed_args)) as found:
            yield found
    else:
        node, wrong = inventory.read_node(
            {'name': parsed_args.name, **_given(parsed_args)}, here.host)
        refuse(wrong)
        assert node is not None  # noqa: S101
        yield [node]


def _changes(node: nodes.Node, wanted: nodes.Node) -> dict[str, Any]:
    """Return the fields in which a node is not what a file says of it.

    What a file does not say is as it is by default; maintenance is left as
    it is, for that comes and goes.
    """
    from nova_hypervisors.baremetal import inventory
    values = {name: getattr(wanted, name) for name in inventory.FIELDS
              if name not in ('uuid', 'maintenance', 'maintenance_reason')}
    # A server's ports are noted there, too.
    unused = tuple(dataclasses.replace(port, vif_id=None, taken_over={})
                   for port in node.ports)
    return {name: value for name, value in values.items()
            if value != (unused if name == 'ports' else getattr(node, name))}


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == '-' else Path(name).read_text()
    except OSError as error:
        raise Refused(f'{name}: {error.strerror}') from error


def _wrong(here: factory.Inventory, node: nodes.Node) -> list[Any]:
    """Return what keeps a node out of the database.

    Files that are not there yet, say, do not: see ``node validate``.
    """
    from nova_hypervisors.baremetal import inventory
    from nova_hypervisors.baremetal import validation
    return [*validation.own_faults(node, here.registry),
            *inventory.plain_secrets(node, declared_settings(here, node))]


class Set(Base):
    """Change fields of a node."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='NODE', help='its name or UUID')
        parser.add_argument('--name', help='the new one')
        _add_fields(parser)
        for name in _MAPPINGS:
            option = name.replace('properties', 'property').replace('_', '-')
            parser.add_argument(f'--unset-{option}', metavar='NAME',
                                action='append', default=[],
                                dest=f'unset_{name}', help='take one away')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from nova_hypervisors.baremetal import inventory
        given = _given(parsed_args)
        if parsed_args.name:
            given['name'] = parsed_args.name
        values, found = inventory.read_fields(given)
        refuse(found)
        with opened(parsed_args) as here:
            node = here.store.get_node(parsed_args.node)
            refuse(_not_now(node, values))
            for name in _MAPPINGS:
                merged = {**getattr(node, name), **values.pop(name, {})}
                for key in getattr(parsed_args, f'unset_{name}'):
                    merged.pop(key, None)
                if merged != getattr(node, name):
                    values[name] = merged
            if values:
                refuse(_wrong(here, dataclasses.replace(node, **values)))
                here.store.update(node.uuid, **values)


def _not_now(node: nodes.Node, values: dict[str, Any]) -> list[str]:
    """Return why fields cannot be changed while a node has a server."""
    from nova_hypervisors.baremetal import states
    if node.provision_state in states.IDLE:
        return []
    return [f'{name}: it cannot be changed while the node is '
            f'{node.provision_state}'
            for name in ('service_host', 'resource_class', 'ports',
                         'boot_interface', 'deploy_interface',
                         'network_interface') if name in values]


class Delete(Base):
    """Forget nodes; nothing is done to the machines."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='NODE', nargs='+',
                            help='its name or UUID')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with opened(parsed_args) as here:
            for name in parsed_args.node:
                here.store.delete(here.store.get_node(name).uuid)


class Validate(Base, lister.Lister):
    """Say all that is wrong with nodes; the exit status is 1 if anything is.

    No machine is asked.
    """

    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('node', metavar='NODE', nargs='*',
                            help='its name or UUID; all if none is given')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        from nova_hypervisors.baremetal import validation
        rows = []
        with opened(parsed_args) as here:
            found = ([here.store.get_node(name) for name in parsed_args.node]
                     or here.store.list_nodes())
            for node in found:
                faults = validation.faults(node, here.registry)
                self._failed = self._failed or bool(faults)
                rows += [(node.name, fault.field, fault.message)
                         for fault in faults] or [(node.name, '', 'ok')]
        return ('Node', 'Field', 'What is wrong'), rows

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or int(self._failed)
