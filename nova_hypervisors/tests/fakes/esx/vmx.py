# SPDX-License-Identifier: Apache-2.0
"""A machine's .vmx file: written from its configuration, and read again.

Keys are those of files that hosts write; what has none is not kept.
"""

from __future__ import annotations

import re
from typing import Any

from pyVmomi import vim

_D = vim.vm.device
_LINE = re.compile(r'([^=\s]+)\s*=\s*"([^"]*)"')
_SCSI = {
    'lsilogic': _D.VirtualLsiLogicController,
    'lsisas1068': _D.VirtualLsiLogicSASController,
    'pvscsi': _D.ParaVirtualSCSIController,
    'buslogic': _D.VirtualBusLogicController,
}
_NICS = {
    'e1000': _D.VirtualE1000, 'e1000e': _D.VirtualE1000e,
    'vlance': _D.VirtualPCNet32, 'vmxnet': _D.VirtualVmxnet,
    'vmxnet3': _D.VirtualVmxnet3, 'vmxnet2': _D.VirtualVmxnet2,
}
#: What is not extraConfig.
_OWN = re.compile(r'(\.encoding|config\.version|virtualHW\.version|displayName'
                  r'|guestOS|memSize|numvcpus|cpuid\.coresPerSocket|firmware'
                  r'|annotation|uuid\.bios|vc\.uuid|(scsi|ide|sata)\d.*'
                  r'|ethernet\d.*|serial\d.*)$')


def write(machine: Any) -> None:
    """Write it; a quote is written as hosts do, ``|22``."""
    values = {**_settings(machine.config)}
    for device in machine.config.hardware.device:
        values.update(_device(machine, device))
    for option in machine.config.extraConfig:
        values[option.key] = option.value
    machine.at.local.write_text(''.join(
        f'{key} = "{_escape(str(value))}"\n'
        for key, value in values.items()))


def _escape(text: str) -> str:
    for character in '|"\n\r':
        text = text.replace(character, f'|{ord(character):02X}')
    return text


def _unescape(text: str) -> str:
    return re.sub(r'\|([0-9A-F]{2})',
                  lambda found: chr(int(found.group(1), 16)), text)


def _settings(config: Any) -> dict[str, Any]:
    return {
        '.encoding': 'UTF-8', 'config.version': '8',
        'virtualHW.version': config.version.removeprefix('vmx-'),
        'displayName': config.name, 'guestOS': config.guestId,
        'memSize': config.hardware.memoryMB,
        'numvcpus': config.hardware.numCPU,
        'cpuid.coresPerSocket': config.hardware.numCoresPerSocket,
        'firmware': config.firmware, 'annotation': config.annotation or '',
        'uuid.bios': config.uuid, 'vc.uuid': config.instanceUuid}


def _device(machine: Any, device: Any) -> dict[str, Any]:
    for name, kind in _SCSI.items():
        if type(device) is kind:
            bus = f'scsi{device.busNumber}'
            return {f'{bus}.present': 'TRUE', f'{bus}.virtualDev': name}
    for name, kind in _NICS.items():
        if type(device) is kind:
            nic = f'ethernet{device.key - 4000}'
            return {f'{nic}.present': 'TRUE', f'{nic}.virtualDev': name,
                    f'{nic}.networkName': device.backing.deviceName,
                    f'{nic}.addressType': 'static',
                    f'{nic}.address': device.macAddress}
    if isinstance(device, (_D.VirtualDisk, _D.VirtualCdrom)):
        return _storage(machine, device)
    return {}


def _storage(machine: Any, device: Any) -> dict[str, Any]:
    controller = next(one for one in machine.config.hardware.device
                      if one.key == device.controllerKey)
    bus = 'ide' if isinstance(controller, _D.VirtualIDEController) else (
        'sata' if isinstance(controller, _D.VirtualSATAController) else 'scsi')
    unit = f'{bus}{controller.busNumber}:{device.unitNumber}'
    values = {f'{unit}.present': 'TRUE',
              f'{unit}.fileName': getattr(device.backing, 'fileName', '')}
    if isinstance(device, _D.VirtualCdrom):
        values[f'{unit}.deviceType'] = 'cdrom-image'
    return values


def read(at: Any) -> Any:
    """Return a VirtualMachineConfigSpec that makes the machine again."""
    values = {key: _unescape(value) for key, value in
              _LINE.findall(at.local.read_text())}
    options = [vim.option.OptionValue(key=key, value=value)
               for key, value in values.items() if not _OWN.match(key)]
    changes = [*_controllers(values), *_drives(at, values), *_nics(values)]
    return vim.vm.ConfigSpec(
        name=values.get('displayName') or at.name.removesuffix('.vmx'),
        guestId=values.get('guestOS', 'otherGuest'),
        version=f'vmx-{int(values.get("virtualHW.version", "13")):02d}',
        memoryMB=int(values.get('memSize', '32')),
        numCPUs=int(values.get('numvcpus', '1')),
        numCoresPerSocket=int(values.get('cpuid.coresPerSocket', '1')),
        firmware=values.get('firmware', 'bios'),
        annotation=values.get('annotation'), uuid=values.get('uuid.bios'),
        instanceUuid=values.get('vc.uuid'), extraConfig=options,
        deviceChange=[_D.VirtualDeviceSpec(operation='add', device=device)
                      for device in changes])


def _controllers(values: dict[str, str]) -> list[Any]:
    made = []
    for bus in range(4):
        if values.get(f'scsi{bus}.present') == 'TRUE':
            kind = _SCSI[values.get(f'scsi{bus}.virtualDev', 'lsilogic')]
            made.append(kind(key=-100 - bus, busNumber=bus,
                             sharedBus='noSharing'))
        if any(key.startswith(f'sata{bus}:') for key in values):
            made.append(_D.VirtualAHCIController(key=-300 - bus,
                                                 busNumber=bus))
    made += [_D.VirtualIDEController(key=-200 - bus, busNumber=bus)
             for bus in range(2)]
    return made


def _drives(at: Any, values: dict[str, str]) -> list[Any]:
    made = []
    for key, name in values.items():
        found = re.match(r'(scsi|ide|sata)(\d):(\d+)\.fileName$', key)
        if not found:
            continue
        bus, unit = found.group(1), key.removesuffix('.fileName')
        controller = {'scsi': -100, 'ide': -200, 'sata': -300}[bus] - int(
            found.group(2))
        place = {'key': -1000 - len(made), 'controllerKey': controller,
                 'unitNumber': int(found.group(3))}
        if values.get(f'{unit}.deviceType') == 'cdrom-image':
            made.append(_D.VirtualCdrom(
                **place, backing=_D.VirtualCdrom.IsoBackingInfo(
                    fileName=str(at.parse(name)))))
        else:
            made.append(_D.VirtualDisk(
                **place, capacityInKB=0,
                backing=_D.VirtualDisk.FlatVer2BackingInfo(
                    fileName=str(at.parse(name)),
                    diskMode='persistent')))
    return made


def _nics(values: dict[str, str]) -> list[Any]:
    made = []
    for number in range(10):
        nic = f'ethernet{number}'
        if values.get(f'{nic}.present') == 'TRUE':
            kind = _NICS[values.get(f'{nic}.virtualDev', 'e1000')]
            made.append(kind(
                key=-2000 - number, addressType='manual',
                macAddress=values.get(f'{nic}.address', ''),
                backing=_D.VirtualEthernetCard.NetworkBackingInfo(
                    deviceName=values.get(f'{nic}.networkName', ''))))
    return made
