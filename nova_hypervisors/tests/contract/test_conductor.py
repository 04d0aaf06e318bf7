# SPDX-License-Identifier: Apache-2.0
"""What an audit asks Nova, asked of Nova's own objects."""

import datetime

import pytest
from nova import context as nova_context
from nova import objects
from nova import test

from nova_hypervisors.common import conductor
from nova_hypervisors.tests import novatest

LAUNCHED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class TestServers(novatest.RunsUnderPytest, test.TestCase):
    """A conductor in this process would ask itself: it is the database."""

    def setUp(self):
        super().setUp()
        self.context = nova_context.get_admin_context()
        objects.Service(self.context, host='here', binary='nova-compute',
                        topic='compute').create()
        self.servers = conductor.ConductorServers('here')

    def _server(self, **values):
        made = objects.Instance(
            self.context, project_id='a project', user_id='a user',
            display_name='a server', **values)
        made.create()
        return made

    def test_those_of_a_host_are_listed(self):
        made = self._server(host='here', node='a node', compute_id=1,
                            vm_state='active',
                            task_state='pausing', launched_at=LAUNCHED)
        self._server(host='there')
        found, = self.servers.list_here()
        assert found.uuid == made.uuid
        assert (found.name, found.host, found.node) == (
            'a server', 'here', 'a node')
        assert (found.vm_state, found.task_state) == ('active', 'pausing')
        assert found.launched == LAUNCHED.timestamp()
        assert found.changed >= found.launched

    def test_one_is_found_wherever_it_is(self):
        made = self._server(host='there', vm_state='active')
        found = self.servers.find(made.uuid)
        assert (found.host, found.deleted) == ('there', False)

    def test_one_that_is_deleted_is_found(self):
        made = self._server(host='here', vm_state='active')
        uuid = made.uuid
        made.destroy()
        assert self.servers.find(uuid).deleted
        assert self.servers.list_here() == []

    def test_one_that_never_was_is_not_found(self):
        unknown = '5d0e6a6e-0000-4000-8000-000000000001'
        assert self.servers.find(unknown) is None

    def test_a_host_that_nova_does_not_know_is_not_audited(self):
        self.servers.insist_on_host()
        with pytest.raises(conductor.Unreachable,
                           match='no nova-compute called elsewhere'):
            conductor.ConductorServers('elsewhere').insist_on_host()
