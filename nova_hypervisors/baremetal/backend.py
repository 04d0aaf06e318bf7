# SPDX-License-Identifier: Apache-2.0
"""What all interfaces of nodes have in common."""

from __future__ import annotations

import abc
import dataclasses
import threading
from collections.abc import Callable
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import settings
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import telemetry
from nova_hypervisors.clients.bmc import api

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import deploying
    from nova_hypervisors.baremetal import store
    from nova_hypervisors.baremetal import usage

Setting = settings.Setting
Fault = settings.Fault

# What asks a BMC something, or several at once.
_CALLS = frozenset(
    name for name in dir(api.Machine) if not name.startswith('_')
    and name != 'close') | {'powers'}


class Machines:
    """The clients of machines, which a node's interfaces share.

    So a BMC, which takes few sessions and often one at a time, has one
    client, and that may keep its calls apart.

    :param observe: is told of each call
    """

    def __init__(self, observe: telemetry.Observer | None = None) -> None:
        self._observe = observe
        self._lock = threading.Lock()
        self._known: dict[Hashable, api.Machine] = {}

    def get(self, key: Hashable,
            make: Callable[[], api.Machine]) -> api.Machine:
        """Return the client of a machine, and make it if there is none.

        :param key: all that it was made from: with another password, say, it
            is another client
        :param make: connects to nothing yet
        """
        with self._lock:
            if key not in self._known:
                machine = make()
                # redfish, ribcl, ipmi, openstack, virtualbox, fake
                kind = type(machine).__module__.rpartition('.')[2]
                self._known[key] = telemetry.told_of(machine, kind, _CALLS,
                                                     self._observe)
            return self._known[key]

    def close(self) -> None:
        with self._lock:
            known, self._known = self._known, {}
        for machine in known.values():
            machine.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """What gets at machines.

    :param sources: of options and secrets
    :param machines: shared by all interfaces
    """

    sources: settings.Sources
    machines: Machines


@dataclasses.dataclass(frozen=True, slots=True)
class Services(Access):
    """What an interface gets from the nova-compute that it is part of.

    :param state_path: the folder of this driver, which nobody else reads
    :param store: the nodes
    :param images: who uses which image; see usage.py
    :param deploying: what deploys have in common; None where nobody deploys
    """

    state_path: Path
    store: store.Store
    images: usage.Images
    deploying: deploying.Deploying | None = None


def common(services: Services) -> deploying.Deploying:
    """Return what deploys have in common.

    :raises InvalidState: nobody deploys here
    """
    if services.deploying is None:
        raise errors.InvalidState('this process deploys no nodes')
    return services.deploying


class Interface(abc.ABC):  # noqa: B024
    """:cvar settings: the fields of ``driver_info`` that it reads"""

    settings: ClassVar[tuple[Setting, ...]] = ()

    def __init__(self, services: Access) -> None:
        """Connect to nothing."""
        self.services = services

    def option(self, group: str, name: str) -> Any:
        """Return an option of Nova's configuration."""
        return self.services.sources.option(group, name)

    def values(self, node: nodes.Node) -> dict[str, Any]:
        """Return the node's settings by name, secrets among them.

        :raises InvalidArgument: they are not right; it says all that is wrong
        """
        values, faults = settings.resolve(self.settings, node.driver_info,
                                          self.services.sources)
        if faults:
            raise errors.InvalidArgument('; '.join(map(str, faults)),
                                         operation=f'node {node.name}')
        return values

    def setting_faults(self, node: nodes.Node) -> list[Fault]:
        """Return all that is wrong with the node's settings."""
        return settings.resolve(self.settings, node.driver_info,
                                self.services.sources)[1]


class ServerInterface(Interface):
    """One that has to do with what is put on a node."""

    services: Services

    def __init__(self, services: Services) -> None:
        super().__init__(services)

    @property
    def common(self) -> deploying.Deploying:
        """:raises InvalidState: nobody deploys here"""
        return common(self.services)


def unsupported(detail: str, node: nodes.Node) -> errors.Unsupported:
    """Return the error that says what a node cannot do."""
    return errors.Unsupported(detail, operation=f'node {node.name}')
