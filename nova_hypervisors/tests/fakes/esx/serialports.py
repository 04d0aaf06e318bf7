# SPDX-License-Identifier: Apache-2.0
"""Serial ports that are reached over the network.

Source: VirtualSerialPortURIBackingInfo of the vSphere Web Services API
reference: a machine that runs listens where ``tcp://:PORT`` says, with the
direction ``server``, and bytes go through as they are.  Guesses: it takes one
client at a time, and a machine starts all the same if the port is taken.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import faults

_URI = vim.vm.device.VirtualSerialPort.URIBackingInfo

#: What a guest answers to what is typed.
Guest = Callable[[bytes], bytes]


def check(index: int, backing: _URI) -> None:
    """Refuse what this fake does not serve."""
    scheme, _, port = backing.serviceURI.rpartition(':')
    if (scheme != 'tcp://' or backing.direction != 'server'
            or not port.isdecimal()):
        raise faults.invalid_device(index, 'backing.serviceURI')


class Lines:
    """Those of one machine, as long as it runs."""

    def __init__(self, address: str, guest: Guest) -> None:
        self._address = address
        self._guest = guest
        self._open: list[socket.socket] = []

    def start(self, devices: Any) -> None:
        self.stop()
        for one in devices:
            if isinstance(getattr(one, 'backing', None), _URI):
                with contextlib.suppress(OSError):
                    self._listen(int(one.backing.serviceURI.rpartition(
                        ':')[2]))

    def stop(self) -> None:
        while self._open:
            one = self._open.pop()
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self, port: int) -> None:
        listener = socket.create_server((self._address, port), backlog=1)
        self._open.append(listener)
        threading.Thread(target=self._serve, args=(listener,),
                         daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._open.append(client)
                with client:
                    while typed := client.recv(4096):
                        client.sendall(self._guest(typed))
