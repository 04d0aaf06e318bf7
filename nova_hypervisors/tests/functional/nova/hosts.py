# SPDX-License-Identifier: Apache-2.0
"""Two hosts in one process: two services, each with its own VirtualBox.

Both have the same address, as two services on one machine have.
"""

import dataclasses
import uuid
from pathlib import Path
from unittest import mock

import pytest

from nova_hypervisors.tests import peers
from nova_hypervisors.tests import webpeers
from nova_hypervisors.tests.functional.nova import base


@dataclasses.dataclass
class Host:
    name: str
    real: peers.RealVirtualBox
    service: webpeers.RealWebService
    state: Path
    instances: Path
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def states(self):
        """Return what this host has: states by servers."""
        return {uuid: state.value for uuid, state
                in self.real.client.machine_states().items()}

    def files(self, server):
        folder = self.instances / server['id']
        return {path.name for path in folder.glob('*.vdi')}


@pytest.mark.usefixtures('other_host')
class TwoHosts(base.Base):
    """:cvar shared: both have the same folder for servers"""

    shared = False

    def setUp(self):
        self.here = Host('here', self.real, self.service,
                         self.folder / 'state', self.folder / 'i')
        self.there = Host(
            'there', self.other, self.other_service, self.folder / 'state2',
            self.folder / ('i' if self.shared else 'j'))
        self.computes = {}
        super().setUp()
        self._start(self.there)
        self.server = self._create_server(networks='auto', host='here')
        self._boots(self.server)

    def _setup_compute_service(self):
        return self._start(self.here)

    def _start(self, host):
        self.flags(state_path=str(host.state),
                   instances_path=str(host.instances))
        self.flags(group='virtualbox', home=str(host.real.home),
                   webservice_url=host.service.url)
        with mock.patch('nova.virt.node.get_local_node_uuid',
                        return_value=host.uuid):
            compute = self._start_compute(host.name)
        self.computes[host.name] = compute
        self.addCleanup(compute.manager.driver.cleanup_host, host.name)
        return compute

    def _restart(self, host):
        self.computes[host.name].stop()
        self.computes[host.name].manager.driver.cleanup_host(host.name)
        return self._start(host)
