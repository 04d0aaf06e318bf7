# SPDX-License-Identifier: Apache-2.0
"""Two ESX hosts in one process, each with a service, and one datastore."""

import dataclasses
import uuid
from typing import Any
from unittest import mock

from nova_hypervisors.tests import novatest
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.tests.functional.nova import esxbase


@dataclasses.dataclass
class Host:
    name: str
    esx: Any
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def states(self):
        """Return what this host has: states by servers."""
        return {machine.config.instanceUuid: machine.power
                for machine in self.esx.machines()}


class TwoHosts(esxbase.Base):
    """:cvar shared: both have the same datastore for servers

    :cvar root_gb: of the server; 0: as large as its image
    """

    shared = True
    root_gb = 1

    def setUp(self):
        self.computes = {}
        super().setUp()
        self._start(self.there)
        flavor = self._create_flavor(memory_mb=512, vcpu=1, disk=self.root_gb,
                                     ephemeral=0, swap=0)
        self.server = self._create_server(networks='auto', host='here',
                                          flavor_id=flavor)

    def _setup_compute_service(self):
        self.flags(group='vmware', datastore_regex='^servers$')
        other = self.useFixture(novatest.Context(esx.running(
            self.host.folder.parent / 'other', beside=self.host))).value
        folder = self.host.folder / 'servers'
        self.host.add_datastore('servers', folder)
        other.add_datastore('servers', folder if self.shared
                            else other.folder / 'servers')
        self.here, self.there = Host('here', self.host), Host('there', other)
        return self._start(self.here)

    def _start(self, host):
        self.flags(state_path=str(self.host.folder.parent / host.name))
        self.flags(group='vmware', host_port=host.esx.port,
                   ca_file=str(host.esx.ca_file))
        # The API, which starts meanwhile, has put its own there again.
        self._use_https()
        with mock.patch('nova.virt.node.get_local_node_uuid',
                        return_value=host.uuid):
            compute = self._start_compute(host.name)
        self.computes[host.name] = compute
        self.addCleanup(compute.manager.driver.cleanup_host, host.name)
        return compute

    def _service_of(self, host):
        return self.admin_api.get_services(
            host=host.name, binary='nova-compute')[0]['id']

    def _lose(self, host):
        """Let a host and its service die."""
        compute = self.computes[host.name]
        compute.stop()
        compute.manager.driver.cleanup_host(host.name)
        with host.esx.lock:
            for machine in host.esx.machines():
                machine.stop()
        self.admin_api.put_service(self._service_of(host),
                                   {'forced_down': True})

    def _return(self, host):
        # In this order: Nova does not take one back that has not cleaned up.
        self._start(host)
        self.admin_api.put_service(self._service_of(host),
                                   {'forced_down': False})

    def _files(self, server, host=None):
        """Return the names of a server's files on a host's datastore."""
        datastore = (host or self.here).esx.datastores[-1]
        return {path.name for path
                in (datastore.folder / 'nova' / server['id']).glob('*')}
