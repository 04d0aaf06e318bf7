# SPDX-License-Identifier: Apache-2.0
"""What shows a machine's screen: tickets and pictures."""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import tasks


class Console:
    esx: Any
    at: Any

    def AcquireTicket(self, ticketType: str) -> Any:
        """A ticket opens a machine's console once (VirtualMachineTicket).

        webmks: ``wss://host:port/ticket/TICKET``.
        """
        if ticketType not in ('mks', 'webmks'):
            raise faults.invalid_argument('ticketType')
        # Guess: the fault of a machine that is off.
        self.need('poweredOn')
        ticket = uuid.uuid4().hex[:16]
        made = vim.VirtualMachine.Ticket(
            ticket=ticket, cfgFile=str(self.at), host=self.esx.address,
            port=902, sslThumbprint=self.esx.thumbprint)
        if ticketType == 'webmks':
            made.port = self.esx.port
            made.url = (f'wss://{self.esx.address}:{self.esx.port}'
                        f'/ticket/{ticket}')
            self.esx.tickets[ticket] = self.ref._moId
        return made

    def AcquireMksTicket(self) -> Any:
        ticket = self.AcquireTicket('mks')
        return vim.VirtualMachine.MksTicket(
            ticket=ticket.ticket, cfgFile=ticket.cfgFile, host=ticket.host,
            port=ticket.port, sslThumbprint=ticket.sslThumbprint)

    @tasks.task
    def CreateScreenshot_Task(self) -> str:
        """The picture is left in the machine's folder, as a file."""
        self.need('poweredOn')
        stem = self.at.name.removesuffix('.vmx')
        at = next(at for at in (self.at.sibling(f'{stem}-{number}.png')
                                for number in range(1000))
                  if not at.local.exists())
        at.local.write_bytes(picture(*self.esx.screen))
        return str(at)


def picture(width: int, height: int) -> bytes:
    """Return a grey PNG."""
    rows = (b'\0' + b'\x80' * width) * height
    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + name + data
        + struct.pack('>I', zlib.crc32(name + data))
        for name, data in ((b'IHDR', head), (b'IDAT', zlib.compress(rows)),
                           (b'IEND', b'')))
