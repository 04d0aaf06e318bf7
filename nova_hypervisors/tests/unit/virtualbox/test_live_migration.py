# SPDX-License-Identifier: Apache-2.0
"""Servers go to another host without a stop: two fakes, one folder."""

from concurrent import futures

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import livemigration
from nova_hypervisors.common import request
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.virtualbox import firmware

State = api.MachineState


@pytest.fixture
def server(spawn):
    return spawn(vifs=[builders.vif()])


@pytest.fixture
def wanted(server):
    return request.SpawnRequest(builders.admin_context(), server,
                                builders.image_meta(), [builders.vif()], {})


@pytest.fixture
def move(parts, server):
    """Let a server go; return what Nova was told."""
    def move():
        told = []
        parts.live_migrations.move(server, lambda: told.append('moved'),
                                   told.append)
        return told
    return move


def test_it_goes_on_there(parts, there, server, wanted, move, vbox):
    before = parts.client.machine_settings(server.uuid)
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    assert move() == ['moved']
    parts.live_migrations.leave(server)
    there.live.welcome(server)
    assert vbox.machines == {}
    assert there.vbox.machines[server.uuid].state is State.RUNNING
    after = there.vbox.machine_settings(server.uuid)
    assert (before.disks, before.nics) == (after.disks, after.nics)
    folder = parts.files.instance(server.uuid).folder
    assert (folder / 'root.vdi').exists()
    assert not {'teleport', 'likeness'} & {
        path.name for path in folder.iterdir()}


def test_one_that_does_not_run_is_refused(parts, server):
    parts.power.power_off(server, 0, 0)
    with pytest.raises(exception.MigrationPreCheckError, match='off'):
        parts.live_migrations.describe(server)


@pytest.mark.parametrize('name', ['create_machine', 'attach_disk',
                                  'await_teleport'])
@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
def test_nothing_is_left_where_it_cannot_be(parts, there, server, wanted,
                                            vbox, name, after):
    parts.live_migrations.describe(server)
    there.client.fail(name, after)
    with pytest.raises(errors.ClientError, match='injected'):
        there.live.prepare(wanted)
    assert there.vbox.machines == {}
    assert there.parts.machines.claimed() == []
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert (parts.files.instance(server.uuid).folder / 'root.vdi').exists()
    there.live.prepare(wanted)


def test_one_that_cannot_go_stays(parts, there, server, wanted, move, vbox,
                                  client):
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    client.fail('teleport')
    assert move() == ['failed']
    there.live.withdraw(server)
    there.live.withdraw(server)
    assert there.vbox.machines == {}
    assert vbox.machines[server.uuid].state is State.RUNNING


def test_one_whose_process_dies_on_the_way_can_be_started(
        parts, there, server, wanted, vbox):
    """What it had in memory is lost; what is on its disks is not."""
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    vbox.holds = True
    told = []
    with futures.ThreadPoolExecutor(1) as threads:
        moving = threads.submit(
            parts.live_migrations.move, server,
            lambda: told.append('moved'), told.append)
        peers.wait_until(lambda: vbox.leaving)
        vbox.crash(server.uuid)
        for stop in vbox.leaving.values():
            stop.set()
        moving.result(10)
    assert told != ['moved']
    there.live.withdraw(server)
    assert there.vbox.machines == {}
    assert vbox.machines[server.uuid].state is State.ABORTED
    parts.power.power_on(server)
    assert vbox.machines[server.uuid].state is State.RUNNING


def test_nobody_waits(move, server):
    assert move() == ['failed']


class TestOnTheWay:
    @pytest.fixture
    def leaving(self, parts, there, server, wanted, move, vbox):
        """A server that does not get there; what Nova is told in the end."""
        parts.live_migrations.describe(server)
        there.live.prepare(wanted)
        vbox.holds = True
        with futures.ThreadPoolExecutor(1) as threads:
            told = threads.submit(move)
            peers.wait_until(lambda: vbox.leaving)
            yield told
            for stop in vbox.leaving.values():
                stop.set()

    def test_it_stays_if_it_is_told_to(self, parts, server, leaving, vbox):
        parts.live_migrations.abort(server)
        assert leaving.result(10) == ['cancelled']
        assert vbox.machines[server.uuid].state is State.RUNNING

    def test_it_is_slow_only_on_its_way(self, parts, server, leaving, vbox):
        machine = vbox.machines[server.uuid]
        parts.live_migrations.hurry(server)
        assert machine.execution_percent == 1
        parts.live_migrations.abort(server)
        leaving.result(10)
        assert machine.execution_percent == 100

    def test_one_that_stays_slow_is_told(self, parts, server, leaving, client,
                                         caplog):
        parts.live_migrations.hurry(server)
        client.fail('limit_execution')
        parts.live_migrations.abort(server)
        assert leaving.result(10) == ['cancelled']
        assert 'may stay slow' in caplog.text


def test_one_that_is_not_on_its_way(parts, server, vbox):
    with pytest.raises(errors.InvalidState, match='not on its way'):
        parts.live_migrations.abort(server)
    with pytest.raises(exception.MigrationError, match='not on its way'):
        parts.live_migrations.hurry(server)
    assert vbox.machines[server.uuid].execution_percent == 100


def test_a_service_that_starts_anew_keeps_the_files(parts, there, server,
                                                    wanted, vbox):
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    there.parts.vms.undo_interrupted()
    assert there.vbox.machines == {}
    assert (parts.files.instance(server.uuid).folder / 'root.vdi').exists()
    assert vbox.machines[server.uuid].state is State.RUNNING


def test_a_service_that_starts_anew_keeps_one_that_has_come(
        parts, there, server, wanted, move):
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    move()
    there.parts.vms.undo_interrupted()
    assert there.vbox.machines[server.uuid].state is State.RUNNING
    assert there.parts.files.interrupted() == []


def test_the_password_is_for_us_alone(parts, there, server, wanted):
    parts.live_migrations.describe(server)
    there.live.prepare(wanted)
    path = parts.files.instance(server.uuid).teleport
    assert path.stat().st_mode & 0o777 == 0o600
    assert 'password' not in repr(api.TeleportTarget('', 1, 'password'))


class TestNova:
    def test_block_migration_is_refused(self):
        with pytest.raises(exception.MigrationPreCheckError, match='block'):
            livemigration.check({}, {}, True)

    def test_other_processors_are_refused(self):
        nodes = [{'nova_object.data': {'cpu_info': f'{{"model": "{name}"}}'}}
                 for name in ('AMD EPYC', 'Intel Xeon')]
        livemigration.check(nodes[0], nodes[0], False)
        with pytest.raises(exception.MigrationPreCheckError, match='Intel'):
            livemigration.check(*nodes, False)

    def test_its_data_goes_through_rpc(self):
        data = livemigration.without_waiting(livemigration.make_data('name'))
        again = type(data).obj_from_primitive(data.obj_to_primitive())
        assert again.filename == 'name'
        assert not again.has_vtpm


class TestEvacuation:
    @pytest.fixture
    def server(self, spawn, parts, small_disk):
        """A server whose disk has content, which is looked at."""
        server = spawn(vifs=[builders.vif()])
        parts.files.instance(server.uuid).root_disk.write_bytes(
            small_disk.read_bytes())
        return server

    @pytest.fixture
    def lost(self, parts, vbox, server):
        """One whose host is lost."""
        vbox.crash(server.uuid)
        parts.vms.drop(server.uuid)
        return server

    def test_it_goes_on_with_its_disk(self, parts, there, lost, wanted):
        root = parts.files.instance(lost.uuid).root_disk
        before = root.stat().st_ino
        there.parts.vms.spawn(wanted)
        assert there.vbox.machines[lost.uuid].state is State.RUNNING
        assert root.stat().st_ino == before

    def test_it_has_what_its_firmware_has_kept(self, there, server, vbox,
                                               wanted):
        firmware.path(vbox.machine_settings(server.uuid)).write_bytes(
            b'sealed')
        vbox.crash(server.uuid)
        there.parts.vms.spawn(wanted)
        assert firmware.path(there.vbox.machine_settings(
            server.uuid)).read_bytes() == b'sealed'

    @pytest.mark.parametrize('name', ['create_machine', 'attach_disk',
                                      'start'])
    def test_its_disk_stays_if_that_fails(self, parts, there, lost, wanted,
                                          name):
        there.client.fail(name)
        with pytest.raises(errors.ClientError, match='injected'):
            there.parts.vms.spawn(wanted)
        assert there.vbox.machines == {}
        assert parts.files.instance(lost.uuid).root_disk.exists()
        there.parts.vms.spawn(wanted)

    def test_the_host_that_comes_back_deletes_nothing(self, parts, there,
                                                      server, wanted, vbox):
        there.parts.vms.spawn(wanted)
        parts.vms.destroy(server, destroy_disks=False)
        assert vbox.machines == {}
        assert parts.files.instance(server.uuid).root_disk.exists()
