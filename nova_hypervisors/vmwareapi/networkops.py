# SPDX-License-Identifier: Apache-2.0
"""Network adapters of servers."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from nova import exception
from nova import objects
from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import machineid
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import networks

LOG = logging.getLogger(__name__)

# Of a machine: vSphere Configuration Maximums.
MOST_ADAPTERS = 10

_LOCK = 'nova-hypervisors-port-groups'


class NetworkOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines,
                 mappings: Callable[[], networks.Mappings]) -> None:
        self._client = client
        self._machines = machine_map
        self._mappings = mappings
        # Flat networks whose port groups were there.
        self._seen: set[networks.Plan] = set()

    def prepare(self, network_info: Sequence[dict[str, Any]],
                model: api.NicModel,
                present: int = 0) -> tuple[api.Nic, ...]:
        """Return a machine's adapters; their port groups are there then.

        A flat network's was made by the operator, and is looked for once.

        :param present: how many the machine has already
        :raises VirtualInterfacePlugException: a network has no place on the
            host, or a machine has no room for so many adapters
        """
        wanted_in_all = present + len(network_info)
        if wanted_in_all > MOST_ADAPTERS:
            raise exception.VirtualInterfacePlugException(
                f'a machine of ESX has at most {MOST_ADAPTERS} network '
                f'adapters, not {wanted_in_all}: take ports away')
        plans = [networks.plan(vif, self._mappings()) for vif in network_info]
        if not self._seen.issuperset(plans):
            with lockutils.lock(_LOCK):
                host = self._client.network()
                for wanted in dict.fromkeys(plans):
                    self._ensure(wanted, host)
        return tuple(
            api.Nic(mac=vif['address'].lower(), port_group=wanted.port_group,
                    model=model)
            for vif, wanted in zip(network_info, plans, strict=True))

    def forget(self) -> None:
        """Look for port groups again: something was not as it should be."""
        self._seen.clear()

    def _ensure(self, wanted: networks.Plan, host: api.HostNetwork) -> None:
        group = networks.missing_group(wanted, host)
        if wanted.adapter is None:
            self._seen.add(wanted)
        if group is None:
            return
        try:
            self._client.add_port_group(group)
        except errors.AlreadyExists:
            # Somebody else was faster; but was it made the same?
            networks.missing_group(wanted, self._client.network())
        else:
            LOG.info('Made the port group %s with VLAN %d on %s', group.name,
                     group.vlan_id, group.switch)

    def attach(self, instance: objects.Instance,
               image_meta: objects.ImageMeta, vif: dict[str, Any]) -> None:
        ref = self._machines.ref(instance.uuid)
        details = self._client.machine_details(ref)
        nics = self.prepare([vif], hardware.nic_model(image_meta),
                            len(details.nics))
        self._client.change_machine(ref, api.MachineChange(
            add_nics=nics,
            extra_config=_retold(details.extra_config,
                                 machineid.with_vif, vif)))

    def detach(self, instance: objects.Instance, vif: dict[str, Any]) -> None:
        ref = self._machines.ref(instance.uuid)
        address = vif['address'].lower()
        details = self._client.machine_details(ref)
        keys = tuple(nic.key for nic in details.nics
                     if nic.mac == address and nic.key is not None)
        if not keys:
            LOG.warning('The server has no network adapter %s to detach',
                        address, instance=instance)
            return
        self._client.change_machine(ref, api.MachineChange(
            remove_nics=keys, extra_config=_retold(
                details.extra_config, machineid.without, address)))


def _retold(extra_config: Mapping[str, str],
            change: Callable[[str, Any], str],
            what: Any) -> dict[str, str]:
    """Return what tells a guest of its adapters, if it was told before."""
    told = extra_config.get(machineid.KEY)
    return {} if told is None else {machineid.KEY: change(told, what)}
