# SPDX-License-Identifier: Apache-2.0
"""A machine held in memory, for demonstrations and tests.

It passes the same contract as the real ones
(``tests/contract/bmc``).
"""

from __future__ import annotations

import threading
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api

#: What a machine tries, in this order, when nothing else is set.
ORDER = (api.BootDevice.CDROM, api.BootDevice.DISK, api.BootDevice.PXE)

_DRIVES = {api.BootDevice.CDROM: api.MediaKind.CDROM,
           api.BootDevice.FLOPPY: api.MediaKind.FLOPPY}


class FakeMachine:
    """Implements :class:`.clients.bmc.api.Machine`.

    For tests: ``boots`` tells what the machine has booted from so far, as
    (device, URL of the media or None); ``fail_next`` has errors that a
    method raises once, by the method's name.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._power = api.Power.OFF
        self._once: api.BootDevice | None = None
        self._always: api.BootDevice | None = None
        self._mode = api.BootMode.BIOS
        self._secure_boot = False
        self._media: dict[api.MediaKind, str | None] = {
            api.MediaKind.CDROM: None, api.MediaKind.FLOPPY: None}
        self.boots: list[tuple[api.BootDevice, str | None]] = []
        self.nmis = 0
        self.ignores_power_button = False
        self.has_licence = True
        self.fail_next: dict[str, errors.ClientError] = {}

    def _called(self, name: str) -> None:
        error = self.fail_next.pop(name, None)
        if error is not None:
            raise error

    # Power

    def power(self) -> api.Power:
        self._called('power')
        return self._power

    def power_on(self) -> None:
        self._called('power_on')
        with self._lock:
            if self._power is not api.Power.ON:
                self._start()

    def power_off(self, soft: bool = False) -> None:
        self._called('power_off')
        if not (soft and self.ignores_power_button):
            self._power = api.Power.OFF

    def reset(self, soft: bool = False) -> None:
        self._called('reset')
        with self._lock:
            if not (soft and self.ignores_power_button):
                self._start()

    def _start(self) -> None:
        device = self._once or self._always or self._first()
        self._once = None
        self._power = api.Power.ON
        drive = _DRIVES.get(device)
        self.boots.append((device, self._media[drive] if drive else None))

    def _first(self) -> api.BootDevice:
        return next(device for device in ORDER
                    if device not in _DRIVES or self._media[_DRIVES[device]])

    def nmi(self) -> None:
        self._called('nmi')
        if self._power is not api.Power.ON:
            raise errors.InvalidState('the machine is off', operation='nmi')
        self.nmis += 1

    # Boot

    def boot_devices(self) -> frozenset[api.BootDevice]:
        return frozenset(api.BootDevice)

    def boot(self) -> api.Boot:
        self._called('boot')
        if self._once is not None:
            return api.Boot(self._once, persistent=False)
        return api.Boot(self._always, persistent=True)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        self._called('set_boot')
        with self._lock:
            if persistent:
                self._always = device
            self._once = None if persistent else device

    def boot_mode(self) -> api.BootMode | None:
        self._called('boot_mode')
        return self._mode

    def set_boot_mode(self, mode: api.BootMode) -> None:
        self._called('set_boot_mode')
        self._mode = mode

    def secure_boot(self) -> bool | None:
        self._called('secure_boot')
        return self._secure_boot

    def set_secure_boot(self, wanted: bool) -> None:
        self._called('set_secure_boot')
        self._secure_boot = wanted

    # Media

    def media(self) -> tuple[api.Media, ...]:
        self._called('media')
        return tuple(api.Media(kind, url is not None, url)
                     for kind, url in self._media.items())

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        self._called('insert_media')
        self.insist_on_media()
        self._media[kind] = url

    def eject_media(self, kind: api.MediaKind) -> None:
        self._called('eject_media')
        self._media[kind] = None

    def insist_on_media(self) -> None:
        self._called('insist_on_media')
        if not self.has_licence:
            raise errors.Unsupported('there is no licence for virtual media')

    # The rest

    def console_output(self) -> str:
        """Return what it has said: what it booted from, a line each."""
        self._called('console_output')
        return ''.join(f'booted from {device.value}\n'
                       for device, _ in self.boots)

    def sensors(self) -> dict[str, Any]:
        self._called('sensors')
        return {'temperature': {'Ambient': {
            'reading': 21, 'unit': 'Celsius', 'health': 'OK'}}}

    def close(self) -> None:
        self._called('close')
