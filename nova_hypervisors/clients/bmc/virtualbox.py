# SPDX-License-Identifier: Apache-2.0
"""A machine of VirtualBox as bare metal, by VirtualBox's web service.

The machine is one that somebody has made, in whatever way: nothing is assumed
of its controllers.  While it runs its boot order and its firmware cannot be
changed, so what is wanted is kept with the machine, in its extra data, and
set when it is turned on the next time, also by another process.

VirtualBox has no boot for once.  The device is put first when the machine is
turned on, and the former order again when it is turned on after that; a
restart by the guest itself in between boots from the device again.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import retry
from nova_hypervisors.clients import soap
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import virtualboxdrives
from nova_hypervisors.clients.bmc import virtualboxsettings
from nova_hypervisors.clients.vbox import webhardware
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webservice
from nova_hypervisors.clients.vbox import websession

WebSession = websession.WebSession

# VirtualBox's states, but for those in which a machine has a process.
_POWER = {
    'PoweredOff': api.Power.OFF,
    'Saved': api.Power.OFF,
    'Teleported': api.Power.OFF,
    'Aborted': api.Power.OFF,
    'AbortedSaved': api.Power.OFF,
    'RestoringSnapshot': api.Power.OFF,
    'DeletingSnapshot': api.Power.OFF,
    'SettingUp': api.Power.OFF,
    # A guest that can't go on; and settings that cannot be read.
    'Stuck': api.Power.ERROR,
    'Null': api.Power.ERROR,
}
_PAUSED = ('Paused', 'TeleportingPausedVM')
_SAVED = ('Saved', 'AbortedSaved')


class VirtualBoxMachine(virtualboxdrives.Drives):
    """Implements :class:`.clients.bmc.api.Machine`.

    :param name: the machine's, or its UUID
    """

    def __init__(self, sessions: weblogon.WebSessions,
                 client: webservice.WebServiceClient, name: str,
                 fetching: virtualboxdrives.Fetching) -> None:
        self._sessions = sessions
        self._client = client
        self._name = name
        self._fetching = fetching
        self._inserted: dict[api.MediaKind, str] = {}
        self._lock = threading.RLock()

    # Power

    def power(self) -> api.Power:
        return _POWER.get(self._state(), api.Power.ON)

    @weblogon.reads
    def _state(self, web: WebSession) -> str:
        return web.text('IMachine_getState', web.machine(self._name))

    def power_on(self) -> None:
        with self._lock:
            state = self._state()
            if state in _PAUSED:
                self._client.resume(self._name)
            elif _POWER.get(state) is api.Power.OFF:
                self._start(state)
            elif state in _POWER:
                raise errors.InvalidState(
                    f'the machine {self._name} is {state}; turn it off first',
                    operation='power_on')

    def _start(self, state: str) -> None:
        settings = self._settings()
        if settings.waiting:
            if state in _SAVED:
                # What is saved goes on where it was, and boots from nothing.
                self._client.discard_state(self._name)
            self._set_up()
        self._client.start(self._name)
        if settings.once is not None:
            self._keep({virtualboxsettings.ONCE: ''})

    def power_off(self, soft: bool = False) -> None:
        with self._lock:
            if _POWER.get(self._state()) is api.Power.OFF:
                return
            try:
                if soft:
                    self._client.press_power_button(self._name)
                else:
                    self._client.power_off(self._name)
            except errors.InvalidState:
                # It has ended meanwhile, or just does.
                if self.power() is not api.Power.OFF:
                    raise

    def reset(self, soft: bool = False) -> None:
        if soft:
            raise errors.Unsupported(
                'VirtualBox cannot tell an operating system to start anew: '
                'turn it off softly, and on when it is off',
                operation='reset')
        with self._lock:
            self.power_off()
            self.power_on()

    def nmi(self) -> None:
        self._client.inject_nmi(self._name)

    # Boot

    @weblogon.reads
    def _settings(self, web: WebSession) -> virtualboxsettings.Settings:
        return virtualboxsettings.read(web, web.machine(self._name))

    @weblogon.changes
    def _keep(self, web: WebSession, pairs: dict[str, str]) -> None:
        with web.locked(self._name) as lock:
            virtualboxsettings.keep(web, lock.machine, pairs)
            lock.save()

    @weblogon.changes
    def _set_up(self, web: WebSession) -> None:
        """Set what was kept; the machine is off."""
        with web.locked(self._name, 'Write') as lock:
            virtualboxsettings.set_up(web, lock.machine)
            lock.save()

    def _want(self, pairs: dict[str, str]) -> None:
        """Keep settings, and set them at once if the machine is off."""
        with self._lock:
            self._keep(pairs)
            if self._state() in ('PoweredOff', 'Aborted'):
                self._set_up()

    def boot_devices(self) -> frozenset[api.BootDevice]:
        return frozenset(virtualboxsettings.DEVICES)

    def boot(self) -> api.Boot:
        settings = self._settings()
        if settings.once is not None:
            return api.Boot(settings.once, persistent=False)
        return api.Boot(settings.always, persistent=True)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        if persistent:
            self._want({virtualboxsettings.ALWAYS: device.value,
                        virtualboxsettings.ONCE: ''})
        else:
            # Not at once: whoever starts the machine otherwise, by hand
            # for instance, would have it for good.
            self._keep({virtualboxsettings.ONCE: device.value})

    def boot_mode(self) -> api.BootMode | None:
        return self._settings().mode

    def set_boot_mode(self, mode: api.BootMode) -> None:
        self._want({virtualboxsettings.MODE: mode.value})

    def secure_boot(self) -> bool | None:
        settings = self._settings()
        if settings.mode is not api.BootMode.UEFI:
            return None
        if settings.secure_boot is not None:
            return settings.secure_boot
        return self._is_secure_boot()

    @weblogon.reads
    def _is_secure_boot(self, web: WebSession) -> bool:
        with web.locked(self._name) as lock:
            return webhardware.is_secure_boot(web, lock.machine)

    def set_secure_boot(self, wanted: bool) -> None:
        """:raises InvalidState: the machine's boot mode is not UEFI"""
        if wanted and self.boot_mode() is not api.BootMode.UEFI:
            raise errors.InvalidState(
                f'the machine {self._name} boots by BIOS, which checks no '
                'signatures: set its boot mode to uefi first',
                operation='set_secure_boot')
        self._want({virtualboxsettings.SECURE_BOOT:
                    'on' if wanted else 'off'})

    # The rest

    def sensors(self) -> dict[str, Any]:
        raise errors.Unsupported('a machine of VirtualBox has no sensors',
                                 operation='sensors')

    def close(self) -> None:
        """Nothing is the machine's own: see :class:`VirtualBoxHost`."""


class VirtualBoxHost:
    """A VirtualBox, with its web service at a URL.

    :param password: is asked at each log-on
    :param tls: how its certificate is checked, for https
    :param timeout_s: limit of an answer
    :param policy: for what is worth another try
    """

    def __init__(self, url: str, user: str, password: Callable[[], str], *,
                 tls: ssl.SSLContext | None = None,
                 timeout_s: float = 60.0,
                 policy: retry.Policy | None = None,
                 fetching: virtualboxdrives.Fetching | None = None) -> None:
        service = soap.Service(
            url, websession.NAMESPACE, tls=tls, timeout_s=timeout_s,
            greeting=websession.GREETING)
        self._fetching = fetching or virtualboxdrives.Fetching()
        self._sessions = weblogon.WebSessions(
            service, user, password, policy or retry.Policy())
        self._client = webservice.WebServiceClient(
            self._sessions, self._fetching.timeout_s)

    def machine(self, name: str) -> VirtualBoxMachine:
        return VirtualBoxMachine(self._sessions, self._client, name,
                                 self._fetching)

    def powers(self) -> dict[str, api.Power]:
        """Return the power of all machines, by their UUIDs and names."""
        return self._sessions.read(_powers)

    def close(self) -> None:
        """Log off."""
        self._client.close()


def _powers(web: WebSession) -> dict[str, api.Power]:
    machines = web.texts('IVirtualBox_getMachines', web.root)
    found: dict[str, api.Power] = {}
    states = web.texts('IVirtualBox_getMachineStates', web.root,
                       machines=machines) if machines else []
    for reference, state in zip(machines, states, strict=True):
        if reference not in web.machine_ids:
            web.machine_ids[reference] = web.text('IMachine_getId', reference)
        power = _POWER.get(state, api.Power.ON)
        found[web.machine_ids[reference]] = power
        if power is not api.Power.ERROR:
            found[web.text('IMachine_getName', reference)] = power
    return found
