# SPDX-License-Identifier: Apache-2.0
"""Each call of a resize fails in turn.

What failed can be done again, or be taken back; in the end the server is of
one size or of the other, with all its disks, and runs.
"""

import itertools

import pytest
from nova.compute import task_states

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import faulty
from nova_hypervisors.virtualbox import spec

State = api.MachineState


def swap(size_mb):
    return {'swap': {'device_name': '/dev/sdc', 'swap_size': size_mb}}


# Memory, disks by port, and files.
FILES = {'root.vdi', 'swap.vdi'}
OLD = 64, {spec.ROOT_PORT: ('root.vdi', 1), 2: ('swap.vdi', 8)}, FILES
NEW = 128, {spec.ROOT_PORT: ('root.vdi', 2048), 2: ('swap.vdi', 16)}, FILES


class Resize:
    """What Nova asks, in its order."""

    def __init__(self, parts, asked, server):
        self._migrations, self._vms = parts.migrations, parts.vms
        self._asked, self.server = asked, server
        self.old = server.flavor
        self._new = builders.instance(root_gb=2, memory_mb=128).flavor

    def depart(self):
        self._migrations.depart(self.server, self._new, True, 0, 0)
        self.server.flavor = self._new

    def arrive(self):
        self._migrations.arrive(
            self._asked(self.server, block_device_info=swap(16)), True, '')

    def confirm(self):
        self._migrations.confirm(self.server, True)

    def leave(self):
        """Where it was resized to, which is here."""
        self.server.task_state = task_states.RESIZE_REVERTING
        self._vms.destroy(self.server, destroy_disks=False)

    def go_back(self):
        self.server.flavor = self.old
        self._migrations.revert(self.server, power_on=True)


@pytest.fixture
def sizes(parts, vbox):
    def sizes(server):
        machine = vbox.machines[server.uuid]
        folder = parts.files.instance(server.uuid).folder
        return (machine.spec.memory_mb,
                {port: (disk.path.rpartition('/')[2],
                        vbox.media[disk.path].capacity_mb)
                 for port, disk in machine.disks.items()},
                {path.name for path in folder.glob('*.vdi')})
    return sizes


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('last', [('confirm',), ('leave', 'go_back')],
                         ids=['confirmed', 'reverted'])
def test_a_server_is_of_one_size_whatever_fails(
        parts, asked, spawn, client, vbox, cached, sizes, last, after):
    image = cached(sizes_gb=(1, 2))
    for number in itertools.count(1):
        server = spawn(builders.instance(image), block_device_info=swap(8))
        resize = Resize(parts, asked, server)
        client.arm(number, after)
        failed = any([_departs_after_all(resize, client, sizes),
                      _arrives_after_all(resize, client, sizes),
                      *(_is_done_after_all(getattr(resize, name), client)
                        for name in last)])
        reached = len(client.calls) >= number
        assert sizes(server) == (NEW if last == ('confirm',) else OLD)
        assert vbox.machines[server.uuid].state is State.RUNNING
        client.arm(0)
        parts.vms.destroy(server, destroy_disks=True)
        assert vbox.machines == {}
        if not failed and not reached:
            break
    assert number > 20


def _departs_after_all(resize, client, sizes):
    failed = faulty.fails(resize.depart)
    if failed:
        assert sizes(resize.server) == OLD
        client.arm(0)
        resize.depart()
    return failed


def _arrives_after_all(resize, client, sizes):
    failed = faulty.fails(resize.arrive)
    if failed:
        # Nova gives it its old flavor again; it can be resized anew.
        assert sizes(resize.server) == OLD
        client.arm(0)
        resize.server.flavor = resize.old
        resize.depart()
        resize.arrive()
    return failed


def _is_done_after_all(act, client):
    failed = faulty.fails(act)
    if failed:
        client.arm(0)
        act()
    return failed
