# SPDX-License-Identifier: Apache-2.0
"""A machine of VirtualBox: what it boots from, and what its next start brings.

VirtualBox takes a machine's extra data also while it runs, from who shares its
lock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

#: VirtualBox's names of what can be first in a boot order.
DEVICES = {
    api.BootDevice.DISK: 'HardDisk',
    api.BootDevice.PXE: 'Network',
    api.BootDevice.CDROM: 'DVD',
    api.BootDevice.FLOPPY: 'Floppy',
}
_DEVICES = {name: device for device, name in DEVICES.items()}
_POSITIONS = 4

_PREFIX = 'nova_hypervisors/bmc/'
#: The keys of what is kept; without a value there is nothing to be done.
ALWAYS = f'{_PREFIX}boot'
ONCE = f'{_PREFIX}boot_once'
MODE = f'{_PREFIX}boot_mode'
SECURE_BOOT = f'{_PREFIX}secure_boot'


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What counts from a machine's next start on.

    :param once: what it boots from at that start only
    :param secure_boot: if that is to be changed
    :param waiting: whether something has to be set before
    """

    always: api.BootDevice | None
    once: api.BootDevice | None
    mode: api.BootMode
    secure_boot: bool | None
    waiting: bool


def read(web: WebSession, machine: str) -> Settings:
    kept = _kept(web, machine)
    always, once = (
        api.BootDevice(kept[key]) if kept[key] else None
        for key in (ALWAYS, ONCE))
    mode = (api.BootMode(kept[MODE]) if kept[MODE] else
            _mode(web, machine))
    return Settings(
        always or _DEVICES.get(_order(web, machine)[0]), once, mode,
        kept[SECURE_BOOT] == 'on' if kept[SECURE_BOOT] else None,
        any(kept.values()))


def _kept(web: WebSession, machine: str) -> dict[str, str]:
    return {key: web.text('IMachine_getExtraData', machine, key=key)
            for key in (ALWAYS, ONCE, MODE, SECURE_BOOT)}


def _mode(web: WebSession, machine: str) -> api.BootMode:
    return (api.BootMode.UEFI if webhardware.is_efi(web, machine)
            else api.BootMode.BIOS)


def _order(web: WebSession, machine: str) -> list[str]:
    return [web.text('IMachine_getBootOrder', machine, position=position)
            for position in range(1, _POSITIONS + 1)]


def keep(web: WebSession, machine: str, pairs: Mapping[str, str]) -> None:
    webhardware.set_extradata(web, machine, pairs)


def set_up(web: WebSession, machine: str) -> None:
    """Set what was kept; the machine is off, and can be changed.

    What it boots from but for this time is kept until it has been set.
    """
    kept = _kept(web, machine)
    order = _order(web, machine)
    if kept[ONCE] and not kept[ALWAYS]:
        kept[ALWAYS] = _DEVICES.get(order[0], api.BootDevice.DISK).value
    first = kept[ONCE] or kept[ALWAYS]
    if first:
        _put_first(web, machine, DEVICES[api.BootDevice(first)], order)
    _set_firmware(web, machine, kept)
    keep(web, machine, {MODE: '', SECURE_BOOT: '',
                        ALWAYS: kept[ALWAYS] if kept[ONCE] else ''})


def _put_first(web: WebSession, machine: str, first: str,
               order: list[str]) -> None:
    rest = [name for name in order if name not in (first, 'Null')]
    wanted = [first, *rest, *['Null'] * _POSITIONS][:_POSITIONS]
    if wanted == order:
        return
    for position, name in enumerate(wanted, start=1):
        web.call('IMachine_setBootOrder', machine, position=position,
                 device=name)


def _set_firmware(web: WebSession, machine: str,
                  kept: Mapping[str, str]) -> None:
    if kept[MODE]:
        webhardware.set_efi(web, machine,
                            kept[MODE] == api.BootMode.UEFI.value)
    if kept[SECURE_BOOT] == 'on':
        if not webhardware.is_efi(web, machine):
            raise errors.InvalidState(
                'the machine boots by BIOS, which checks no signatures')
        webhardware.secure_boot(web, machine)
    elif kept[SECURE_BOOT]:
        webhardware.end_secure_boot(web, machine)
