# SPDX-License-Identifier: Apache-2.0
"""A machine by IPMI, for those that have nothing better.

pyghmi speaks it, each time in a process of its own.  In ours it would keep a
thread and a socket for all BMCs together; a second log-on to one that did not
answer the first returns as if it had (1.6.19); and a call has no limit.  The
process costs a quarter of a second.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from typing import Any

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import ipmiprocess

# pyghmi's names, those that are set and those that are read.
_DEVICES = {
    api.BootDevice.DISK: 'hd',
    api.BootDevice.PXE: 'network',
    api.BootDevice.CDROM: 'optical',
    api.BootDevice.FLOPPY: 'floppy',
}
_NAMES = {name: device for device, name in _DEVICES.items()}

_KINDS = {
    'authentication': errors.AuthenticationFailed,
    'unreachable': errors.Unreachable,
    'unsupported': errors.Unsupported,
}

_NO_MEDIA = 'IPMI has no virtual media'


#: Where calls are noted: see clients/recording.py.
SEAM = 'ipmi'


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Where a BMC is, and who we are.

    :param timeout_s: of one call, from the log-on to its end
    """

    host: str
    user: str
    password: str = dataclasses.field(repr=False)
    port: int = 623
    timeout_s: float = 60.0


class IpmiMachine:
    """Implements :class:`.clients.bmc.api.Machine`; one call at a time."""

    def __init__(self, access: Access,
                 run: execute.Runner = execute.run) -> None:
        self._access = access
        self._run = run
        self._lock = threading.RLock()

    def _call(self, operation: str, **arguments: Any) -> Any:
        access = self._access
        request = {'host': access.host, 'port': access.port,
                   'user': access.user, 'password': access.password,
                   'operation': operation, 'arguments': arguments}
        # Nobody else may see a process's environment; a command line all may.
        env = {**os.environ, ipmiprocess.REQUEST: json.dumps(request)}
        where = f'the BMC {access.host}:{access.port}'
        recording.hide([access.password])
        with self._lock, recording.call(SEAM, operation, lambda: {
                'where': where, 'arguments': arguments}) as noted:
            done = self._run((sys.executable, '-m', ipmiprocess.__name__),
                             access.timeout_s, env)
            noted.answer = dataclasses.asdict(done)
            return understood(done, where, operation)

    def close(self) -> None:
        """Every call logs on for itself, and off."""

    # Power

    def power(self) -> api.Power:
        return api.Power(self._call('power'))

    def power_on(self) -> None:
        self._call('set_power', wanted='on')

    def power_off(self, soft: bool = False) -> None:
        self._call('set_power', wanted='shutdown' if soft else 'off')

    def reset(self, soft: bool = False) -> None:
        if soft:
            raise errors.Unsupported(
                'IPMI has no soft reset: turn it off softly, and on when it '
                'is off', operation='reset')
        self._call('set_power', wanted='boot')

    def nmi(self) -> None:
        with self._lock:
            if self.power() is not api.Power.ON:
                raise errors.InvalidState('the machine is off',
                                          operation='nmi')
            self._call('set_power', wanted='diag')

    # Boot

    def boot_devices(self) -> frozenset[api.BootDevice]:
        return frozenset(_DEVICES)

    def boot(self) -> api.Boot:
        found = self._call('boot')
        device = _NAMES.get(found['bootdev'])
        return api.Boot(device, bool(found['persistent']))

    def set_boot(self, device: api.BootDevice,
                 persistent: bool = False) -> None:
        self._call('set_boot', device=_DEVICES[device], persistent=persistent)

    def boot_mode(self) -> api.BootMode | None:
        """Return it if a boot device is set, with which IPMI has it."""
        found = self._call('boot').get('uefimode')
        if found is None:
            return None
        return api.BootMode.UEFI if found else api.BootMode.BIOS

    def set_boot_mode(self,
                      mode: api.BootMode) -> None:  # noqa: ARG002
        raise errors.Unsupported(
            'IPMI cannot set the mode of the firmware: do it there',
            operation='set_boot_mode')

    def secure_boot(self) -> bool | None:
        return None

    def set_secure_boot(self, wanted: bool) -> None:  # noqa: ARG002
        raise errors.Unsupported('IPMI knows no secure boot',
                                 operation='set_secure_boot')

    # Media

    def media(self) -> tuple[api.Media, ...]:
        return ()

    def insert_media(self, kind: api.MediaKind,  # noqa: ARG002
                     url: str) -> None:  # noqa: ARG002
        raise errors.Unsupported(_NO_MEDIA, operation='insert_media')

    def eject_media(self, kind: api.MediaKind) -> None:
        """There is nothing to eject."""

    def insist_on_media(self) -> None:
        raise errors.Unsupported(_NO_MEDIA, operation='insist_on_media')

    # The rest

    def sensors(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call('sensors')
        if not found:
            raise errors.Unsupported('the BMC measures nothing',
                                     operation='sensors')
        return found


def understood(done: execute.Completed, where: str, operation: str) -> Any:
    """Return what a process of pyghmi has found.

    :raises ClientError: it has failed
    """
    try:
        answer = json.loads(done.stdout.strip().rpartition('\n')[2])
    except ValueError:
        last = done.stderr.strip().rpartition('\n')[2]
        raise errors.ClientError(f'{where}: {last or "no answer"}',
                                 operation=operation) from None
    if 'error' in answer:
        kind = _KINDS.get(answer['kind'], errors.ClientError)
        raise kind(f'{where}: {answer["error"]}', operation=operation)
    return answer['result']
