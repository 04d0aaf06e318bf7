# SPDX-License-Identifier: Apache-2.0
"""Programs in guests, by VBoxManage."""

from __future__ import annotations

import abc

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.clients.vbox import program

# Which the Additions set while they run.
_ADDITIONS = '/VirtualBox/GuestAdd/Version'
_NO_VALUE = 'No value set'


class ManageGuests(abc.ABC):
    """:class:`.interface.GuestApi`."""

    _run: program.Program

    @abc.abstractmethod
    def machine_state(self, uuid: str) -> api.MachineState: ...

    def run_in_guest(self, uuid: str, wanted: guests.GuestProgram) -> None:
        # VBoxManage 7.2 dies of a segmentation fault if there is no guest.
        if self.machine_state(uuid) is not api.MachineState.RUNNING:
            raise errors.InvalidState(f'machine {uuid} does not run',
                                      operation='run_in_guest')
        found = self._run(('guestproperty', 'get', uuid, _ADDITIONS))
        if found.startswith(_NO_VALUE):
            raise guests.no_additions(uuid)
        self._run(commands.run_in_guest(uuid, wanted, guests.LONGEST_S),
                  timeout_s=guests.LONGEST_S * 2,
                  secrets=(wanted.password, *wanted.environment.values()))
