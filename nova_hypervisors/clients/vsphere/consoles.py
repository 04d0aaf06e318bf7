# SPDX-License-Identifier: Apache-2.0
"""Consoles of machines, and their snapshots."""

from __future__ import annotations

import contextlib
import io

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import recording
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import disks
from nova_hypervisors.clients.vsphere import tasks
from nova_hypervisors.clients.vsphere import values


class Consoles(disks.Disks):
    """ConsoleApi and SnapshotApi of :mod:`.interface`."""

    def acquire_ticket(self, ref: str, kind: api.TicketKind) -> api.Ticket:
        answer = self._call('AcquireTicket', tasks.machine_ref(ref),
                            ticketType=kind.value)
        found = values.items(answer, 'returnval')[0]
        return api.Ticket(
            ticket=values.text(found, 'ticket'),
            host=values.text(found, 'host') or None,
            port=values.integer(found, 'port') or None,
            thumbprint=values.text(found, 'sslThumbprint'),
            config_file=values.text(found, 'cfgFile'),
            url=values.text(found, 'url'))

    def acquire_clone_ticket(self) -> str:
        ticket = values.text(
            self._call('AcquireCloneTicket',
                       self._service('sessionManager')), 'returnval')
        recording.hide([ticket])
        return ticket

    def screenshot(self, ref: str) -> bytes:
        path = api.DatastorePath.parse(values.text(
            self._run('CreateScreenshot_Task', tasks.machine_ref(ref))))
        image = io.BytesIO()
        try:
            self.download(path, image)
        finally:
            # The host leaves it in the machine's folder.
            with contextlib.suppress(errors.ClientError):
                self.delete_file(path)
        return image.getvalue()

    def take_snapshot(self, ref: str, name: str) -> str:
        return values.text(self._run(
            'CreateSnapshot_Task', tasks.machine_ref(ref), name=name,
            description='', memory=False, quiesce=False))

    # A snapshot is known without its machine.
    def delete_snapshot(self, ref: str, snapshot: str) -> None:  # noqa: ARG002
        self._run('RemoveSnapshot_Task',
                  values.Ref('VirtualMachineSnapshot', snapshot),
                  removeChildren=False, consolidate=True)
