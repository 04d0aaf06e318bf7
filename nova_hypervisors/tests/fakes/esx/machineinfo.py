# SPDX-License-Identifier: Apache-2.0
"""What a virtual machine tells about itself."""

from __future__ import annotations

import time
from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import sessions

_D = vim.vm.device


class Info:
    """Properties of a machine; what it is made of is in :mod:`.machines`."""

    esx: Any
    config: Any
    at: Any
    power: str
    tools_running: bool

    #: What a machine that runs takes of the host's processors.
    cpu_used_mhz = 120

    @property
    def runtime(self) -> Any:
        # VirtualMachineConnectionState: "inaccessible" if a host cannot read
        # one or more configuration files.
        state = 'connected' if self.is_accessible else 'inaccessible'
        return vim.vm.RuntimeInfo(
            host=self.esx.host_system.ref, connectionState=state,
            powerState=self.power, faultToleranceState='notConfigured',
            toolsInstallerMounted=False, question=self.question,
            bootTime=self.booted_at,
            maxMemoryUsage=self.config.hardware.memoryMB,
            maxCpuUsage=self.config.hardware.numCPU * 2400,
            numMksConnections=0, recordReplayState='inactive',
            onlineStandby=False, consolidationNeeded=False)

    @property
    def guest(self) -> Any:
        running = 'guestToolsRunning' if self.tools_running else (
            'guestToolsNotRunning')
        return vim.vm.GuestInfo(
            toolsStatus='toolsOk' if self.tools_running else 'toolsNotRunning',
            toolsRunningStatus=running, toolsVersionStatus2='guestToolsCurrent'
            if self.tools_running else 'guestToolsUnmanaged',
            guestState='running' if self.tools_running else 'notRunning')

    @property
    def resourcePool(self) -> Any:
        return self.esx.pool.ref

    @property
    def datastore(self) -> list[Any]:
        stores = {self.at.datastore.ref: None}
        for disk in self.disks:
            stores[disk.backing.datastore] = None
        stores.pop(None, None)
        return list(stores)

    @property
    def network(self) -> list[Any]:
        found = (self.esx.network.find_network(one.backing.deviceName)
                 for one in self.config.hardware.device
                 if isinstance(one, _D.VirtualEthernetCard))
        return list(dict.fromkeys(ref for ref in found if ref))

    @property
    def summary(self) -> Any:
        return vim.vm.Summary(
            vm=self.ref, runtime=self.runtime, config=self._config_summary(),
            storage=self._storage(), quickStats=self._quick_stats(),
            guest=vim.vm.Summary.GuestSummary(
                toolsStatus=self.guest.toolsStatus,
                toolsRunningStatus=self.guest.toolsRunningStatus),
            overallStatus='green')

    def _config_summary(self) -> Any:
        config = self.config
        device = config.hardware.device
        return vim.vm.Summary.ConfigSummary(
            name=config.name, template=False, vmPathName=str(self.at),
            memorySizeMB=config.hardware.memoryMB,
            numCpu=config.hardware.numCPU, uuid=config.uuid,
            instanceUuid=config.instanceUuid, guestId=config.guestId,
            guestFullName=config.guestFullName,
            annotation=config.annotation,
            numVirtualDisks=len(self.disks), numEthernetCards=sum(
                isinstance(one, _D.VirtualEthernetCard) for one in device))

    def _storage(self) -> Any:
        used = sum(one.size for one in self.layoutEx.file)
        return vim.vm.Summary.StorageSummary(
            committed=used, uncommitted=0, unshared=used,
            timestamp=sessions.now())

    def _quick_stats(self) -> Any:
        on = self.power == 'poweredOn'
        return vim.vm.Summary.QuickStats(
            overallCpuUsage=self.cpu_used_mhz if on else 0,
            guestMemoryUsage=self.config.hardware.memoryMB // 4 if on else 0,
            hostMemoryUsage=self.config.hardware.memoryMB // 2 if on else 0,
            uptimeSeconds=int(time.monotonic() - self.started) if on else 0,
            guestHeartbeatStatus='gray')

    @property
    def layoutEx(self) -> Any:
        made = vim.vm.FileLayoutEx(timestamp=sessions.now())
        files = []
        for number, (name, kind, path) in enumerate(self._layout()):
            files.append(vim.vm.FileLayoutEx.FileInfo(
                key=number, name=name, type=kind, accessible=True,
                size=path.stat().st_size if path.is_file() else 0))
        made.file = files
        return made

    def _layout(self) -> list[tuple[str, str, Any]]:
        found = [(str(self.at), 'config', self.at.local)]
        for chain in self._readable():
            for disk in chain:
                found.append((str(disk.at), 'diskDescriptor', disk.at.local))
                found.append((str(disk.at.sibling(disk.extent)), 'diskExtent',
                              disk.data))
        return found

    def _readable(self) -> list[Any]:
        try:
            return self.chains()
        except vmodl.MethodFault:
            return []
