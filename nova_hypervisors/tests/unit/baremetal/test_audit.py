# SPDX-License-Identifier: Apache-2.0
"""What an audit of nodes finds, and what it leaves alone."""

import contextlib
import time
import uuid

import pytest

from nova_hypervisors.baremetal import audit as auditing
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import states
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.common import audits
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests.fakes import servers as fake_servers

LATER_S = 2 * audits.YOUNG_S
IMAGE = 'boot-1234'


@pytest.fixture
def servers():
    return fake_servers.FakeServers()


@pytest.fixture
def common(tmp_path):
    (tmp_path / 'served').mkdir()
    publisher = httppublisher.HTTPPublisher(
        tmp_path / 'objects', tmp_path / 'served', 'http://192.0.2.1')
    return deploying.Deploying(deploying.Settings(tmp_path),
                               lambda: publisher)


@pytest.fixture
def audit(here, ops, servers, common):
    """Make an audit, two hours after everything has happened."""
    def audit(later_s=LATER_S):
        return auditing.Audit(
            baremetalnodes.HOST, here.store, ops.deploys, here.images, common,
            audits.Nova(servers, lambda: time.time() + later_s),
            contextlib.ExitStack()).findings()
    return audit


@pytest.fixture
def server(ops, wanted, servers):
    """Have a server on the one node that Nova knows, too."""
    ops.deploys.reserve(wanted.instance)
    ops.deploys.spawn(wanted)
    servers.has(wanted.instance.uuid, node=wanted.instance.node)
    return wanted.instance.uuid


@pytest.fixture
def reserved(ops, wanted):
    """Have reserved the one node for a server; the server's UUID."""
    ops.deploys.reserve(wanted.instance)
    return wanted.instance.uuid


@pytest.fixture
def disc(here, common, tmp_path):
    """Have a disc that was published, and that somebody uses."""
    def disc(*holders):
        path = tmp_path / 'disc.iso'
        path.write_text('a disc')
        for holder in holders:
            here.images.hold(IMAGE, holder)
            here.images.ready(IMAGE)
        common.publisher.upload_object(common.settings.container, IMAGE, path,
                                       create_container=True)
    return disc


@pytest.fixture
def is_published(common):
    def is_published():
        try:
            common.publisher.get_object(common.settings.container, IMAGE)
        except errors.NotFound:
            return False
        return True
    return is_published


def node_of(here):
    node, = here.store.list_nodes()
    return node


def test_nodes_as_they_should_be_are_no_findings(server, here, audit):
    here.add('node-2')
    assert audit() == []


class TestNodes:
    def test_one_that_was_reserved_for_nobody_is_available(self, reserved,
                                                           here, only):
        found = only()
        assert found.kind == 'node'
        assert f'no server {reserved}' in found.why
        assert found.fix == 'the node is available again'
        found.repair()
        node = node_of(here)
        assert (node.provision_state, node.instance_uuid) == (
            states.AVAILABLE, None)

    def test_one_of_a_deleted_server_is_to_be_cleaned(self, server, servers,
                                                      here, only):
        servers.deletes(server)
        only().repair()
        node = node_of(here)
        assert (node.provision_state, node.instance_uuid) == (
            states.CLEANING, None)
        assert [port.vif_id for port in node.ports] == [None]

    def test_one_whose_server_is_elsewhere_is_not_for_us_to_mend(
            self, server, servers, only):
        servers.has(server, host='there')
        found = only()
        assert found.repair is None
        assert 'on there' in found.why

    def test_one_of_another_service_is_none_of_ours(self, here, audit):
        here.add(service_host='there', instance_uuid=str(uuid.uuid4()),
                 provision_state=states.ACTIVE)
        assert audit() == []

    def test_one_whose_server_came_meanwhile_stays(self, reserved, servers,
                                                   here, only):
        found = only()
        servers.has(reserved)
        with pytest.raises(audits.Changed):
            found.repair()
        assert node_of(here).instance_uuid == reserved

    def test_one_that_was_changed_meanwhile_stays(self, reserved, here, only):
        found = only()
        here.store.move(node_of(here).uuid, states.ALL, states.DEPLOYING)
        with pytest.raises(audits.Changed, match='deploying now'):
            found.repair()
        assert node_of(here).instance_uuid == reserved

    def test_one_that_was_just_changed_is_left_alone(self, reserved, only):
        assert 'younger than an hour' in only(later_s=0).waits

    def test_one_whose_server_was_just_deleted_is_left_alone(
            self, server, servers, only):
        servers.deletes(server, changed=time.time() + LATER_S)
        assert 'younger than an hour' in only().waits

    def test_one_whose_server_moves_is_left_alone(self, server, servers,
                                                  only):
        servers.has(server, host='there', task_state='migrating')
        assert 'migrating' in only().waits

    def test_one_that_cannot_be_freed_says_so(self, server, servers, ops,
                                              here, only):
        servers.deletes(server)
        found = only()
        here.store.update(node_of(here).uuid, deploy_interface='gone')
        with pytest.raises(audits.Changed):
            found.repair()
        with pytest.raises(errors.ClientError):
            only().repair()
        assert node_of(here).instance_uuid == server


class TestDiscs:
    def test_one_of_a_node_without_a_server_is_deleted(
            self, here, disc, is_published, only):
        disc(here.add().uuid)
        found = only()
        assert found.kind == 'disc'
        found.repair()
        assert here.images.holders() == []
        assert not is_published()

    def test_one_that_others_use_stays(self, server, here, disc,
                                       is_published, only):
        disc(node_of(here).uuid, here.add('node-2').uuid)
        only().repair()
        assert [note.holder for note in here.images.holders()] == [
            here.store.find_by_instance(server).uuid]
        assert is_published()

    def test_one_of_a_node_that_is_gone_is_deleted(self, here, disc,
                                                   is_published, only):
        disc(str(uuid.uuid4()))
        only().repair()
        assert not is_published()

    def test_one_of_a_node_that_has_a_server_now_stays(
            self, here, disc, wanted, ops, is_published, only):
        disc(node_of(here).uuid)
        found = only()
        ops.deploys.reserve(wanted.instance)
        with pytest.raises(audits.Changed):
            found.repair()
        assert is_published()

    def test_a_young_one_is_left_alone(self, here, disc, only):
        disc(here.add().uuid)
        assert 'younger than an hour' in only(later_s=0).waits


class TestServers:
    def test_one_without_a_node_is_not_for_us_to_mend(self, servers, only):
        servers.has(str(uuid.uuid4()))
        found = only()
        assert (found.kind, found.repair) == ('server', None)

    def test_one_that_may_get_a_node_is_left_alone(self, servers, only):
        servers.has(str(uuid.uuid4()), vm_state='building', launched=None)
        assert 'being built' in only().waits
