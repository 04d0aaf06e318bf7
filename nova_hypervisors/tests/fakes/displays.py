# SPDX-License-Identifier: Apache-2.0
"""Screens of the machines that are held in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from nova_hypervisors.clients.vbox import api

_ALIVE = (api.MachineState.RUNNING, api.MachineState.PAUSED)

# The smallest picture there is: one black pixel.
_PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d4948445200000001000000010800000000'
    '3a7e9b550000000a49444154789c6360000000020001e221bc33'
    '0000000049454e44ae426082')


class FakeDisplays:
    """:class:`.clients.vbox.interface.DisplayApi`."""

    def save_screenshot(self, uuid, path):
        self._alive(uuid)
        Path(path).write_bytes(_PNG)

    def remote_display(self, uuid):
        return self._machine(uuid).spec.remote_display

    def set_remote_display(self, uuid, display):
        machine = self._off(uuid)
        machine.spec = dataclasses.replace(machine.spec,
                                           remote_display=display)

    def display_port(self, uuid):
        machine = self._machine(uuid)
        if machine.state not in _ALIVE or machine.spec.remote_display is None:
            return None
        return int(machine.spec.remote_display.ports.split('-')[0])
