# SPDX-License-Identifier: Apache-2.0
"""A machine with HPE's iLO 4 (ProLiant Gen8 and Gen9) or older, by RIBCL.

Commands and answers are proliantutils' (``ilo.ribcl``, ``ilo.ris``).  Its
client class is not used: it needs pysnmp, of which no version fits.  How
requests are sent is ours, see :mod:`.ribclrequests`.

What is not sure, because no iLO 4 was at hand: the texts of errors.  Only
words are looked for in them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from proliantutils import exception as ilo_errors

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ribclrequests

Access = ribclrequests.Access

# iLO's names: what can be set for once and for good, and what is read.
_DEVICES = {
    api.BootDevice.DISK: 'HDD',
    api.BootDevice.PXE: 'NETWORK',
    api.BootDevice.CDROM: 'CDROM',
}
_POWER = {'ON': api.Power.ON, 'OFF': api.Power.OFF}
_MODES = {api.BootMode.BIOS: 'LEGACY', api.BootMode.UEFI: 'UEFI'}
_DRIVES = {api.MediaKind.CDROM: 'CDROM', api.MediaKind.FLOPPY: 'FLOPPY'}
_NORMAL = 'NORMAL'

# Of licences that have virtual media for scripts, a word of their names.
_LARGE_ENOUGH = ('Advanced', 'Essentials', 'Scale-Out')

# By words of an answer's text.
_REFUSALS = (
    ('licen', errors.Unsupported),
    ('not supported', errors.Unsupported),
    ('syntax error', errors.Unsupported),
    ('power is off', errors.InvalidState),
    ('powered on state', errors.InvalidState),
    ('privilege', errors.Forbidden),
    ('busy', errors.Busy),
    ('in progress', errors.Busy),
)


class RibclMachine:
    """Implements :class:`.clients.bmc.api.Machine`; one call at a time."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lock = threading.RLock()
        self._ribcl = ribclrequests.Ribcl(access)
        self._rest = ribclrequests.Rest(access)
        self._model: str | None = None

    @contextlib.contextmanager
    def _using(self, operation: str) -> Iterator[ribclrequests.Ribcl]:
        with self._lock:
            try:
                yield self._ribcl
            except (ilo_errors.ProliantUtilsException, KeyError, TypeError,
                    AttributeError, IndexError,
                    ElementTree.ParseError) as error:
                made = _error(error, operation, self._access.host)
                recording.name(error, made, operation)
                raise made from error

    def _find_rest(self) -> ribclrequests.Rest:
        """Return what knows more, which is there from Gen9 on.

        :raises Unsupported: it is not
        """
        if self._model is None:
            self._model = self._ribcl.get_product_name()
        if 'Gen9' not in self._model:
            raise errors.Unsupported(
                f'a {self._model} cannot do that by its iLO')
        return self._rest

    def close(self) -> None:
        """Every call logs on for itself."""

    # Power

    def power(self) -> api.Power:
        with self._using('power') as ribcl:
            return _POWER.get(ribcl.get_host_power_status().upper(),
                              api.Power.ERROR)

    def power_on(self) -> None:
        with self._using('power_on') as ribcl:
            if self.power() is not api.Power.ON:
                ribcl.set_host_power('ON')

    def power_off(self, soft: bool = False) -> None:
        with self._using('power_off') as ribcl:
            if self.power() is api.Power.OFF:
                # The button would turn it on.
                return
            if soft:
                ribcl.press_pwr_btn()
            else:
                ribcl.hold_pwr_btn()

    def reset(self, soft: bool = False) -> None:
        if soft:
            raise errors.Unsupported(
                'iLO 4 has no soft reset: turn it off softly, and on when it '
                'is off', operation='reset')
        with self._using('reset') as ribcl:
            if self.power() is api.Power.OFF:
                ribcl.set_host_power('ON')
            else:
                ribcl.reset_server()

    def nmi(self) -> None:
        with self._using('nmi'):
            self._find_rest().inject_nmi()

    # Boot

    def boot_devices(self) -> frozenset[api.BootDevice]:
        return frozenset(_DEVICES)

    def boot(self) -> api.Boot:
        with self._using('boot') as ribcl:
            once = str(ribcl.get_one_time_boot()).upper()
            if once != _NORMAL:
                return api.Boot(_device(once), persistent=False)
            return api.Boot(_device(ribcl.get_persistent_boot_device()),
                            persistent=True)

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        if device not in _DEVICES:
            raise errors.Unsupported(
                f'iLO 4 cannot be told to boot from {device.value}',
                operation='set_boot')
        with self._using('set_boot') as ribcl:
            if not persistent:
                ribcl.set_one_time_boot(_DEVICES[device])
                return
            ribcl.update_persistent_boot([_DEVICES[device]])
            if str(ribcl.get_one_time_boot()).upper() != _NORMAL:
                # It would come before.
                ribcl.set_one_time_boot(_NORMAL)

    def boot_mode(self) -> api.BootMode | None:
        with self._using('boot_mode') as ribcl:
            try:
                mode = ribcl.get_pending_boot_mode()
            except ilo_errors.IloCommandNotSupportedError:
                # Gen8 has no other, and no command for it.
                return api.BootMode.BIOS
            return next((known for known, name in _MODES.items()
                         if name == str(mode).upper()), None)

    def set_boot_mode(self, mode: api.BootMode) -> None:
        with self._using('set_boot_mode') as ribcl:
            if self.boot_mode() is not mode:
                ribcl.set_pending_boot_mode(_MODES[mode])

    def secure_boot(self) -> bool | None:
        with self._using('secure_boot'):
            try:
                return bool(self._find_rest().get_secure_boot_mode())
            except (errors.Unsupported,
                    ilo_errors.IloCommandNotSupportedError):
                return None

    def set_secure_boot(self, wanted: bool) -> None:
        """Set it; secure_boot tells it from the machine's next start on."""
        with self._using('set_secure_boot'):
            self._find_rest().set_secure_boot_mode(wanted)

    # Media

    def media(self) -> tuple[api.Media, ...]:
        with self._using('media') as ribcl:
            return tuple(_media(kind, ribcl.get_vm_status(name))
                         for kind, name in _DRIVES.items())

    def insert_media(self, kind: api.MediaKind, url: str) -> None:
        name = _DRIVES[kind]
        with self._using('insert_media') as ribcl:
            ribcl.eject_virtual_media(name)
            ribcl.insert_virtual_media(url, name)
            ribcl.set_vm_status(name, 'CONNECT', 'YES')

    def eject_media(self, kind: api.MediaKind) -> None:
        with self._using('eject_media') as ribcl:
            ribcl.eject_virtual_media(_DRIVES[kind])

    def insist_on_media(self) -> None:
        with self._using('insist_on_media') as ribcl:
            try:
                licence = ribcl.get_all_licenses().get('LICENSE_TYPE', '')
            except (KeyError, TypeError):
                licence = ''  # an empty list
        if not any(word in licence for word in _LARGE_ENOUGH):
            raise errors.Unsupported(
                f'the iLO {self._access.host} has '
                + (f'the licence {licence}' if licence else 'no licence')
                + ', with which there are no virtual media: iLO Advanced or '
                'Essentials has them', operation='insist_on_media')

    # The rest

    def sensors(self) -> dict[str, Any]:
        with self._using('sensors') as ribcl:
            data = ribcl.get_host_health_data()
            return {
                'temperature': dict(
                    _measured(found, 'CURRENTREADING') for found in
                    ribcl.get_host_health_temperature_sensors(data)),
                'fan': dict(
                    _measured(found, 'SPEED') for found in
                    ribcl.get_host_health_fan_sensors(data)),
                'power': dict(
                    _measured(found, '') for found in
                    ribcl.get_host_health_power_supplies(data))}


def _device(name: str | None) -> api.BootDevice | None:
    """Return a device by iLO's name of it: HDD, NETWORK1, ..."""
    return next((device for device, known in _DEVICES.items()
                 if str(name).upper().startswith(known)), None)


def _media(kind: api.MediaKind, status: dict[str, str]) -> api.Media:
    if status['IMAGE_INSERTED'].upper() != 'YES':
        return api.Media(kind)
    return api.Media(kind, True, status.get('IMAGE_URL') or None)


def _measured(found: dict[str, Any],
              reading: str) -> tuple[str, dict[str, Any]]:
    value = found.get(reading, {})
    number = str(value.get('VALUE', ''))
    return found['LABEL']['VALUE'], {
        'reading': int(number) if number.isdigit() else None,
        'unit': value.get('UNIT'),
        'health': found.get('STATUS', {}).get('VALUE')}


def understood(host: str, operation: str, text: str) -> None:
    """:raises ClientError: an answer is a refusal, or not understood"""
    reader = ribclrequests.Ribcl(Access(host, '', ''))
    try:
        reader._parse_output(text)
    except (ilo_errors.ProliantUtilsException, KeyError, TypeError,
            AttributeError, IndexError, ElementTree.ParseError) as error:
        raise _error(error, operation, host) from error


def _error(error: Exception, operation: str,
           host: str) -> errors.ClientError:
    where = f'the iLO {host}'
    if not isinstance(error, ilo_errors.ProliantUtilsException):
        return errors.ClientError(
            f'{where} gives an answer that is not understood: '
            f'{type(error).__name__}', operation=operation)
    if isinstance(error, ilo_errors.IloLoginFailError):
        return errors.AuthenticationFailed(
            f'{where} does not let us log on: {error}', operation=operation)
    kind: type[errors.ClientError] = errors.ClientError
    if isinstance(error, ilo_errors.IloCommandNotSupportedError
                  | ilo_errors.IloInvalidInputError):
        kind = errors.Unsupported
    for word, refusal in _REFUSALS:
        if word in str(error).lower():
            kind = refusal
            break
    return kind(f'{where}: {error}', operation=operation)
