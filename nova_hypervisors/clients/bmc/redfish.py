# SPDX-License-Identifier: Apache-2.0
"""A machine by Redfish: HPE's iLO from 5 on, and any other BMC that has it.

Everything of the protocol is sushy's, with what it knows of makers' habits.
Here is what sushy leaves to its caller: which system and which drive, what to
call when the first way is refused, and limits of time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterator
from typing import Any

import sushy
import sushy.auth
from sushy import connector as sushy_connector
from sushy import exceptions as sushy_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import redfisherrors
from nova_hypervisors.clients.bmc import redfishmedia
from nova_hypervisors.clients.bmc import redfishsensors

Source = sushy.BootSource
Reset = sushy.ResetType

# The first that a machine has is taken.  A "Usb" is none: it may be a stick
# that somebody has left in.
_SOURCES = {
    api.BootDevice.DISK: Source.HDD,
    api.BootDevice.PXE: Source.PXE,
    api.BootDevice.CDROM: Source.CD,
    api.BootDevice.FLOPPY: Source.FLOPPY,
}
_DEVICES = {source: device for device, source in _SOURCES.items()} | {
    # What sushy sets instead for Supermicro.
    Source.USB_CD: api.BootDevice.CDROM}

_MODES = {api.BootMode.BIOS: sushy.BootSourceOverrideMode.LEGACY,
          api.BootMode.UEFI: sushy.BootSourceOverrideMode.UEFI}
_MODE_NAMES = {mode: name for name, mode in _MODES.items()}

_POWER = {
    sushy.PowerState.ON: api.Power.ON,
    sushy.PowerState.POWERING_OFF: api.Power.ON,
    sushy.PowerState.PAUSED: api.Power.ON,
    sushy.PowerState.OFF: api.Power.OFF,
    sushy.PowerState.POWERING_ON: api.Power.OFF,
}

# Each wanted change, by what does it: the first that the machine offers.
_ON = (Reset.ON, Reset.FORCE_ON)
_OFF = (Reset.FORCE_OFF,)
_SOFT_OFF = (Reset.GRACEFUL_SHUTDOWN, Reset.PUSH_POWER_BUTTON)
_RESET = (Reset.FORCE_RESTART, Reset.POWER_CYCLE)
_SOFT_RESET = (Reset.GRACEFUL_RESTART,)
_NMI = (Reset.NMI,)


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Where a BMC is, and who we are.

    :param url: http or https, without a path
    :param system: which of the systems behind it, by its name or its whole
        path; can be left out if there is one only
    :param auth: auto (a session if it has such, else basic), session, basic
    :param verify: a file with certificates to trust, or False for none
    :param timeout_s: of an answer
    """

    url: str
    user: str
    password: str = dataclasses.field(repr=False)
    system: str = ''
    auth: str = 'auto'
    verify: bool | str = True
    connect_timeout_s: float = 10.0
    timeout_s: float = 60.0


_AUTH = {'auto': sushy.auth.SessionOrBasicAuth,
         'session': sushy.auth.SessionAuth,
         'basic': sushy.auth.BasicAuth}


class RedfishMachine:
    """Implements :class:`.clients.bmc.api.Machine`; one call at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.RLock()
        self._auth: Any = None
        self._connector: Any = None
        self._system: Any = None

    @contextlib.contextmanager
    def _using(self, operation: str) -> Iterator[Any]:
        """Give the system, as it is now."""
        recording.hide([self._access.password])
        with self._lock, redfisherrors.translated(operation,
                                                  self._access.url):
            if self._system is None:
                self._system = self._connect()
            else:
                # sushy logs on again if its session is over.
                self._system.refresh(force=True)
            yield self._system

    def _connect(self) -> Any:
        access = self._access
        self._connector = sushy_connector.Connector(
            access.url, verify=access.verify, server_side_retries=1,
            response_callback=functools.partial(redfisherrors.note,
                                                access.url),
            default_request_timeout=access.timeout_s,
            connect_timeout=access.connect_timeout_s)
        self._auth = _AUTH[access.auth](access.user, access.password)
        root = sushy.Sushy(access.url, auth=self._auth,
                           connector=self._connector)
        if access.system.startswith('/'):
            return root.get_system(access.system)
        if not access.system:
            return root.get_system()
        members = root.get_system_collection().members_identities
        for path in members:
            if path.rstrip('/').rsplit('/', 1)[-1] == access.system:
                return root.get_system(path)
        raise errors.MachineNotFound(
            f'{access.url} has no system {access.system!r}, but '
            + ', '.join(members))

    def close(self) -> None:
        with self._lock:
            if self._system is not None:
                # A BMC has few sessions.
                with contextlib.suppress(sushy_errors.SushyError):
                    self._auth.close()
                self._connector.close()
            self._system = None

    # Power

    def power(self) -> api.Power:
        with self._using('power') as system:
            return _power(system)

    def power_on(self) -> None:
        with self._using('power_on') as system:
            if _power(system) is not api.Power.ON:
                _reset(system, _ON)

    def power_off(self, soft: bool = False) -> None:
        with self._using('power_off') as system:
            if _power(system) is not api.Power.OFF:
                _reset(system, _SOFT_OFF if soft else _OFF)

    def reset(self, soft: bool = False) -> None:
        with self._using('reset') as system:
            if _power(system) is api.Power.OFF:
                _reset(system, _ON)
            else:
                _reset(system, _SOFT_RESET if soft else _RESET)

    def nmi(self) -> None:
        with self._using('nmi') as system:
            if _power(system) is not api.Power.ON:
                raise errors.InvalidState('the machine is off',
                                          operation='nmi')
            _reset(system, _NMI)

    # Boot

    def boot_devices(self) -> frozenset[api.BootDevice]:
        with self._using('boot_devices') as system:
            allowed = system.get_allowed_system_boot_source_values()
            return frozenset(_DEVICES[source] for source in allowed
                             if source in _DEVICES)

    def boot(self) -> api.Boot:
        with self._using('boot') as system:
            boot = system.boot or {}
        enabled = boot.get('enabled')
        if enabled in (None, sushy.BootSourceOverrideEnabled.DISABLED):
            return api.Boot(None, None)
        return api.Boot(
            _DEVICES.get(boot.get('target')),
            enabled is sushy.BootSourceOverrideEnabled.CONTINUOUS)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        enabled = (sushy.BootSourceOverrideEnabled.CONTINUOUS if persistent
                   else sushy.BootSourceOverrideEnabled.ONCE)
        with self._using('set_boot') as system:
            system.set_system_boot_options(target=_SOURCES[device],
                                           enabled=enabled)

    def boot_mode(self) -> api.BootMode | None:
        with self._using('boot_mode') as system:
            return _MODE_NAMES.get((system.boot or {}).get('mode'))

    def set_boot_mode(self, mode: api.BootMode) -> None:
        with self._using('set_boot_mode') as system:
            system.set_system_boot_options(mode=_MODES[mode])

    def secure_boot(self) -> bool | None:
        with self._using('secure_boot') as system:
            try:
                found = system.secure_boot
                found.refresh(force=True)
            except (sushy_errors.MissingAttributeError,
                    sushy_errors.ResourceNotFoundError):
                return None
            return None if found.enabled is None else bool(found.enabled)

    def set_secure_boot(self, wanted: bool) -> None:
        with self._using('set_secure_boot') as system:
            system.secure_boot.set_enabled(wanted)

    # Media

    def media(self) -> tuple[api.Media, ...]:
        with self._using('media') as system:
            drives = redfishmedia.drives(system)
            return tuple(redfishmedia.read(kind, drive)
                         for kind, drive in drives.items())

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        with self._using('insert_media') as system, _without(url):
            drive = redfishmedia.drives(system).get(kind)
            if drive is None:
                raise errors.Unsupported(
                    f'{self._access.url} has no {kind.value} drive for '
                    'virtual media', operation='insert_media')
            redfishmedia.eject(drive)
            redfishmedia.insert(self._connector, drive, url)

    def eject_media(self, kind: api.MediaKind) -> None:
        with self._using('eject_media') as system:
            drive = redfishmedia.drives(system).get(kind)
            if drive is not None:
                redfishmedia.eject(drive)

    def insist_on_media(self) -> None:
        with self._using('insist_on_media') as system:
            redfishmedia.insist(system, self._access.url)

    # The rest

    def sensors(self) -> dict[str, Any]:
        with self._using('sensors') as system:
            return redfishsensors.read(system)


def _power(system: Any) -> api.Power:
    return _POWER.get(system.power_state, api.Power.ERROR)


def _reset(system: Any, wanted: tuple[Any, ...]) -> None:
    allowed = system.get_allowed_reset_system_values()
    for value in wanted:
        if value in allowed:
            system.reset_system(value)
            return
    raise errors.Unsupported(
        f'the BMC offers no reset of the type {wanted[0].value}, but '
        + ', '.join(sorted(value.value for value in allowed)))


@contextlib.contextmanager
def _without(url: str) -> Iterator[None]:
    """Take a URL, which may have a signature, out of errors."""
    try:
        yield
    except sushy_errors.SushyError as error:
        raise redfisherrors.without(error, url) from None
