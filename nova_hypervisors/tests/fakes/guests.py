# SPDX-License-Identifier: Apache-2.0
"""Guests that run programs, if they have the Guest Additions."""

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import guests


class FakeGuests:
    """:ivar has_additions: whether the guests have them"""

    has_additions = False

    def run_in_guest(self, uuid, wanted):
        machine = self._machine(uuid)
        if machine.state is not api.MachineState.RUNNING:
            raise errors.InvalidState(f'{uuid} does not run')
        if not self.has_additions:
            raise guests.no_additions(uuid)
        machine.programs.append(wanted)
