# SPDX-License-Identifier: Apache-2.0
"""Servers go to a host with other datastores: two fakes, two services.

Each call fails in turn.  Whatever does, the server is on one host or on the
other in the end, with the bytes of its disks, and nothing else is left.
"""

import contextlib
import itertools
import os

import pytest
from nova import exception
from nova.compute import task_states
from nova.virt import fake as nova_fake

from nova_hypervisors import conf
from nova_hypervisors.clients import errors
from nova_hypervisors.common import request
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.tests.fakes import faulty
from nova_hypervisors.vmwareapi import driver as vmwareapi
from nova_hypervisors.vmwareapi import factory

CONTEXT = builders.admin_context()
SWAP = {'swap': {'device_name': '/dev/sdb', 'swap_size': 1}}
DISKS = ('root', 'swap')


class Place:
    """A host with its service.

    :ivar client: of the service, which fails when it is told to
    """

    def __init__(self, name, host, config):
        self.host = host
        config.config(host=name, state_path=str(host.folder / 'state'))
        config.config(group='vmware', host_port=host.port,
                      ca_file=str(host.ca_file))
        self.client = faulty.FaultyClient(factory.make_client(conf.CONF))
        self.driver = vmwareapi.VMwareESXDriver(nova_fake.FakeVirtAPI(),
                                                 self.client)
        self.driver.init_host(name)
        self.pulls = self.driver._parts.pulls

    @property
    def folder(self):
        return self.host.datastore.folder / 'nova'

    def states(self):
        return [machine.power for machine in self.host.machines()]

    def bytes(self, uuid):
        """Return what is on a server's disks."""
        return {name: (self.folder / uuid / f'{name}-flat.vmdk').read_bytes()
                for name in DISKS}

    def left(self):
        """Return the files of servers."""
        return sorted(str(path.relative_to(self.folder)) for path
                      in self.folder.rglob('*') if path.is_file())


@pytest.fixture
def here(config, host, image_api, records):
    made = Place('here', host, config)
    yield made
    made.driver.cleanup_host('here')


@pytest.fixture
def there(config, tmp_path, here):
    with esx.running(tmp_path / 'other') as host:
        made = Place('there', host, config)
        yield made
        made.driver.cleanup_host('there')


@pytest.fixture
def server(spawn_here):
    return spawn_here()


@pytest.fixture
def spawn_here(here, image):
    def spawn_here():
        """Have a server that has written something onto its disks."""
        instance = builders.instance(image, root_gb=0)
        here.driver.spawn(CONTEXT, instance, builders.image_meta(), [], '',
                          {}, [], SWAP)
        for name in DISKS:
            path = here.folder / instance.uuid / f'{name}-flat.vmdk'
            with path.open('r+b') as disk:
                disk.seek(600 << 10)
                disk.write(os.urandom(1 << 16))
        return instance
    return spawn_here


class Move:
    """What Nova asks, in its order."""

    def __init__(self, here, there, server):
        self.here, self.there, self.server = here, there, server
        self.told = None

    def _wanted(self):
        return request.SpawnRequest(CONTEXT, self.server,
                                    builders.image_meta(), [], SWAP)

    def depart(self):
        self.told = self.here.pulls.depart(self.server, self.server.flavor,
                                           None, 0)

    def arrive(self):
        self.there.pulls.arrive(self._wanted(), self.told, lambda: None)

    def confirm(self):
        assert self.here.pulls.is_left(self.server)
        self.here.pulls.confirm(self.server)

    def leave(self):
        self.server.task_state = task_states.RESIZE_REVERTING
        self.there.driver._parts.vms.destroy(self.server, True)
        # As when Nova deletes it, if that has failed.
        self.there.driver._parts.vms.delete_files(self.server)

    def go_back(self):
        self.here.pulls.revert(self._wanted(), lambda: None)


def test_what_is_on_the_disks_goes_along(here, there, server):
    before = here.bytes(server.uuid)
    move = Move(here, there, server)
    move.depart()
    move.arrive()
    assert (here.states(), there.states()) == (['poweredOff'], ['poweredOn'])
    assert there.bytes(server.uuid) == before
    move.confirm()
    assert (here.states(), here.left()) == ([], [])
    assert there.bytes(server.uuid) == before


def test_a_chain_goes_as_one_disk(config, here, there, spawn_here):
    server = spawn_here()
    machine, = here.host.machines()
    client = here.client
    with here.host.lock:
        before = here.bytes(server.uuid)
    client.take_snapshot(machine.ref._moId, 'a snapshot of somebody')
    written = os.urandom(512)
    here.host.guest_writes(machine.ref._moId, 700 << 10, written)
    move = Move(here, there, server)
    move.depart()
    assert any('leaving-root' in name for name in here.left())
    move.arrive()
    root = there.bytes(server.uuid)['root']
    assert root[700 << 10:][:512] == written
    assert root[:600 << 10] == before['root'][:600 << 10]
    move.leave()
    move.go_back()
    assert here.states() == ['poweredOn']
    assert not any('leaving' in name for name in here.left())


def test_a_service_that_was_started_anew_hands_out_what_was_offered(
        config, here, there, server):
    move = Move(here, there, server)
    before = here.bytes(server.uuid)
    port = here.driver._parts.handouts._server.port
    move.depart()
    here.driver.cleanup_host('here')
    config.config(group='vmware', transfer_port=port)
    again = Place('here', here.host, config)
    with contextlib.closing(again.client):
        try:
            move.here = again
            move.arrive()
            move.confirm()
            assert again.states() == []
        finally:
            again.driver.cleanup_host('here')
    assert there.bytes(server.uuid) == before


def test_what_is_there_already_is_not_touched(here, there, server):
    move = Move(here, there, server)
    move.depart()
    folder = there.folder / server.uuid
    folder.mkdir(parents=True)
    (folder / 'root.vmdk').write_text("somebody's")
    with pytest.raises(exception.DestinationDiskExists):
        move.arrive()
    assert (folder / 'root.vmdk').read_text() == "somebody's"


def test_each_disk_is_had_once(here, there, server):
    move = Move(here, there, server)
    move.depart()
    move.arrive()
    there.driver._parts.vms.destroy(server, True)
    with pytest.raises(errors.NotFound, match='not any more'):
        move.arrive()
    assert (there.states(), there.left()) == ([], [])


def test_what_another_driver_says_is_refused(there, server):
    move = Move(None, there, server)
    move.told = '{"folder": "somewhere"}'
    with pytest.raises(exception.MigrationError, match='another one'):
        move.arrive()


@pytest.mark.parametrize('what', ['cut', 'full', 'changed'])
def test_half_a_disk_is_no_disk(here, there, server, what):
    move = Move(here, there, server)
    before = here.bytes(server.uuid)
    move.depart()
    if what == 'cut':
        there.host.cut_next_upload(1 << 19)
    elif what == 'full':
        there.host.before_next('PUT /folder', there.host.fill_datastore)
    else:
        here.host.cut_next('GET /folder')
    with pytest.raises(errors.ClientError):
        move.arrive()
    assert (there.states(), there.left()) == ([], [])
    move.go_back()
    assert here.states() == ['poweredOn']
    assert here.bytes(server.uuid) == before


@pytest.mark.long
@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('last', [('confirm',), ('leave', 'go_back')],
                         ids=['confirmed', 'reverted'])
def test_a_server_is_on_one_host_whatever_fails(here, there, spawn_here, last,
                                                after):
    for number in itertools.count(1):
        server = spawn_here()
        before = here.bytes(server.uuid)
        move = Move(here, there, server)
        failed, reached = _moved(move, before, number, after, last)
        on, off = (there, here) if last == ('confirm',) else (here, there)
        assert (off.states(), off.left()) == ([], [])
        assert on.states() == ['poweredOn']
        assert on.bytes(server.uuid) == before
        on.driver._parts.vms.destroy(server, True)
        assert (on.states(), on.left()) == ([], [])
        if not failed and not reached:
            break
    assert number > 8


def _moved(move, before, number, after, last):
    """Move a server; say if anything failed, or could have.

    Of each host the call with a number fails.
    """
    for place in (move.here, move.there):
        place.client.arm(number, after)
    failed = faulty.fails(move.depart)
    if failed:
        assert move.here.states() == ['poweredOn']
        assert move.here.bytes(move.server.uuid) == before
        move.here.client.arm(0)
        move.depart()
    if _does_not_arrive(move):
        failed = True
        for place in (move.here, move.there):
            place.client.arm(0)
        assert (move.there.states(), move.there.left()) == ([], [])
        # Nova lets it be moved anew when it was set to be as it was.
        move.go_back()
        move.depart()
        move.arrive()
    for name in last:
        if faulty.fails(getattr(move, name)):
            failed = True
            for place in (move.here, move.there):
                place.client.arm(0)
            getattr(move, name)()
    reached = max(len(place.client.calls) for place
                  in (move.here, move.there)) >= number
    for place in (move.here, move.there):
        place.client.arm(0)
    return failed, reached


def _does_not_arrive(move):
    try:
        return faulty.fails(move.arrive)
    except errors.ConnectionLost as error:
        # It failed where it comes from.
        if 'cannot read' not in str(error):
            raise
        return True
