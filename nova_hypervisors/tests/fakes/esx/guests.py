# SPDX-License-Identifier: Apache-2.0
"""Programs in guests: GuestOperationsManager and GuestProcessManager.

Source: the vSphere Web Services API reference, with the faults of each method.
"""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import sessions

_G = vim.vm.guest


class GuestOperations(managed.Managed):
    kind = _G.GuestOperationsManager

    processManager = _G.ProcessManager('ha-guest-process-manager')


class Processes(managed.Managed):
    kind = _G.ProcessManager

    def StartProgramInGuest(self, vm: Any, auth: Any, spec: Any) -> int:
        self._enter(vm, auth)
        self.esx.guest_programs.append(spec)
        return 1000 + len(self.esx.guest_programs)

    def ListProcessesInGuest(self, vm: Any, auth: Any,
                             pids: Any = None) -> list[Any]:
        """One that has ended is told of for five minutes."""
        self._enter(vm, auth)
        return [_G.ProcessManager.ProcessInfo(
            name=one.programPath, pid=number, owner=auth.username,
            cmdLine=one.arguments, startTime=sessions.now(),
            endTime=sessions.now(), exitCode=self.esx.guest_status)
            for number, one in enumerate(self.esx.guest_programs, 1001)
            if number in (pids or [])]

    def _enter(self, vm: Any, auth: Any) -> None:
        machine = self.esx.get(vm)
        if not machine.is_on:
            raise machine.bad_state('poweredOn')
        if not machine.tools_running:
            raise vim.fault.GuestOperationsUnavailable(
                msg='The guest operations agent could not be contacted.')
        known = self.esx.guest_accounts.get(auth.username)
        if known is None or known != auth.password:
            raise vim.fault.InvalidGuestLogin(
                msg='Failed to authenticate with the guest operating system '
                'using the supplied credentials.')
