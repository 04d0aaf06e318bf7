# SPDX-License-Identifier: Apache-2.0
"""What is done inside guests, by their VMware Tools."""

from __future__ import annotations

import shlex

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import guestpasswords
from nova_hypervisors.common import locks
from nova_hypervisors.vmwareapi import machines

# What is set is all that the program gets: GuestProgramSpec, envVariables.
_LINUX = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
_WINDOWS = {'SystemRoot': 'C:\\Windows',
            'PATH': 'C:\\Windows\\System32;C:\\Windows'}


class GuestOps(guestpasswords.GuestPasswords):
    """:param account: None if the operator has named none"""

    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines,
                 instance_locks: locks.InstanceLocks,
                 account: guestpasswords.Account | None) -> None:
        super().__init__(self._in_guest, instance_locks, 'vmware', account)
        self._client = client
        self._machines = machine_map

    def _in_guest(self, instance_uuid: str, wanted: guestpasswords.Program,
                  windows: bool) -> None:
        program, *arguments = wanted.words
        # A guest that is not Windows hands them to a shell.
        line = (' '.join([*arguments[:-1], f'"{arguments[-1]}"']) if windows
                else shlex.join(arguments))
        self._client.run_in_guest(
            self._machines.ref(instance_uuid), api.GuestProgram(
                program, line, wanted.user, wanted.password,
                {**(_WINDOWS if windows else _LINUX), **wanted.environment}))
