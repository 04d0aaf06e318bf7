# SPDX-License-Identifier: Apache-2.0
"""A machine that servers are put on, as the database has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nova_hypervisors.baremetal import states

#: The kinds of interfaces that a node has, in the order of dependence.
KINDS = ('power', 'management', 'boot', 'deploy')


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A network adapter of a node.

    :param address: its MAC address, in lower case
    :param local_link_connection: the switch's side, as Neutron's mechanism
        drivers want it: ``switch_id``, ``port_id``, ``switch_info``
    :param vif_id: the Neutron port that is bound to it
    :param taken_over: what that Neutron port was like before
    """

    address: str
    pxe_enabled: bool = True
    local_link_connection: Mapping[str, Any] = dataclasses.field(
        default_factory=dict)
    physical_network: str | None = None
    vif_id: str | None = None
    taken_over: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A node, as it was when it was read.

    :param service_host: the nova-compute that it belongs to
    :param properties: ``memory_mb``, ``cpus``, ``local_gb``, ``cpu_arch``,
        ``capabilities`` (a mapping)
    :param driver_info: what its interfaces have to know; secrets are
        references
    :param instance_info: what is on it, or being put on it
    :param power_state: what was seen last: ``on``, ``off``, ``error``; None
        for never
    :param version: grows with each change
    """

    uuid: str
    name: str
    service_host: str
    resource_class: str
    provision_state: str = states.AVAILABLE
    instance_uuid: str | None = None
    power_state: str | None = None
    traits: tuple[str, ...] = ()
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    driver_info: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, repr=False)
    instance_info: Mapping[str, Any] = dataclasses.field(
        default_factory=dict, repr=False)
    ports: tuple[Port, ...] = ()
    power_interface: str = 'fake'
    management_interface: str = 'fake'
    boot_interface: str = 'fake'
    deploy_interface: str = 'fake'
    network_interface: str = 'flat'
    maintenance: bool = False
    maintenance_reason: str | None = None
    last_error: str | None = None
    version: int = 0

    def interface_name(self, kind: str) -> str:
        """Return the name of one of its interfaces: see KINDS."""
        return str(getattr(self, f'{kind}_interface'))

    @property
    def capabilities(self) -> dict[str, str]:
        """Return what it can do and what a server wants of it, together.

        The server's win: ``boot_mode``, ``boot_option``, ``secure_boot``.
        """
        return {**(self.properties.get('capabilities') or {}),
                **(self.instance_info.get('capabilities') or {})}
