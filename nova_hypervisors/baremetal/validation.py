# SPDX-License-Identifier: Apache-2.0
"""All that is wrong with a node, at once."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import endpoints
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.clients import errors

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import interfaces

Fault = settings.Fault

#: Read by the driver itself, whatever the interfaces are.
OWN_SETTINGS = endpoints.SETTINGS


def own_faults(node: nodes.Node,
               registry: interfaces.Registry) -> list[Fault]:
    """Return what is wrong with the node's fields, and with none other."""
    found = {}
    faults = []
    for kind in nodes.KINDS:
        try:
            found[kind] = registry.get(kind, node.interface_name(kind))
        except errors.ClientError as error:
            faults.append(Fault(f'{kind}_interface', error.detail))
    faults += endpoints.faults(node)
    if len(found) == len(nodes.KINDS):
        faults += _strange(node, known_settings(list(found.values())))
    return faults


def faults(node: nodes.Node, registry: interfaces.Registry,
           task: tasks.Task | None = None) -> list[Fault]:
    """Return all that is wrong with a node.

    :param task: with what is wanted of the node, if anything is
    """
    result = own_faults(node, registry)
    if any(fault.field.endswith('_interface') for fault in result):
        return result
    if task is None:
        four = registry.of(node)
        task = tasks.Task(node, 'validate', four, four.deploy.services)
    four = task.interfaces
    result += [*four.power.validate(node), *four.management.validate(node),
               *four.boot.validate(task), *four.deploy.validate(task)]
    # Interfaces of one family declare the same fields.
    return list(dict.fromkeys(result))


def known_settings(found: list[backend.Interface],
                   ) -> list[settings.Setting]:
    """Return the settings of interfaces and of the driver itself."""
    return [*OWN_SETTINGS,
            *(one for interface in found for one in interface.settings)]


def _strange(node: nodes.Node,
             known: list[settings.Setting]) -> list[Fault]:
    """Name the fields that nobody reads."""
    names = [name for setting in known for name in setting.names]
    result = []
    for name in node.driver_info:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            advice = (f'did you mean {close[0]}?' if close else
                      f'they read {", ".join(sorted(names))}')
            result.append(Fault(
                f'driver_info {name}',
                f'no interface of this node reads it; {advice}'))
    return result


def insist(node: nodes.Node, registry: interfaces.Registry,
           task: tasks.Task | None = None) -> None:
    """:raises InvalidArgument: something is wrong; it says all that is"""
    found = faults(node, registry, task)
    if found:
        raise errors.InvalidArgument('; '.join(map(str, found)),
                                     operation=f'node {node.name}')
