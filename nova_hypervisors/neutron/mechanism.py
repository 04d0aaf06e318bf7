# SPDX-License-Identifier: Apache-2.0
"""Binding ports for hypervisors that plug adapters in themselves.

There is no agent on such a host.  A compute driver plugs the adapter in when
it makes the machine, so a port is up as soon as it is bound.  Loaded beside
other mechanism drivers: what they bind, and ports that are not for machines
(those of DHCP servers and routers), are left to them.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg
from oslo_log import log as logging

from nova_hypervisors.common import portgroups
from nova_hypervisors.neutron import opts

LOG = logging.getLogger(__name__)

_ANY_HOST = '*'

_NETWORK_TYPES = (constants.TYPE_FLAT, constants.TYPE_VLAN)
_VNIC_TYPES = (portbindings.VNIC_NORMAL, portbindings.VNIC_BAREMETAL)
_DEVICE_OWNERS = (constants.DEVICE_OWNER_COMPUTE_PREFIX,
                  constants.DEVICE_OWNER_BAREMETAL_PREFIX)


def parse(entries: Iterable[str], group: str) -> dict[str, set[str]]:
    """Read ``HOST:NETWORK`` entries: the networks of each host.

    :param group: of the option that has them
    :raises ValueError: an entry is none
    """
    networks = collections.defaultdict(set)
    for entry in entries:
        host, colon, network = entry.partition(':')
        if not (host and colon and network):
            raise ValueError(
                f'[{group}] physical_networks: {entry!r} is not HOST:NETWORK')
        networks[host].add(network)
    return networks


class HostMechanismDriver(api.MechanismDriver):
    """Binds ports with the VIF type ``other``.

    Nova passes that type through to the compute driver as it is.

    :cvar group: of its options
    """

    group: str

    def initialize(self) -> None:
        opts.register_opts(cfg.CONF)
        self._networks = parse(self._options.physical_networks, self.group)
        if not self._networks:
            LOG.warning('[%s] physical_networks is empty: no port will be '
                        'bound', self.group)

    @property
    def _options(self) -> Any:
        return cfg.CONF[self.group]

    @property
    def connectivity(self) -> str:
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context: api.PortContext) -> None:
        port = context.current
        if port[portbindings.VNIC_TYPE] not in _VNIC_TYPES:
            return
        if not port['device_owner'].startswith(_DEVICE_OWNERS):
            return
        for segment in context.segments_to_bind:
            if self._reaches(context.host, segment):
                context.set_binding(
                    segment[api.ID], portbindings.VIF_TYPE_OTHER,
                    self._details(segment),
                    status=constants.PORT_STATUS_ACTIVE)
                return

    def _details(self, segment: dict[str, Any]) -> dict[str, Any]:
        details = {
            portbindings.CAP_PORT_FILTER: False,
            portbindings.VIF_DETAILS_CONNECTIVITY: self.connectivity,
            'physical_network': segment[api.PHYSICAL_NETWORK],
        }
        if segment[api.NETWORK_TYPE] == constants.TYPE_VLAN:
            details[portbindings.VIF_DETAILS_VLAN] = (
                segment[api.SEGMENTATION_ID])
        return details

    def _reaches(self, host: str, segment: dict[str, Any]) -> bool:
        return (segment[api.NETWORK_TYPE] in _NETWORK_TYPES
                and any(segment[api.PHYSICAL_NETWORK] in
                        self._networks.get(name, ())
                        for name in (host, _ANY_HOST)))

    def filter_hosts_with_segment_access(
            self, context: Any, segments: list[dict[str, Any]],
            candidate_hosts: set[str], agent_getter: Any) -> set[str]:
        """Return the hosts among the candidates that reach a segment."""
        return {host for host in candidate_hosts
                if any(self._reaches(host, segment) for segment in segments)}


class VirtualBoxMechanismDriver(HostMechanismDriver):
    """Binds ports on hosts with VirtualBox."""

    group = opts.VIRTUALBOX_GROUP.name


class ESXMechanismDriver(HostMechanismDriver):
    """Binds ports on VMware ESX hosts.

    Of a VLAN it tells the name of the port group, so that it is the same on
    all hosts; a flat network's is what each host says.
    """

    group = opts.ESX_GROUP.name

    def _details(self, segment: dict[str, Any]) -> dict[str, Any]:
        details = super()._details(segment)
        if segment[api.NETWORK_TYPE] == constants.TYPE_VLAN:
            details[portgroups.DETAIL] = portgroups.vlan_name(
                self._options.port_group_prefix,
                segment[api.PHYSICAL_NETWORK], segment[api.SEGMENTATION_ID])
        return details
