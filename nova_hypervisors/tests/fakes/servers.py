# SPDX-License-Identifier: Apache-2.0
"""Nova's servers, as an audit asks for them."""

from __future__ import annotations

import dataclasses

from nova_hypervisors.common import audits


class FakeServers:
    """Implements :class:`.common.audits.Servers`."""

    def __init__(self, host='here') -> None:
        self.host = host
        self.known: dict[str, audits.Server] = {}

    def has(self, uuid, host='here', vm_state='active', **values):
        """Let Nova have a server."""
        self.known[uuid] = audits.Server(
            uuid, 'a server', host, vm_state, **{'launched': 0.0, **values})

    def deletes(self, uuid, **values):
        self.has(uuid, deleted=True, vm_state='deleted', **values)

    def changes(self, uuid, **values):
        self.known[uuid] = dataclasses.replace(self.known[uuid], **values)

    def list_here(self):
        return [server for server in self.known.values()
                if server.host == self.host and not server.deleted]

    def find(self, uuid):
        return self.known.get(uuid)
