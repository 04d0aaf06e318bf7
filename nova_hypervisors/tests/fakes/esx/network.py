# SPDX-License-Identifier: Apache-2.0
"""Virtual switches and port groups: HostNetworkSystem."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed

_H = vim.host


class Network(managed.Entity):
    """What a port group is in the inventory."""

    kind = vim.Network

    @property
    def summary(self) -> Any:
        return vim.Network.Summary(network=self.ref, name=self.name,
                                   accessible=True)

    @property
    def host(self) -> list[Any]:
        return [self.esx.host_system.ref]

    @property
    def vm(self) -> list[Any]:
        return [one.ref for one in self.esx.machines()
                if self.ref in one.network]


class NetworkSystem(managed.Managed):
    """HostNetworkSystem; HostConfigInfo.network is the same."""

    kind = _H.NetworkSystem

    def __init__(self, esx: Any, moid: str) -> None:
        super().__init__(esx, moid)
        self.pnics = [self._pnic(0), self._pnic(1)]
        self.switches: dict[str, list[str]] = {'vSwitch0': ['vmnic0'],
                                               'vSwitch1': ['vmnic1']}
        self._groups: dict[str, Any] = {}
        self._networks: dict[str, Network] = {}
        for name in ('VM Network', 'Management Network'):
            self._add(_H.PortGroup.Specification(
                name=name, vlanId=0, vswitchName='vSwitch0',
                policy=_H.NetworkPolicy()))

    def add_pnic(self, switch: str = '') -> str:
        """Plug in another adapter, without a switch or with one."""
        made = self._pnic(len(self.pnics))
        self.pnics.append(made)
        if switch:
            self.switches.setdefault(switch, []).append(made.device)
        return made.device

    def networks(self) -> list[Any]:
        return [one.ref for one in self._networks.values()]

    def find_network(self, name: str) -> Any:
        found = self._networks.get(name)
        return found.ref if found else None

    @property
    def networkInfo(self) -> Any:
        return _H.NetworkInfo(
            pnic=self.pnics,
            vswitch=[self._switch(name) for name in self.switches],
            portgroup=[self._group(spec) for spec in self._groups.values()],
            vnic=[_H.VirtualNic(
                device='vmk0', key='key-vim.host.VirtualNic-vmk0',
                portgroup='Management Network',
                spec=_H.VirtualNic.Specification(mac='00:50:56:00:00:01'))])

    @property
    def capabilities(self) -> Any:
        return _H.NetCapabilities(
            canSetPhysicalNicLinkSpeed=True, supportsNicTeaming=True,
            nicTeamingPolicy=['loadbalance_srcid'], supportsVlan=True,
            usesServiceConsoleNic=False, supportsNetworkHints=True,
            vswitchConfigSupported=True, vnicConfigSupported=True,
            ipRouteConfigSupported=True, dnsConfigSupported=True,
            dhcpOnVnicSupported=True, ipV6Supported=True)

    def AddPortGroup(self, portgrp: Any) -> None:
        """:raises vim.fault.AlreadyExists: one of its name is there"""
        self._check(portgrp)
        if portgrp.name in self._groups:
            raise vim.fault.AlreadyExists(
                msg='The specified key, name, or identifier '
                    f'{portgrp.name!r} already exists.', name=portgrp.name)
        self._add(portgrp)

    def UpdatePortGroup(self, pgName: str, portgrp: Any) -> None:
        old = self._find(pgName)
        self._check(portgrp)
        if portgrp.name != pgName and portgrp.name in self._groups:
            raise vim.fault.AlreadyExists(
                msg=f'{portgrp.name} already exists.', name=portgrp.name)
        if portgrp.name != old.name:
            self._drop(pgName)
        self._add(portgrp)

    def RemovePortGroup(self, pgName: str) -> None:
        """:raises vim.fault.ResourceInUse: a machine is plugged in"""
        self._find(pgName)
        users = [one for one in self.esx.machines()
                 if one.uses_network(pgName)]
        if users:
            raise vim.fault.ResourceInUse(
                msg=f'The resource {pgName!r} is in use.',
                type=vim.Network, name=pgName)
        self._drop(pgName)

    def AddVirtualSwitch(self, vswitchName: str, spec: Any = None) -> None:
        if vswitchName in self.switches:
            raise vim.fault.AlreadyExists(
                msg=f'{vswitchName} already exists.', name=vswitchName)
        bridge = getattr(spec, 'bridge', None)
        self.switches[vswitchName] = list(
            getattr(bridge, 'nicDevice', None) or [])

    def RemoveVirtualSwitch(self, vswitchName: str) -> None:
        if vswitchName not in self.switches:
            raise self._missing(vswitchName)
        if any(spec.vswitchName == vswitchName
               for spec in self._groups.values()):
            raise vim.fault.ResourceInUse(msg=f'{vswitchName} is in use.',
                                          name=vswitchName)
        del self.switches[vswitchName]

    def _check(self, spec: Any) -> None:
        """VLAN identifiers go from 0 to 4095 (HostPortGroupSpec.vlanId)."""
        if not 0 <= spec.vlanId <= 4095:
            raise faults.invalid_argument('portgrp.vlanId')
        # The API's documents: at most 80 characters for a network's name.
        if not 0 < len(spec.name) <= 80:
            raise faults.invalid_argument('portgrp.name')
        if spec.vswitchName not in self.switches:
            raise self._missing(spec.vswitchName)

    def _missing(self, name: str) -> Any:
        return vim.fault.NotFound(
            msg=f'The object or item referred to could not be found: {name}')

    def _find(self, name: str) -> Any:
        if name not in self._groups:
            raise self._missing(name)
        return self._groups[name]

    def _add(self, spec: Any) -> None:
        self._groups[spec.name] = spec
        if spec.name not in self._networks:
            self._networks[spec.name] = Network(
                self.esx, f'HaNetwork-{spec.name}', spec.name,
                self.esx.network_folder)

    def _drop(self, name: str) -> None:
        del self._groups[name]
        self._networks.pop(name).forget()

    def _pnic(self, number: int) -> Any:
        device = f'vmnic{number}'
        link = _H.PhysicalNic.LinkSpeedDuplex(speedMb=10000, duplex=True)
        return _H.PhysicalNic(
            key=f'key-vim.host.PhysicalNic-{device}', device=device,
            pci=f'0000:0{number + 1}:00.0', driver='ixgben', linkSpeed=link,
            spec=_H.PhysicalNic.Specification(), wakeOnLanSupported=False,
            mac=f'00:25:90:00:00:{number:02x}')

    def _switch(self, name: str) -> Any:
        groups = [f'key-vim.host.PortGroup-{spec.name}'
                  for spec in self._groups.values()
                  if spec.vswitchName == name]
        nics = self.switches[name]
        bridge = _H.VirtualSwitch.BondBridge(nicDevice=nics) if nics else None
        return _H.VirtualSwitch(
            name=name, key=f'key-vim.host.VirtualSwitch-{name}',
            numPorts=1536, numPortsAvailable=1500, mtu=1500,
            portgroup=groups,
            pnic=[f'key-vim.host.PhysicalNic-{nic}' for nic in nics],
            spec=_H.VirtualSwitch.Specification(
                numPorts=128, bridge=bridge, policy=_H.NetworkPolicy()))

    def _group(self, spec: Any) -> Any:
        return _H.PortGroup(
            key=f'key-vim.host.PortGroup-{spec.name}',
            vswitch=f'key-vim.host.VirtualSwitch-{spec.vswitchName}',
            computedPolicy=_H.NetworkPolicy(), spec=spec)
