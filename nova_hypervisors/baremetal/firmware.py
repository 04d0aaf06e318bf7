# SPDX-License-Identifier: Apache-2.0
"""How a node's firmware is to boot: its mode, and whether it checks that.

What a server wants of it is taken back with the server: the next one may
bring an image that boots the other way.
"""

from __future__ import annotations

from oslo_utils import strutils

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

#: In ``instance_info``: the mode that the node had before this server.
FORMER_MODE = 'former_boot_mode'

_SECURE = 'secure_boot'


def wanted_mode(node: nodes.Node) -> api.BootMode | None:
    """Return the mode that a node shall boot in; None for any.

    :raises InvalidArgument: there is no such mode
    """
    mode = node.capabilities.get('boot_mode')
    try:
        return api.BootMode(mode) if mode is not None else None
    except ValueError:
        raise errors.InvalidArgument(
            f'the capability boot_mode is {mode!r}: use bios or uefi',
            operation=f'node {node.name}') from None


def mode(task: tasks.Task) -> api.BootMode:
    """Return the mode that a node is going to boot in."""
    return (wanted_mode(task.node)
            or task.interfaces.management.boot_mode(task.node)
            or api.BootMode.BIOS)


def set_mode(task: tasks.Task) -> None:
    """Let the node boot in the mode that it shall; it is off."""
    wanted = wanted_mode(task.node)
    management = task.interfaces.management
    if wanted is None or (
            now := management.boot_mode(task.node)) is wanted:
        return
    if now is not None and FORMER_MODE not in task.node.instance_info:
        task.save_instance_info(**{FORMER_MODE: now.value})
    management.set_boot_mode(task.node, wanted)


def secure(task: tasks.Task) -> None:
    """Check signatures from now on, if the server wants that."""
    if _is_true(task.node.capabilities.get(_SECURE)):
        task.interfaces.management.set_secure_boot(task.node, True)


def restore(task: tasks.Task) -> None:
    """Take back what the server wanted, and the node does not; it is off."""
    node = task.node
    management = task.interfaces.management
    asked = (node.instance_info.get('capabilities') or {}).get(_SECURE)
    own = (node.properties.get('capabilities') or {}).get(_SECURE)
    if (_is_true(asked) and not _is_true(own)
            and management.secure_boot(node)):
        management.set_secure_boot(node, False)
    if former := node.instance_info.get(FORMER_MODE):
        management.set_boot_mode(node, api.BootMode(former))
        task.save_instance_info(**{FORMER_MODE: None})


def _is_true(text: str | None) -> bool:
    return bool(strutils.bool_from_string(text or 'false'))
