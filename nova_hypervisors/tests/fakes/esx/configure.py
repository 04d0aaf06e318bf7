# SPDX-License-Identifier: Apache-2.0
"""What a VirtualMachineConfigSpec makes of a machine's configuration."""

from __future__ import annotations

import copy
import re
import uuid
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import devices
from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import sessions

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
_GUESTS = vim.vm.GuestOsDescriptor.GuestOsIdentifier.values
#: What is taken over as it is.
_PLAIN = ('annotation', 'version', 'firmware', 'managedBy', 'nestedHVEnabled',
          'memoryReservationLockedToMax')
_BOOTABLE = {
    vim.vm.BootOptions.BootableDiskDevice: vim.vm.device.VirtualDisk,
    vim.vm.BootOptions.BootableEthernetDevice:
        vim.vm.device.VirtualEthernetCard}
_WHOLE = ('bootOptions', 'flags', 'tools')


def new_config(esx: Any) -> Any:
    """Return what a machine has of which nothing was asked."""
    shares = vim.SharesInfo(level='normal', shares=1000)
    share = vim.ResourceAllocationInfo(
        reservation=0, expandableReservation=False, limit=-1, shares=shares)
    return vim.vm.ConfigInfo(
        changeVersion='', modified=sessions.now(), name='', guestFullName='',
        version='vmx-21', uuid=str(uuid.uuid4()),
        instanceUuid=str(uuid.uuid4()), template=False, guestId='otherGuest',
        alternateGuestName='', files=vim.vm.FileInfo(),
        flags=vim.vm.FlagInfo(), defaultPowerOps=vim.vm.DefaultPowerOpInfo(),
        hardware=vim.vm.VirtualHardware(
            numCPU=1, numCoresPerSocket=1, memoryMB=32),
        cpuAllocation=copy.copy(share), memoryAllocation=copy.copy(share),
        bootOptions=vim.vm.BootOptions(), firmware='bios',
        tools=vim.vm.ToolsConfigInfo())


def configure(machine: Any, spec: Any, new: bool,
              lenient: bool = False) -> None:
    """Change a machine whole, or leave it as it was.

    :param lenient: what its devices name need not be there

    :raises vmodl.MethodFault: what a host does not take
    """
    config = copy.copy(machine.config)
    config.hardware = copy.copy(config.hardware)
    config.extraConfig = list(config.extraConfig)
    if spec.changeVersion and spec.changeVersion != config.changeVersion:
        raise vim.fault.ConcurrentAccess(
            msg='The object has been changed since it was read.')
    _identity(config, spec)
    _hardware(machine, config, spec)
    _resources(config, spec)
    _options(config, spec.extraConfig)
    for name in (*_PLAIN, *_WHOLE):
        value = getattr(spec, name)
        if value is not None:
            old = getattr(config, name)
            setattr(config, name, _over(old, value)
                    if name in _WHOLE and old else value)
    changed = devices.Devices(machine, lenient)
    changed.apply(spec.deviceChange)
    if new:
        changed.add_defaults()
    config.hardware.device = changed.result
    _check_boot_order(config, spec, changed)
    config.changeVersion = sessions.now().isoformat()
    config.modified = sessions.now()
    before = machine.config
    machine.config = config
    try:
        machine.lock_disks()
    except BaseException:
        machine.config = before
        changed.undo()
        machine.lock_disks()
        raise
    changed.finish()


def _check_boot_order(config: Any, spec: Any, changed: Any) -> None:
    """VirtualMachineBootOptions.bootOrder names devices that are there.

    Guess: the fault.
    """
    kinds = {one.key: type(one) for one in config.hardware.device}
    for one in spec.bootOptions.bootOrder if spec.bootOptions else ():
        wanted = _BOOTABLE.get(type(one))
        if wanted and not issubclass(kinds.get(one.deviceKey, str), wanted):
            changed.undo()
            raise faults.invalid_argument('configSpec.bootOptions.bootOrder')


def _over(old: Any, new: Any) -> Any:
    """Lay what is set of a value over an old one."""
    made = copy.copy(old)
    for info in new._GetPropertyList():
        value = getattr(new, info.name)
        if value not in (None, []):
            setattr(made, info.name, value)
    return made


def _identity(config: Any, spec: Any) -> None:
    if spec.name is not None:
        # The API's documents: at most 80 characters.
        if not 0 < len(spec.name) <= 80:
            raise faults.invalid_argument('configSpec.name')
        config.name = spec.name
    for name in ('uuid', 'instanceUuid'):
        value = getattr(spec, name)
        if value is not None:
            if not _UUID.match(value.lower()):
                raise faults.invalid_argument(f'configSpec.{name}')
            setattr(config, name, value.lower())
    if spec.guestId is not None:
        if spec.guestId not in _GUESTS:
            raise faults.invalid_argument('configSpec.guestId')
        config.guestId = config.guestFullName = spec.guestId


def _hardware(machine: Any, config: Any, spec: Any) -> None:
    """Processors and memory of what runs are not changed: no hot plug."""
    hardware = config.hardware
    if spec.memoryMB is not None and spec.memoryMB != hardware.memoryMB:
        if not machine.is_off:
            raise vim.fault.MemoryHotPlugNotSupported(
                msg='Memory hot plug is not supported for this machine.')
        # VirtualMachineConfigSpec.memoryMB: a multiple of 4.
        if spec.memoryMB < 4 or spec.memoryMB % 4:
            raise faults.invalid_argument('configSpec.memoryMB')
        hardware.memoryMB = spec.memoryMB
    if spec.numCPUs is not None and spec.numCPUs != hardware.numCPU:
        if not machine.is_off:
            raise vim.fault.CpuHotPlugNotSupported(
                msg='CPU hot plug is not supported for this machine.')
        if not 1 <= spec.numCPUs <= machine.esx.host_system.threads:
            raise faults.invalid_argument('configSpec.numCPUs')
        hardware.numCPU = spec.numCPUs
    if spec.numCoresPerSocket is not None:
        hardware.numCoresPerSocket = spec.numCoresPerSocket
    cores = hardware.numCoresPerSocket or 1
    if hardware.numCPU % cores:
        raise faults.invalid_argument('configSpec.numCoresPerSocket')


def _resources(config: Any, spec: Any) -> None:
    for name in ('cpuAllocation', 'memoryAllocation'):
        value = getattr(spec, name)
        if value is None:
            continue
        limit = -1 if value.limit is None else value.limit
        if limit < -1 or -1 < limit < (value.reservation or 0):
            raise faults.invalid_argument(f'configSpec.{name}.limit')
        setattr(config, name, _over(getattr(config, name), value))


def _options(config: Any, options: Any) -> None:
    """A key has one value; an empty one takes the key away.

    VirtualMachineConfigSpec.extraConfig.
    """
    values = {one.key: one for one in config.extraConfig}
    for one in options:
        if one.value in (None, ''):
            values.pop(one.key, None)
        else:
            values[one.key] = vim.option.OptionValue(
                key=one.key, value=str(one.value))
    config.extraConfig = list(values.values())
