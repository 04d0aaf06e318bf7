# SPDX-License-Identifier: Apache-2.0
"""Adapters, switches and port groups of a host."""

from __future__ import annotations

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values

_NETWORK = 'config.network'
_SYSTEM = 'configManager.networkSystem'
_NICS, _SWITCHES = f'{_NETWORK}.pnic', f'{_NETWORK}.vswitch'
_GROUPS = 'networkInfo.portgroup'


class Networks(tasks.HostTasks):
    """NetworkApi of :mod:`.interface`."""

    def network(self) -> api.HostNetwork:
        """Read it in one call, in two for the first time.

        What has just been added is with the network system first.
        """
        place, system = self._place.host, self._network_system()
        objects = properties.read(
            self._session, properties.of(place, _NICS, _SWITCHES),
            properties.of(system, _GROUPS))
        found, groups = objects.get(place, {}), objects.get(system, {})
        return api.HostNetwork(
            nics=tuple(_nic(item) for item in values.items(
                found.get(_NICS), 'PhysicalNic')),
            switches=tuple(_switch(item) for item in values.items(
                found.get(_SWITCHES), 'HostVirtualSwitch')),
            port_groups=tuple(_group(item) for item in values.items(
                groups.get(_GROUPS), 'HostPortGroup')))

    def add_port_group(self, group: api.PortGroup) -> None:
        self._call('AddPortGroup', self._network_system(), portgrp=self._make(
            'HostPortGroupSpec', name=group.name, vlanId=group.vlan_id,
            vswitchName=group.switch, policy=self._make('HostNetworkPolicy')))

    def remove_port_group(self, name: str) -> None:
        self._call('RemovePortGroup', self._network_system(), pgName=name)

    def _network_system(self) -> values.Ref:
        if self._system is None:
            self._system = tasks.needed(
                self._read(self._place.host, _SYSTEM).get(_SYSTEM),
                'the network system')
        return self._system


def _nic(item: values.Element) -> api.PhysicalNic:
    speed = values.integer(item, 'linkSpeed/speedMb')
    return api.PhysicalNic(
        key=values.text(item, 'key'), device=values.text(item, 'device'),
        mac=values.text(item, 'mac').lower(), link_mbit=speed or None)


def _switch(item: values.Element) -> api.VirtualSwitch:
    return api.VirtualSwitch(
        key=values.text(item, 'key'), name=values.text(item, 'name'),
        nics=tuple(values.text(nic) for nic in values.items(item, 'pnic')))


def _group(item: values.Element) -> api.PortGroup:
    return api.PortGroup(
        name=values.text(item, 'spec/name'),
        switch=values.text(item, 'spec/vswitchName'),
        vlan_id=values.integer(item, 'spec/vlanId'))
