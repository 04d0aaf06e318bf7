# SPDX-License-Identifier: Apache-2.0
"""Each call of a live migration fails in turn, on either host.

Wherever that is, the server runs once, Nova is told where, and what Nova does
next works.
"""

import itertools

import pytest

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import request
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import faulty

State = api.MachineState


class Move:
    """What Nova asks of both hosts, in its order."""

    def __init__(self, here, there, server):
        self._here, self._there = here, there
        self._server = server
        self.told = []

    def begin(self):
        self._here.live_migrations.describe(self._server)
        self._there.live_migrations.prepare(request.SpawnRequest(
            builders.admin_context(), self._server, builders.image_meta(),
            [builders.vif()], {}))
        self._here.live_migrations.move(
            self._server, lambda: self.told.append('moved'),
            self.told.append)

    def end(self):
        if self.told == ['moved']:
            self._here.live_migrations.leave(self._server)
            self._there.live_migrations.welcome(self._server)
        else:
            self._there.live_migrations.withdraw(self._server)


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('where', ['here', 'there'])
def test_a_server_runs_once_whatever_fails(parts, there, client, spawn, vbox,
                                           cached, where, after):
    image = cached()
    broken = client if where == 'here' else there.client
    for number in itertools.count(1):
        server = spawn(builders.instance(image), vifs=[builders.vif()])
        move = Move(parts, there.parts, server)
        broken.arm(number, after)
        failed = faulty.fails(move.begin)
        failed = faulty.fails(move.end) or failed
        reached = len(broken.calls) >= number
        broken.arm(0)
        move.end()
        moved = move.told == ['moved']
        running = there.vbox if moved else vbox
        assert [name for name, machines in (
            ('here', vbox.machines), ('there', there.vbox.machines))
            if server.uuid in machines] == ['there' if moved else 'here']
        assert running.machines[server.uuid].state is State.RUNNING
        assert parts.files.instance(server.uuid).root_disk.exists()
        if not moved:
            again = Move(parts, there.parts, server)
            again.begin()
            again.end()
            assert again.told == ['moved']
        there.parts.vms.destroy(server, destroy_disks=True)
        assert there.vbox.machines == vbox.machines == {}
        if not reached:
            break
    assert number > 3
    assert not failed
