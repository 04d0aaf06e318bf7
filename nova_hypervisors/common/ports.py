# SPDX-License-Identifier: Apache-2.0
"""Changing a Neutron port to what the hypervisor can do."""

from __future__ import annotations

from typing import Any

from neutronclient.common import exceptions as neutron_exceptions
from nova import context as nova_context
from nova import exception
from nova import objects
from nova.network import neutron
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Ports:
    """Uses the account of ``[neutron]``, as Nova does when it binds ports."""

    def take_address(self, context: nova_context.RequestContext,
                     instance: objects.Instance, vif: dict[str, Any],
                     address: str) -> bool:
        """Let a server's port have the address of the adapter that it gets.

        Nova does the same for adapters that are hardware.  Neutron changes
        the address of a port that is bound to no host, so it is unbound for a
        moment.

        :param vif: gets the address too
        :returns: False if another port of the network has that address
        :raises PortUpdateFailed: Neutron refuses for another reason
        """
        client = neutron.get_client(context, admin=True)
        there = {'binding:host_id': instance.host}
        try:
            self._update(client, vif, {'binding:host_id': None})
            try:
                self._update(client, vif, {'mac_address': address, **there})
            except neutron_exceptions.MacAddressInUseClient:
                self._update(client, vif, there)
                return False
        except neutron_exceptions.NeutronClientException as error:
            raise exception.PortUpdateFailed(
                port_id=vif['id'], reason=str(error)) from error
        vif['address'] = address
        # Nova's cache has the address too.
        neutron.API().get_instance_nw_info(context, instance,
                                           refresh_vif_id=vif['id'])
        return True

    def _update(self, client: Any, vif: dict[str, Any],
                changes: dict[str, Any]) -> None:
        client.update_port(vif['id'], {'port': changes})
