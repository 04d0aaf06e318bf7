# SPDX-License-Identifier: Apache-2.0
"""The host itself: its hardware, what is used of it, its maintenance mode."""

from __future__ import annotations

import datetime
import time
import uuid
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import sessions
from nova_hypervisors.tests.fakes.esx import tasks

_H = vim.host
MHZ = 2400


#: A Xeon of the Broadwell kind; 0x80000001 has a sign in an xsd:int.
_CPUID = {1: (0x406f1, 0, 0x7ffefbff, 0xbfebfbff),
          7: (0, 0x21cbfbb, 0, 0),
          0x80000001 - (1 << 32): (0, 0, 0x121, 0x2c100800)}


def _bits(value: int) -> str:
    """HostCpuIdInfo: groups of four bits."""
    text = f'{value:032b}'
    return ':'.join(text[index:index + 4] for index in range(0, 32, 4))


class HostSystem(managed.Entity):
    """:ivar uuid: of its hardware
    :ivar managed_by: the address of the vCenter that manages it, if any
    """

    kind = vim.HostSystem

    def __init__(self, esx: Any, moid: str, name: str, parent: Any) -> None:
        super().__init__(esx, moid, name, parent)
        self.uuid = str(uuid.uuid4())
        self.sockets, self.cores, self.threads = 2, 16, 32
        self.memory = 64 << 30
        self.in_maintenance = False
        self.managed_by: str | None = None
        self._booted = sessions.now() - datetime.timedelta(days=3)
        self._started = time.monotonic()

    @property
    def vm(self) -> list[Any]:
        return [one.ref for one in self.esx.machines()]

    @property
    def datastore(self) -> list[Any]:
        return [one.ref for one in self.esx.datastores]

    @property
    def network(self) -> list[Any]:
        return self.esx.network.networks()

    @property
    def datastoreBrowser(self) -> Any:
        return self.esx.browser.ref

    @property
    def configManager(self) -> Any:
        return _H.ConfigManager(
            networkSystem=self.esx.network.ref,
            storageSystem=self.esx.storage.ref)

    @property
    def config(self) -> Any:
        return _H.ConfigInfo(
            host=self.ref, product=self.esx.service.about,
            network=self.esx.network.networkInfo,
            storageDevice=self.esx.storage.storageDeviceInfo)

    @property
    def runtime(self) -> Any:
        return _H.RuntimeInfo(
            connectionState='connected', powerState='poweredOn',
            standbyMode='none', inMaintenanceMode=self.in_maintenance,
            bootTime=self._booted)

    @property
    def hardware(self) -> Any:
        return _H.HardwareInfo(
            systemInfo=_H.SystemInfo(
                vendor='Fake', model='ESX', uuid=self.uuid),
            cpuInfo=_H.CpuInfo(
                numCpuPackages=self.sockets, numCpuCores=self.cores,
                numCpuThreads=self.threads, hz=MHZ * 1_000_000),
            cpuPkg=[_H.CpuPackage(
                index=number, vendor='intel', hz=MHZ * 1_000_000,
                busHz=100_000_000, description='Intel(R) Xeon(R) CPU',
                threadId=list(range(self.threads // self.sockets)))
                for number in range(self.sockets)],
            cpuFeature=[
                _H.CpuIdInfo(level=level, **{
                    name: _bits(value) for name, value in zip(
                        ('eax', 'ebx', 'ecx', 'edx'), registers,
                        strict=True)})
                for level, registers in _CPUID.items()],
            memorySize=self.memory)

    @property
    def summary(self) -> Any:
        return _H.Summary(
            host=self.ref, hardware=self._hardware_summary(),
            runtime=self.runtime, config=_H.Summary.ConfigSummary(
                name=self.name, port=902,
                sslThumbprint=self.esx.thumbprint,
                product=self.esx.service.about, vmotionEnabled=False,
                faultToleranceEnabled=False),
            quickStats=self._quick_stats(), overallStatus='green',
            rebootRequired=False, managementServerIp=self.managed_by)

    def _hardware_summary(self) -> Any:
        return _H.Summary.HardwareSummary(
            vendor='Fake', model='ESX', uuid=self.uuid,
            memorySize=self.memory, cpuModel='Intel(R) Xeon(R) CPU',
            cpuMhz=MHZ, numCpuPkgs=self.sockets, numCpuCores=self.cores,
            numCpuThreads=self.threads,
            numNics=len(self.esx.network.pnics), numHBAs=1)

    def _quick_stats(self) -> Any:
        """What runs, and 1500 MB for the host's own programs."""
        running = [one for one in self.esx.machines() if one.is_on]
        return _H.Summary.QuickStats(
            overallCpuUsage=100 + sum(
                one.cpu_used_mhz for one in running),
            overallMemoryUsage=1500 + sum(
                one.config.hardware.memoryMB for one in running),
            uptime=int(3 * 86400 + time.monotonic() - self._started))

    def admit(self, config: Any) -> None:
        """Look whether what a machine reserves is left.

        ResourceAllocationInfo.reservation is guaranteed.

        :raises vim.fault.InsufficientResourcesFault: it is not
        """
        running = [one.config for one in self.esx.machines() if one.is_on]
        memory = (self.memory >> 20) - sum(
            one.memoryAllocation.reservation for one in running)
        if config.memoryAllocation.reservation > memory:
            raise vim.fault.InsufficientMemoryResourcesFault(
                msg='The host does not have sufficient memory resources.',
                unreserved=memory << 20,
                requested=config.memoryAllocation.reservation << 20)
        mhz = self.cores * MHZ - sum(
            one.cpuAllocation.reservation for one in running)
        if config.cpuAllocation.reservation > mhz:
            raise vim.fault.InsufficientCpuResourcesFault(
                msg='The host does not have sufficient CPU resources.',
                unreserved=mhz, requested=config.cpuAllocation.reservation)

    @tasks.waiting_task
    def EnterMaintenanceMode_Task(
            self, timeout: int, evacuatePoweredOffVms: bool = False,
            maintenanceSpec: Any = None) -> None:
        """It waits until nothing runs, or until the time is over.

        HostSystem.EnterMaintenanceMode_Task: machines that run are not moved
        by a host, and with a timeout of 0 it waits for ever.
        """
        if self.in_maintenance:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')
        end = time.monotonic() + timeout if timeout else None
        while any(one.is_on for one in self.esx.machines()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise vim.fault.Timedout(msg='Operation timed out.')
            self.esx.wait_for_change(left)
        self.in_maintenance = True

    @tasks.task
    def ExitMaintenanceMode_Task(self, timeout: int) -> None:
        if not self.in_maintenance:
            raise vim.fault.InvalidState(
                msg='The operation is not allowed in the current state.')
        self.in_maintenance = False
