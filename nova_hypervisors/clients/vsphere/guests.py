# SPDX-License-Identifier: Apache-2.0
"""Programs that are run in guests, by VMware Tools.

Source: GuestProcessManager of the vSphere Web Services API reference.  No
guest of the project's tests has the Tools: what a host is asked for is tested.
"""

from __future__ import annotations

import time

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import properties
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values

#: How long a program may take, and how often it is looked at.
LONGEST_S = 60.0
_LOOK_S = 0.5

_MANAGER = 'processManager'


class Guests(tasks.HostTasks):
    """GuestApi of :mod:`.interface`."""

    _processes: values.Ref | None = None

    def run_in_guest(self, ref: str, wanted: api.GuestProgram) -> None:
        if self._processes is None:
            self._processes = tasks.needed(
                properties.one(self._session, self._service(
                    'guestOperationsManager'), _MANAGER).get(_MANAGER),
                'the manager of programs in guests')
        answer = self._call(
            'StartProgramInGuest', self._processes,
            vm=tasks.machine_ref(ref), auth=self._account(wanted),
            spec=self._make(
                'GuestProgramSpec', programPath=wanted.path,
                arguments=wanted.arguments, envVariables=[
                    values.Secret(f'{name}={value}')
                    for name, value in wanted.environment.items()]))
        self._wait(self._processes, ref, wanted,
                   values.integer(answer, 'returnval'))

    def _account(self, wanted: api.GuestProgram) -> object:
        return self._make(
            'NamePasswordAuthentication', interactiveSession=False,
            username=wanted.user, password=values.Secret(wanted.password))

    def _wait(self, manager: values.Ref, ref: str, wanted: api.GuestProgram,
              number: int) -> None:
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            answer = self._call(
                'ListProcessesInGuest', manager, vm=tasks.machine_ref(ref),
                auth=self._account(wanted), pids=[number])
            for process in values.items(answer, 'returnval'):
                status = values.text(process, 'exitCode')
                if status == '0':
                    return
                if status:
                    raise errors.ClientError(
                        f'{wanted.path} ended with the status {status}',
                        operation='run_in_guest')
            time.sleep(_LOOK_S)
        raise errors.TimedOut(
            f'{wanted.path} has not ended within {LONGEST_S:g} seconds',
            operation='run_in_guest')
