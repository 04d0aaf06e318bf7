# SPDX-License-Identifier: Apache-2.0
"""One call of pyghmi, in a process of its own: see :mod:`.ipmi`.

What is wanted is in the environment, as JSON; what came of it is the last
line that is printed, as JSON too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from pyghmi import exceptions as ipmi_errors
from pyghmi.ipmi import command

#: The variable with the request.
REQUEST = 'NOVA_HYPERVISORS_IPMI_REQUEST'

_KINDS = {'Temperature': 'temperature', 'Fan': 'fan', 'Power': 'power'}

# Words of errors, by what they mean.
_WORDS = {
    'authentication': ('password', 'unauthorized', 'not authorized'),
    'unreachable': ('timeout', 'unavailable', 'unreachable', 'resources'),
    'unsupported': ('invalid command', 'invalid data field', 'not supported',
                    'not present', 'unsupported'),
}


def power(bmc: command.Command) -> str:
    return str(bmc.get_power()['powerstate'])


def set_power(bmc: command.Command, wanted: str) -> None:
    if wanted == 'shutdown' and power(bmc) == 'off':
        return
    bmc.set_power(wanted)


def boot(bmc: command.Command) -> dict[str, Any]:
    return dict(bmc.get_bootdev())


def set_boot(bmc: command.Command, device: str, persistent: bool) -> None:
    # The mode is set with the device: leave it as it is.
    mode = bool(bmc.get_bootdev().get('uefimode'))
    bmc.set_bootdev(device, persist=persistent, uefiboot=mode)


def sensors(bmc: command.Command) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for sensor in bmc.get_sensor_data():
        kind = _KINDS.get(sensor.type)
        if kind is not None:
            found.setdefault(kind, {})[sensor.name] = {
                'reading': sensor.value, 'unit': sensor.units or None,
                'health': 'OK' if not sensor.health else 'Warning'}
    return found


_OPERATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (power, set_power, boot, set_boot, sensors)}


def _kind(text: str) -> str:
    return next((kind for kind, words in _WORDS.items()
                 if any(word in text.lower() for word in words)), '')


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        bmc = command.Command(
            bmc=request['host'], userid=request['user'],
            password=request['password'], port=request['port'],
            keepalive=False)
        try:
            return {'result': _OPERATIONS[request['operation']](
                bmc, **request['arguments'])}
        finally:
            # A BMC has few sessions, and keeps those that are left.
            bmc.ipmi_session.logout()
    except (ipmi_errors.PyghmiException, OSError) as error:
        text = str(error)
        if text in ('', 'None'):
            # What a log-on to which nobody answers ends with.
            return {'error': 'it does not answer', 'kind': 'unreachable'}
        return {'error': text, 'kind': _kind(text)}


def main() -> None:
    request = json.loads(os.environ.pop(REQUEST))
    sys.stdout.write(f'\n{json.dumps(answer(request))}\n')
    sys.stdout.flush()
    # Its threads would be waited for.
    os._exit(0)


if __name__ == '__main__':
    main()
