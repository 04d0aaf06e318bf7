# SPDX-License-Identifier: Apache-2.0
"""Neutron's ports, as an administrator may change them."""

from __future__ import annotations

import copy

from neutronclient.common import exceptions


class FakeNeutron:
    """:ivar ports: by their IDs"""

    def __init__(self):
        self.ports = {}

    def show_port(self, port_id):
        return {'port': copy.deepcopy(self._find(port_id))}

    def update_port(self, port_id, body):
        """Like ML2: a port that is bound keeps its address."""
        port, changes = self._find(port_id), body['port']
        bound = bool(port.get('binding:host_id'))
        address = changes.get('mac_address', port['mac_address'])
        if bound and address != port['mac_address']:
            raise exceptions.Conflict('port is bound')
        port.update(copy.deepcopy(changes))
        return self.show_port(port_id)

    def _find(self, port_id):
        if port_id not in self.ports:
            raise exceptions.PortNotFoundClient
        return self.ports[port_id]

    def add(self, vif):
        """Make the port of a VIF, not bound."""
        self.ports[vif['id']] = {
            'id': vif['id'], 'mac_address': vif['address'],
            'binding:vnic_type': 'normal', 'binding:host_id': '',
            'binding:profile': {}}
