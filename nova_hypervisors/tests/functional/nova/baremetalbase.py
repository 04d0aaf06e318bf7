# SPDX-License-Identifier: Apache-2.0
"""Nova whole, in one process, with the driver on machines in memory."""

import sys
from pathlib import Path

import fixtures
from nova import test
from nova.tests.functional import integrated_helpers

from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import states
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers

RESOURCE_CLASS = 'CUSTOM_BAREMETAL_SMALL'


class Killed(BaseException):
    """What nova-compute meets when it is killed: nothing catches it."""


class Named:
    """A server for a driver's method that looks at its UUID only."""

    def __init__(self, server):
        self.uuid = server['id']


def let_ports_be_unbound(neutron):
    """Let Nova's fixture take ports without a host, as Neutron does.

    Nova sends None for such, and Neutron unbinds a port when the host is ''.
    """
    update = neutron.update_port

    def update_port(port_id, body=None):
        port = dict(body['port'])
        if not port.get('binding:host_id', 'any'):
            port['binding:host_id'] = None
            if not neutron._port_bindings.get(port_id):
                del port['binding:host_id']
        return update(port_id, {'port': port})

    neutron.update_port = update_port


class Patient:
    """A mixin for deploys that take longer than Nova's own fake of one."""

    def _wait_for_server_parameter(self, server, expected_params,
                                   max_retries=None, **kwargs):
        return super()._wait_for_server_parameter(
            server, expected_params, max_retries=360, **kwargs)


class Base(novatest.RunsUnderPytest, novatest.LooksAtServers,
           integrated_helpers._IntegratedTestBase):
    """:ivar store: of the nodes, as an operator reaches it"""

    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True

    def setUp(self):
        folder = Path(self.useFixture(test.fixtures.TempDir()).path)
        self.flags(compute_driver='nova_hypervisors.BareMetalDriver',
                   state_path=str(folder), host=baremetalnodes.HOST)
        self.flags(group='baremetal', power_poll_interval=1,
                   soft_power_off_timeout=1, power_timeout=2)
        self.flags(group='wsgi',
                   api_paste_config=f'{sys.prefix}/etc/nova/api-paste.ini')
        # Long-lived tests of Nova's find the file of another one.
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.node.LOCAL_NODE_UUID', None))
        self._add_nodes()
        super().setUp()
        let_ports_be_unbound(self.neutron)
        self.flavor_id = self._make_flavor()
        self.addCleanup(self._end)

    def _add_nodes(self):
        inventory = factory.make_inventory(conf.CONF)
        inventory.database.upgrade()
        self.addCleanup(inventory.database.close)
        self.store = inventory.store
        for name in ('node-1', 'node-2'):
            self.store.create(baremetalnodes.make_node(
                name, traits=('CUSTOM_FAST',)))

    def _make_flavor(self, extra_spec=None, **sizes):
        """Make a flavor for a node, with more extra specs."""
        return self._create_flavor(**{
            'memory_mb': 1024, 'vcpu': 2, 'disk': 10, 'ephemeral': 0,
            **sizes}, extra_spec={
                'resources:VCPU': '0', 'resources:MEMORY_MB': '0',
                'resources:DISK_GB': '0',
                f'resources:{RESOURCE_CLASS}': '1', **(extra_spec or {})})

    def _setup_compute_service(self):
        return self._start_compute(baremetalnodes.HOST)

    def _end(self):
        self.compute.manager.driver.cleanup_host(baremetalnodes.HOST)

    @property
    def driver(self):
        return self.compute.manager.driver

    def _again(self):
        """Start nova-compute anew, as if the one before had been killed."""
        self.driver._parts.watcher.stop()
        self.compute = self.restart_compute_service(
            self.compute, keep_hypervisor_state=False)
        self.computes[baremetalnodes.HOST] = self.compute

    def _make(self, **arguments):
        return self._create_server(flavor_id=self.flavor_id, networks='auto',
                                   **arguments)

    def _node(self, server):
        return self.store.find_by_instance(server['id'])

    def _machine(self, node):
        """Return the machine in memory that a node is."""
        machines = self.driver._parts.inventory.services.machines
        return machines.get(('fake', node.uuid), None)

    def _inventory(self, node):
        return self.placement.get(
            f'/resource_providers/{node.uuid}/inventories',
            version='1.39').body['inventories']

    def _is_clean(self, uuid):
        """Wait until a node is as if it had never had a server."""
        self._wait(lambda: self.store.get_node(uuid).provision_state
                   == states.AVAILABLE)
        node = self.store.get_node(uuid)
        self.assertEqual((None, {}, None), (
            node.instance_uuid, node.instance_info, node.last_error))
        self.assertFalse(any(port.vif_id for port in node.ports))
        self.assertFalse(any(drive.inserted for drive
                             in self._machine(node).media()))

    def _wait(self, is_so):
        peers.wait_until(is_so, timeout_s=30)
