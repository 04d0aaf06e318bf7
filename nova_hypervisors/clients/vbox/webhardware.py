# SPDX-License-Identifier: Apache-2.0
"""Firmware, disk controllers and limits by the web service."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import controllers
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

_TPM_TYPES = {'': 'None', '1.2': 'v1_2', '2.0': 'v2_0'}
_TPM_VERSIONS = {name: version for version, name in _TPM_TYPES.items()}

_GROUPS = {controllers.DISKS_GROUP: 'Disk', controllers.NICS_GROUP: 'Network'}


def _firmware(web: WebSession, machine: str) -> tuple[str, str]:
    """Return the interface that has the type of firmware, and its object."""
    if web.quirks.platform_architecture:
        return 'IFirmwareSettings', web.text('IMachine_getFirmwareSettings',
                                             machine)
    return 'IMachine', machine


def set_up_firmware(web: WebSession, machine: str,
                    firmware: api.Firmware) -> None:
    set_efi(web, machine, firmware.efi)
    web.call('ITrustedPlatformModule_setType',
             web.text('IMachine_getTrustedPlatformModule', machine),
             type=_TPM_TYPES[firmware.tpm])


def set_efi(web: WebSession, machine: str, efi: bool) -> None:
    interface, this = _firmware(web, machine)
    web.call(f'{interface}_setFirmwareType', this,
             firmwareType='EFI64' if efi else 'BIOS')


def is_efi(web: WebSession, machine: str) -> bool:
    interface, this = _firmware(web, machine)
    return web.text(f'{interface}_getFirmwareType', this) != 'BIOS'


def tpm(web: WebSession, machine: str) -> str:
    module = web.text('IMachine_getTrustedPlatformModule', machine)
    return _TPM_VERSIONS.get(
        web.text('ITrustedPlatformModule_getType', module), '')


def secure_boot(web: WebSession, machine: str) -> None:
    """Give a machine's EFI the usual keys, and let it check signatures."""
    store = web.text('IMachine_getNonVolatileStore', machine)
    web.call('INvramStore_initUefiVariableStore', store, size=0)
    variables = web.text('INvramStore_getUefiVariableStore', store)
    web.call('IUefiVariableStore_enrollOraclePlatformKey', variables)
    web.call('IUefiVariableStore_enrollDefaultMsSignatures', variables)
    web.call('IUefiVariableStore_setSecureBootEnabled', variables,
             secureBootEnabled=True)


def end_secure_boot(web: WebSession, machine: str) -> None:
    """Let a machine's EFI check no signatures; it keeps its keys."""
    variables = _find_variables(web, machine)
    if variables and _is_checking(web, variables):
        web.call('IUefiVariableStore_setSecureBootEnabled', variables,
                 secureBootEnabled=False)


def is_secure_boot(web: WebSession, machine: str) -> bool:
    """Return whether a machine's EFI checks signatures.

    :param machine: one that is locked: the other reference goes on telling
        what it has told once (7.2.22)
    """
    variables = _find_variables(web, machine)
    return bool(variables) and _is_checking(web, variables)


def _find_variables(web: WebSession, machine: str) -> str:
    """Return the reference to EFI's variables; empty if it has none yet."""
    store = web.text('IMachine_getNonVolatileStore', machine)
    try:
        return web.text('INvramStore_getUefiVariableStore', store)
    except errors.ClientError:
        return ''


def _is_checking(web: WebSession, variables: str) -> bool:
    try:
        return web.text('IUefiVariableStore_getSecureBootEnabled',
                        variables) == 'true'
    except errors.ClientError:
        return False  # it has no keys


def add_controllers(web: WebSession, machine: str,
                    spec: api.MachineSpec) -> None:
    for bus in dict.fromkeys((api.DiskBus.SATA, spec.disk_bus)):
        controller = controllers.CONTROLLERS[bus]
        this = web.text('IMachine_addStorageController', machine,
                        name=controller.name, connectionType=controller.bus)
        web.call('IStorageController_setControllerType', this,
                 controllerType=controller.model)
        ports = controllers.ports(bus, spec)
        if ports is not None:
            web.call('IStorageController_setPortCount', this,
                     portCount=ports)
        cached = spec.unsafe_cache and bus is spec.disk_bus
        # IDE has it on if nobody says otherwise.
        if cached or bus is api.DiskBus.IDE:
            web.call('IStorageController_setUseHostIOCache', this,
                     useHostIOCache=cached)


def set_ports(web: WebSession, machine: str, controller: str,
              ports: int) -> None:
    web.call('IStorageController_setPortCount',
             web.text('IMachine_getStorageControllerByName', machine,
                      name=controller), portCount=ports)


def attach(web: WebSession, machine: str, place: controllers.Place,
           kind: str, medium: str) -> None:
    """Attach a medium; a controller that lacks its port gets it.

    :param kind: the web service's word
    :raises NoSuchPort: that of a machine that runs does not
    """
    attach_device = functools.partial(
        web.call, 'IMachine_attachDevice', machine, name=place.controller,
        controllerPort=place.port, device=place.device, type=kind,
        medium=medium)
    try:
        attach_device()
    except errors.NoSuchPort:
        if web.text('IMachine_getState', machine) not in websession.AT_REST:
            raise
        set_ports(web, machine, place.controller,
                  controllers.more_ports(place))
        attach_device()


def disk_bus(web: WebSession, machine: str) -> api.DiskBus:
    return controllers.bus_of({
        web.text('IStorageController_getName', controller) for controller
        in web.texts('IMachine_getStorageControllers', machine)})


def is_cached(web: WebSession, machine: str, bus: api.DiskBus) -> bool:
    try:
        controller = web.text('IMachine_getStorageControllerByName', machine,
                              name=controllers.CONTROLLERS[bus].name)
    except errors.NotFound:
        return False  # a machine that is not one of ours
    return web.text('IStorageController_getUseHostIOCache',
                    controller) == 'true'


def set_host_cache(web: WebSession, machine: str, bus: api.DiskBus,
                   cached: bool) -> None:
    controller = web.text('IMachine_getStorageControllerByName', machine,
                          name=controllers.CONTROLLERS[bus].name)
    web.call('IStorageController_setUseHostIOCache', controller,
             useHostIOCache=cached)


def set_flushing(web: WebSession, machine: str, bus: api.DiskBus, port: int,
                 unsafe: bool | None) -> None:
    set_extradata(web, machine,
                  controllers.flush_settings(bus, port, unsafe))


def set_extradata(web: WebSession, machine: str,
                  pairs: Mapping[str, str]) -> None:
    for key, value in pairs.items():
        web.call('IMachine_setExtraData', machine, key=key, value=value)


def _groups(web: WebSession, control: str) -> dict[str, str]:
    """Return the references to a machine's groups, by their names."""
    return {web.text('IBandwidthGroup_getName', group): group for group
            in web.texts('IBandwidthControl_getAllBandwidthGroups', control)}


def limits(web: WebSession, machine: str) -> api.Limits:
    found = _groups(web, web.text('IMachine_getBandwidthControl', machine))
    kib_s = [int(web.text('IBandwidthGroup_getMaxBytesPerSec', found[name]))
             >> 10 if name in found else 0 for name in _GROUPS]
    return api.Limits(*kib_s)


def set_limits(web: WebSession, machine: str, wanted: api.Limits) -> None:
    control = web.text('IMachine_getBandwidthControl', machine)
    found = _groups(web, control)
    for (name, kind), kib_s in zip(
            _GROUPS.items(), (wanted.disk_kib_s, wanted.nic_kib_s),
            strict=True):
        if name in found:
            web.call('IBandwidthGroup_setMaxBytesPerSec', found[name],
                     maxBytesPerSec=kib_s << 10)
        elif kib_s:
            web.call('IBandwidthControl_createBandwidthGroup', control,
                     name=name, type=kind, maxBytesPerSec=kib_s << 10)


def _group(web: WebSession, machine: str, name: str) -> str:
    control = web.text('IMachine_getBandwidthControl', machine)
    return web.text('IBandwidthControl_getBandwidthGroup', control, name=name)


def limit_nic(web: WebSession, machine: str, adapter: str) -> None:
    """Let an adapter be one of those that share the machine's limit."""
    web.call('INetworkAdapter_setBandwidthGroup', adapter,
             bandwidthGroup=_group(web, machine, controllers.NICS_GROUP))


def limit_disk(web: WebSession, machine: str,
               place: controllers.Place) -> None:
    """Let a disk be one of those that share the machine's limit."""
    web.call('IMachine_setBandwidthGroupForDevice', machine,
             name=place.controller, controllerPort=place.port,
             device=place.device, bandwidthGroup=_group(
                 web, machine, controllers.DISKS_GROUP))
