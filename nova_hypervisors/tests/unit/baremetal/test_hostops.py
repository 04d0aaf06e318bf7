# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import dataclasses

import pytest
from nova import exception
from nova.compute import provider_tree
from nova.virt import fake as nova_fake

from nova_hypervisors import conf
from nova_hypervisors.baremetal import driver
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders

SERVER = 'c0ffee00-0000-4000-8000-000000000000'


@pytest.fixture
def host(here):
    return hostops.HostOps(here.store, baremetalnodes.HOST)


class Broken:
    """A store whose database is not there."""

    def list_nodes(self, host):
        raise errors.Unreachable('no way to the database')

    def get_node(self, name):
        raise RuntimeError('anything')


class TestNodes:
    def test_only_its_own_are_there(self, here, host):
        mine, other = here.add('a'), here.add('b', service_host='there')
        assert host.names() == [mine.uuid]
        assert host.is_there(mine.uuid)
        assert not host.is_there(other.uuid)
        with pytest.raises(exception.ComputeHostNotFound):
            host.resource(other.uuid)

    def test_another_service_s_node_is_not_deleted(self, here, host):
        other = here.add(service_host='there')
        assert not host.is_deleted(other.uuid)
        here.store.delete(other.uuid)
        assert host.is_deleted(other.uuid)

    def test_no_nodes_are_an_answer(self, host):
        assert host.names() == []

    def test_a_failure_is_never_an_empty_answer(self):
        host = hostops.HostOps(Broken(), 'here')
        for call in (host.names, host.instance_uuids,
                     lambda: host.get('x'), lambda: host.is_deleted('x'),
                     lambda: host.is_there('x')):
            with pytest.raises(exception.VirtDriverNotReady):
                call()

    def test_servers_are_listed_by_name_and_uuid(self, here, host):
        node = here.add()
        assert host.instance_uuids() == []
        here.store.reserve(node.uuid, SERVER, baremetalnodes.HOST)
        assert host.instance_uuids() == host.instance_names() == [SERVER]
        here.store.update_instance_info(node.uuid, {'instance_name': 'i-1'})
        assert host.instance_names() == ['i-1']

    def test_a_server_that_is_nowhere_is_not_found(self, host):
        with pytest.raises(exception.InstanceNotFound):
            host.of_instance(builders.instance())


class TestProviderTree:
    @pytest.fixture
    def metal(self, tmp_path):
        path = tmp_path / 'nova.conf'
        path.write_text(f'[DEFAULT]\nstate_path = {tmp_path}\nhost = here\n')
        conf.CONF([], project='nova', default_config_files=[str(path)])
        inventory = factory.make_inventory(conf.CONF)
        inventory.database.upgrade()
        inventory.store.create(*(
            baremetalnodes.make_node(f'n{number}', ports=(),
                                     traits=(f'CUSTOM_N{number}',))
            for number in range(20)))
        made = driver.BareMetalDriver(nova_fake.FakeVirtAPI())
        yield made
        made.cleanup_host('here')
        inventory.database.close()
        conf.CONF.reset()

    def test_many_threads_may_update_their_nodes(self, metal):
        nodes = metal.get_available_nodes()
        trees = {}
        for name in nodes:
            trees[name] = provider_tree.ProviderTree()
            trees[name].new_root(name, name)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: metal.update_provider_tree(
                trees[name], name), nodes))
        found = [trees[name].data(name) for name in nodes]
        assert {next(iter(one.inventory)) for one in found} == {
            'CUSTOM_BAREMETAL_SMALL'}
        own = {trait for one in found for trait in one.traits
               if trait.startswith('CUSTOM_N')}
        assert len(own) == len(nodes) == 20

    def test_what_a_node_is_not_any_more_is_taken_away(self, metal):
        name = metal.get_available_nodes()[0]
        tree = provider_tree.ProviderTree()
        tree.new_root(name, name)
        tree.update_traits(name, {'CUSTOM_OLD'})
        metal.update_provider_tree(tree, name)
        assert 'CUSTOM_OLD' not in tree.data(name).traits


class TestConnector:
    def test_a_node_s_own_names_win(self):
        node = dataclasses.replace(
            baremetalnodes.make_node(), properties={
                'iscsi_initiator': 'iqn.1991-05.com.x:me', 'wwpns': ['5'],
                'cpu_arch': 'x86_64'})
        found = volumes.connector(node, builders.instance())
        assert found == {
            'initiator': 'iqn.1991-05.com.x:me', 'wwpns': ['5'],
            'host': 'here', 'platform': 'x86_64', 'os_type': 'baremetal',
            'multipath': False}
