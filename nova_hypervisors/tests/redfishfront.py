# SPDX-License-Identifier: Apache-2.0
"""Our Redfish service, over machines in memory."""

from __future__ import annotations

import ssl
import threading
import uuid

from nova_hypervisors.clients.bmc import fake
from nova_hypervisors.redfish import accounts
from nova_hypervisors.redfish import application
from nova_hypervisors.redfish import server
from nova_hypervisors.redfish import systems


class Front:
    """:ivar machines: the systems, by name; may be changed"""

    def __init__(self, tls: ssl.SSLContext | None, user='admin',
                 password='se cret') -> None:
        self.machines: dict[str, systems.System] = {}
        self.systems = systems.Systems(lambda: self.machines)
        self.accounts = accounts.Accounts(user, password)
        self._server = server.Server(
            '127.0.0.1', 0, application.Application(
                self.systems, self.accounts, str(uuid.uuid4())), tls)
        scheme = 'https' if tls else 'http'
        self.url = f'{scheme}://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def system(self, name: str) -> systems.System:
        """Return a new system with a machine of its own."""
        machine = fake.FakeMachine()
        return systems.System(name, lambda: machine)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
