# SPDX-License-Identifier: Apache-2.0
"""What is done inside guests, by their Guest Additions."""

from __future__ import annotations

from nova_hypervisors.clients.vbox import guests
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import guestpasswords
from nova_hypervisors.common import locks
from nova_hypervisors.virtualbox import machines

Account = guestpasswords.Account


class GuestOps(guestpasswords.GuestPasswords):
    """:param account: None if the operator has named none"""

    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks,
                 account: Account | None) -> None:
        super().__init__(self._in_guest, instance_locks, 'virtualbox',
                         account)
        self._client = client
        self._machines = machine_map

    def _in_guest(self, instance_uuid: str, wanted: guestpasswords.Program,
                  windows: bool) -> None:  # noqa: ARG002 the words tell
        self._client.run_in_guest(
            self._machines.machine_uuid(instance_uuid), guests.GuestProgram(
                wanted.words, wanted.user, wanted.password,
                wanted.environment))
