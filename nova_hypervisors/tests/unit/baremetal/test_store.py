# SPDX-License-Identifier: Apache-2.0
import multiprocessing
import stat
import uuid

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic import migration

from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import models
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import store
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests.unit.baremetal import taking

SERVER = str(uuid.uuid4())
HOST = baremetalnodes.HOST


class TestNodes:
    def test_what_is_put_in_comes_out(self, here):
        node = here.add(
            traits=('CUSTOM_FAST',), driver_info={'a': {'b': [1]}},
            ports=(nodes.Port('52:54:00:00:00:02', pxe_enabled=False),
                   nodes.Port('52:54:00:00:00:01', local_link_connection={
                       'port_id': 'Ethernet3'}, physical_network='p')))
        assert here.store.get_node('node-1') == node
        assert here.store.get_node(node.uuid) == node
        assert here.store.list_nodes() == [node]

    def test_a_host_s_nodes_are_its_own(self, here):
        mine = here.add('b')
        other = here.add('a', service_host='there')
        assert here.store.list_nodes(HOST) == [mine]
        assert here.store.list_nodes() == [other, mine]

    def test_they_are_counted(self, here):
        here.add('a', provision_state=states.ACTIVE)
        here.add('b', provision_state=states.AVAILABLE)
        here.add('c', provision_state=states.AVAILABLE)
        here.add('d', provision_state=states.AVAILABLE, maintenance=True)
        here.add('e', service_host='there')
        assert here.store.count(HOST) == {
            (states.ACTIVE, False): 1, (states.AVAILABLE, False): 2,
            (states.AVAILABLE, True): 1}
        assert here.store.count('nowhere') == {}

    def test_what_is_not_there_is_said_so(self, here):
        with pytest.raises(errors.NotFound, match='no node nobody'):
            here.store.get_node('nobody')
        with pytest.raises(errors.NotFound):
            here.store.update('nobody', maintenance=True)
        assert here.store.find_by_instance(SERVER) is None

    @pytest.mark.parametrize('same', ['name', 'ports', 'uuid'])
    def test_nothing_is_there_twice_and_all_or_nothing(self, here, same):
        node = here.add()
        twin = baremetalnodes.make_node('x', **{same: getattr(node, same)})
        with pytest.raises(errors.AlreadyExists):
            here.store.create(baremetalnodes.make_node('new'), twin)
        assert here.store.list_nodes() == [node]

    def test_fields_are_set_and_the_version_grows(self, here):
        node = here.add()
        port = nodes.Port('52:54:00:ff:ff:ff')
        changed = here.store.update(node.uuid, name='new', ports=(port,),
                                    traits=('CUSTOM_A',))
        assert changed == here.store.get_node('new')
        assert (changed.ports, changed.traits) == ((port,), ('CUSTOM_A',))
        assert changed.version == node.version + 1

    def test_another_one_s_name_is_refused(self, here):
        here.add('a')
        node = here.add('b')
        with pytest.raises(errors.AlreadyExists, match='name'):
            here.store.update(node.uuid, name='a')

    def test_one_with_a_server_cannot_be_deleted(self, here):
        node = here.add()
        here.store.reserve(node.uuid, SERVER, HOST)
        with pytest.raises(errors.InvalidState, match=SERVER):
            here.store.delete(node.uuid)
        here.store.move(node.uuid, [states.RESERVED], states.AVAILABLE,
                        instance_uuid=None)
        here.store.delete(node.uuid)
        assert here.store.list_nodes() == []
        # Its ports went with it.
        here.add()

    def test_instance_info_is_set_by_entry(self, here):
        node = here.add(instance_info={'root_gb': 1, 'image_source': 'a'})
        changed = here.store.update_instance_info(
            node.uuid, {'image_source': None, 'boot_iso': 'b'})
        assert changed.instance_info == {'root_gb': 1, 'boot_iso': 'b'}
        assert here.store.get_node(node.uuid) == changed

    def test_what_a_node_has_to_know_is_in_no_repr(self, here):
        node = here.add(driver_info={'x': 'geheim'},
                        instance_info={'y': 'geheim'})
        assert 'geheim' not in repr(node)


class TestReservation:
    def test_a_node_is_taken_once(self, here):
        node = here.add()
        assert here.store.reserve(node.uuid, SERVER, HOST)
        assert not here.store.reserve(node.uuid, str(uuid.uuid4()), HOST)
        found = here.store.find_by_instance(SERVER)
        assert found.uuid == node.uuid
        assert found.provision_state == states.RESERVED

    def test_whose_it_is_already_may_say_so_again(self, here):
        node = here.add()
        assert here.store.reserve(node.uuid, SERVER, HOST)
        assert here.store.reserve(node.uuid, SERVER, HOST)

    @pytest.mark.parametrize('changes', [
        {'maintenance': True}, {'provision_state': states.CLEANING},
        {'provision_state': states.CLEAN_FAILED},
        {'service_host': 'elsewhere'}])
    def test_one_that_is_not_to_be_had_is_not(self, here, changes):
        node = here.add(**changes)
        assert not here.store.reserve(node.uuid, SERVER, HOST)
        assert here.store.get_node(node.uuid).instance_uuid is None

    def test_states_are_left_by_who_is_in_them(self, here):
        node = here.add()
        move = here.store.move
        assert not move(node.uuid, [states.ACTIVE], states.DELETING)
        assert move(node.uuid, [states.AVAILABLE, states.ACTIVE],
                    states.CLEANING, last_error='x')
        found = here.store.get_node(node.uuid)
        assert (found.provision_state, found.last_error) == ('cleaning', 'x')

    def test_eight_processes_take_a_hundred_nodes_and_none_twice(
            self, here, tmp_path):
        made = [baremetalnodes.make_node(f'node-{number}', ports=())
                for number in range(100)]
        here.store.create(*made)
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload([taking.__name__])
        won, barrier = context.Queue(), context.Barrier(8)
        processes = [context.Process(target=taking.take_all, args=(
            here.url, tmp_path, HOST, [node.uuid for node in made], barrier,
            won))
            for _ in range(8)]
        for process in processes:
            process.start()
        taken = [pair for _ in processes for pair in won.get(timeout=120)]
        for process in processes:
            process.join(60)
        assert len(taken) == 100
        assert dict(taken) == {node.uuid: node.instance_uuid
                               for node in here.store.list_nodes()}


class TestPorts:
    def test_a_port_is_bound_once_until_it_is_freed(self, here):
        node = here.add()
        address, vif = node.ports[0].address, str(uuid.uuid4())
        bind = here.store.bind_port
        assert bind(node.uuid, address, vif, {'mac_address': 'm'})
        assert not bind(node.uuid, address, str(uuid.uuid4()), {})
        port, = here.store.get_node(node.uuid).ports
        assert (port.vif_id, port.taken_over) == (vif, {'mac_address': 'm'})
        assert bind(node.uuid, address, None, {})
        assert here.store.get_node(node.uuid).ports == node.ports


class TestSteps:
    def test_they_are_kept_in_order_with_their_time(self, here):
        node = here.add()
        first = here.store.begin_step(node.uuid, SERVER, 'deploy', 'one')
        here.store.end_step(first)
        second = here.store.begin_step(node.uuid, SERVER, 'deploy', 'two')
        one, two = here.store.list_steps(node.uuid)
        assert (one.operation, one.name, one.instance_uuid) == (
            'deploy', 'one', SERVER)
        assert one.seconds >= 0
        assert two.seconds is None
        here.store.end_step(second, 'it broke')
        assert here.store.list_steps(node.uuid)[1].error == 'it broke'
        here.store.forget_steps(node.uuid)
        assert here.store.list_steps(node.uuid) == []


class TestSchema:
    def test_the_migrations_make_what_the_code_reads(self, here):
        with here.database.reading() as connection:
            context = migration.MigrationContext.configure(connection)
            assert autogenerate.compare_metadata(
                context, models.METADATA) == []

    def test_a_second_start_changes_nothing(self, here):
        node = here.add()
        here.database.upgrade()
        assert here.store.list_nodes() == [node]

    def test_tables_of_a_newer_release_are_not_touched(self, here):
        with here.database.writing() as connection:
            connection.execute(sa.text(
                "UPDATE alembic_version SET version_num = 'v9999'"))
        with pytest.raises(errors.InvalidState, match=r'newer .*v9999'):
            here.database.upgrade()

    def test_the_file_is_private_and_has_a_journal_beside_it(self, here,
                                                             tmp_path):
        mode = (tmp_path / 'nodes.db').stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        with here.database.reading() as connection:
            assert connection.exec_driver_sql(
                'PRAGMA journal_mode').scalar() == 'wal'
            assert connection.exec_driver_sql(
                'PRAGMA busy_timeout').scalar() == 30000

    def test_a_port_belongs_to_a_node(self, here):
        with (pytest.raises(Exception, match='FOREIGN KEY'),
              here.database.writing() as connection):
            connection.execute(sa.insert(models.PORTS).values(
                address='a', node_uuid='nobody', position=0,
                pxe_enabled=True, local_link_connection={}, taken_over={}))

    def test_a_database_that_cannot_be_reached_shows_no_password(
            self, tmp_path):
        db = database.Database('mysql+pymysql://u:geheim@127.0.0.1:1/x',
                               tmp_path)
        with pytest.raises(errors.Unreachable) as info:
            store.Store(db).list_nodes()
        assert 'geheim' not in str(info.value)
        assert '[baremetal] connection' in str(info.value)
