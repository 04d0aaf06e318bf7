# SPDX-License-Identifier: Apache-2.0
"""The interfaces that there are, and those of a node.

They are found by entry points, so that packages may bring more:
``nova_hypervisors.baremetal.power`` and the like.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any
from typing import cast

from stevedore import exception as stevedore_exception
from stevedore import extension
from stevedore import named

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal.boot import base as boot_base
from nova_hypervisors.baremetal.deploy import base as deploy_base
from nova_hypervisors.baremetal.management import base as management_base
from nova_hypervisors.baremetal.power import base as power_base
from nova_hypervisors.clients import errors

_GROUP = 'nova_hypervisors.baremetal.{}'


@dataclasses.dataclass(frozen=True, slots=True)
class Interfaces:
    """The four of one node."""

    power: power_base.PowerInterface
    management: management_base.ManagementInterface
    boot: boot_base.BootInterface
    deploy: deploy_base.DeployInterface

    @property
    def all(self) -> tuple[backend.Interface, ...]:
        return (self.power, self.management, self.boot, self.deploy)


def names(kind: str) -> list[str]:
    """Return the names of all interfaces of a kind: see nodes.KINDS."""
    found: extension.ExtensionManager[Any] = extension.ExtensionManager(
        _GROUP.format(kind))
    return sorted({point.name for point in found.list_entry_points()})


def load(kind: str, name: str) -> type[backend.Interface]:
    """Return the class of an interface.

    :raises NotFound: there is none of that name; it says which there are
    :raises NotInstalled: what it needs is missing
    """
    failed: list[BaseException] = []

    def note(_manager: Any, _point: Any, error: BaseException) -> None:
        failed.append(error)

    found: named.NamedExtensionManager[Any] = named.NamedExtensionManager(
        _GROUP.format(kind), [name], on_load_failure_callback=note,
        warn_on_missing_entrypoint=False)
    if failed:
        raise errors.NotInstalled(
            f'the {kind} interface {name!r} cannot be loaded: {failed[0]}')
    try:
        return cast(type[backend.Interface], found[name].plugin)
    except (KeyError, stevedore_exception.NoUniqueMatch):
        raise errors.NotFound(
            f'there is no {kind} interface {name!r}; there are '
            f'{", ".join(names(kind)) or "none"}') from None


class Registry:
    """Makes interfaces when they are first needed, and each once."""

    def __init__(self, services: backend.Services,
                 find: Callable[[str, str], type[backend.Interface]] = load,
                 ) -> None:
        self._services = services
        self._find = find
        self._lock = threading.RLock()
        self._made: dict[tuple[str, str], backend.Interface] = {}

    def get(self, kind: str, name: str) -> Any:
        """:raises NotFound: there is no such interface"""
        with self._lock:
            if (kind, name) not in self._made:
                cls = self._find(kind, name)
                self._made[kind, name] = cls(self._services)
            return self._made[kind, name]

    def of(self, node: nodes.Node) -> Interfaces:
        """Return the interfaces of a node.

        :raises NotFound: one of them is not there
        """
        return Interfaces(**{kind: self.get(kind, node.interface_name(kind))
                             for kind in nodes.KINDS})
