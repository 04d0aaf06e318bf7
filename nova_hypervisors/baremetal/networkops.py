# SPDX-License-Identifier: Apache-2.0
"""Neutron's ports, which get the address of a node's adapter.

A virtual adapter takes the address that Neutron has chosen.  A real one has
its own, so it is the port that is changed, and bound to the node: then the
mechanism driver of the switch can do its part.  All of that is undone when the
server is gone, because the port may be the user's own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from neutronclient.common import exceptions as neutron_errors
from nova import exception
from nova.network import model
from oslo_log import log as logging

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import store
from nova_hypervisors.common import network

LOG = logging.getLogger(__name__)

#: A port is given the node's address, and bound to the node.
FLAT = 'flat'
#: Ports are as Nova makes them; nothing is done.
NOOP = 'noop'

# Of a port, what is changed here; Nova's own client speaks of them so.
_HOST = 'binding:host_id'
_PROFILE = 'binding:profile'
_VNIC_TYPE = 'binding:vnic_type'
_PAIRS = 'allowed_address_pairs'


class NetworkOps:
    """:param client: returns a Neutron client that may change all ports"""

    def __init__(self, kept: store.Store, client: Callable[[], Any]) -> None:
        self._store = kept
        self._client = client

    def plug(self, node: nodes.Node, network_info: list[Any]) -> None:
        """Bind a server's ports to the node's; those that are stay.

        :raises VirtualInterfacePlugException: the node has too few
        """
        if node.network_interface == NOOP:
            return
        for vif in network_info:
            self._plug_one(self._store.get_node(node.uuid), vif)

    def _plug_one(self, node: nodes.Node, vif: Any) -> None:
        if any(port.vif_id == vif['id'] for port in node.ports):
            return
        client = self._client()
        before = client.show_port(vif['id'])['port']
        for port in _in_order(node.ports, network.physical_network(vif)):
            # Before Neutron's: what was done here can be undone.
            if self._store.bind_port(node.uuid, port.address, vif['id'],
                                     _to_remember(before)):
                client.update_port(vif['id'], {'port': _bound(
                    node, port, before)})
                return
        raise exception.VirtualInterfacePlugException(
            f'node {node.name} has no free port for {vif["id"]}: it has '
            f'{len(node.ports)}, and ports on another physical network than '
            f'{network.physical_network(vif)!r} do not count')

    def unplug(self, node: nodes.Node,
               vif_ids: set[str] | None = None) -> None:
        """Undo what was done to ports.

        :param vif_ids: only to these
        """
        for port in node.ports:
            if port.vif_id and (vif_ids is None or port.vif_id in vif_ids):
                self._restore(port)
                self._store.bind_port(node.uuid, port.address, None, {})

    def _restore(self, port: nodes.Port) -> None:
        client = self._client()
        try:
            # A bound port keeps its address: first the one, then the other.
            client.update_port(port.vif_id, {'port': {
                _HOST: '', _PROFILE: {}}})
            client.update_port(port.vif_id, {'port': {
                name: value for name, value in port.taken_over.items()
                if name != _HOST}})
        except (neutron_errors.PortNotFoundClient, exception.PortNotFound,
                KeyError):
            LOG.info('Port %s is gone already', port.vif_id)


def addresses(node: nodes.Node, network_info: list[Any]) -> list[Any]:
    """Return VIFs with the addresses of the node's own adapters.

    Nova has read the ports before they were changed.
    """
    own = {port.vif_id: port.address for port in node.ports if port.vif_id}
    result = []
    for vif in network_info:
        changed = copy.deepcopy(vif)
        changed['address'] = own.get(vif['id'], vif['address'])
        result.append(changed)
    return result


def _in_order(ports: tuple[nodes.Port, ...],
              physical_network: str | None) -> list[nodes.Port]:
    """Return the free ports that will do, the best first."""
    fitting = [port for port in ports if port.vif_id is None
               and (port.physical_network is None
                    or physical_network is None
                    or port.physical_network == physical_network)]
    return sorted(fitting, key=lambda port: (
        port.physical_network is None, not port.pxe_enabled))


def _to_remember(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a port is to be like again."""
    return {name: before[name] for name in (
        'mac_address', _VNIC_TYPE, _PAIRS) if name in before}


def _bound(node: nodes.Node, port: nodes.Port,
           before: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        'mac_address': port.address,
        _VNIC_TYPE: model.VNIC_TYPE_BAREMETAL,
        _HOST: node.uuid,
        _PROFILE: {'local_link_information': [
            dict(port.local_link_connection)]} if (
                port.local_link_connection) else {},
    }
    pairs = before.get(_PAIRS)
    if pairs:
        # Neutron has put the port's address where the user gave none: the
        # virtual IP would be another machine's.
        body[_PAIRS] = [
            {**pair, 'mac_address': port.address}
            if pair.get('mac_address') == before.get('mac_address') else pair
            for pair in pairs]
    return body
