# SPDX-License-Identifier: Apache-2.0
"""Nova's own suite for compute drivers, on the one for bare metal."""

from pathlib import Path

import fixtures
from nova import exception
from nova import test
from nova.tests.unit.virt import test_virt_drivers

from nova_hypervisors import conf
from nova_hypervisors.baremetal import factory
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import novatest

_NO_HYPERVISOR = 'nothing is between a server and its machine'
_STAYS = 'neither a server nor its disk leaves its machine'
_NO_DISKS = 'a machine gets no disk while it has a server'
_NOVAS = 'Nova powers the server off or on if a driver has none'
_MANY = 'a host has many nodes'

NOT_THERE = {
    'test_swap_volume': _NO_DISKS,
    'test_attach_detach_volume': _NO_DISKS,
    'test_attach_detach_different_power_states': _NO_DISKS,
    'test_set_admin_password': _NO_HYPERVISOR,
    'test_get_host_cpu_stats': _MANY,
    'test_get_host_uptime': _MANY,
    'test_block_stats': _NO_HYPERVISOR,
    'test_get_all_volume_usage': _NO_HYPERVISOR,
    'test_set_host_enabled': _MANY,
    'test_get_spice_console': 'a machine has no SPICE',
    'test_get_device_name_for_instance': _NO_DISKS,
    'test_get_mks_console': "MKS is VMware's",
    'test_pause': _NO_HYPERVISOR,
    'test_unpause_paused_instance': _NO_HYPERVISOR,
    'test_unpause_unpaused_instance': _NO_HYPERVISOR,
    'test_suspend': _NO_HYPERVISOR,
    'test_resume_suspended_instance': _NO_HYPERVISOR,
    'test_resume_unsuspended_instance': _NO_HYPERVISOR,
    'test_snapshot_not_running': _NO_HYPERVISOR,
    'test_snapshot_running': _NO_HYPERVISOR,
    'test_get_diagnostics': _NO_HYPERVISOR,
    'test_get_instance_diagnostics': _NO_HYPERVISOR,
    'test_migrate_disk_and_power_off': _STAYS,
    'test_get_instance_disk_info': _STAYS,
    'test_live_migration': _STAYS,
    'test_live_migration_abort': _STAYS,
    'test_live_migration_force_complete': _STAYS,
    'test_soft_delete': _NOVAS,
    'test_restore_running': _NOVAS,
    'test_restore_soft_deleted': _NOVAS,
    'test_host_maintenance_mode': _MANY,
    'test_host_power_action_reboot': _MANY,
    'test_host_power_action_shutdown': _MANY,
    'test_host_power_action_startup': _MANY,
}


class BareMetalDriverTest(novatest.RunsUnderPytest, novatest.PollsReboots,
                          test_virt_drivers._VirtDriverTestCase,
                          test.TestCase):
    def setUp(self):
        self.driver_module = (
            'nova_hypervisors.tests.fakes.driver.FakeBareMetalDriver')
        folder = Path(self.useFixture(test.fixtures.TempDir()).path)
        self.useFixture(fixtures.MonkeyPatch(
            'nova.virt.node.LOCAL_NODE_UUID', None))
        super().setUp()
        self.flags(state_path=str(folder), host=baremetalnodes.HOST)
        self.flags(group='baremetal', power_timeout=2,
                   soft_power_off_timeout=1, console_port=0)
        inventory = factory.make_inventory(conf.CONF)
        inventory.database.upgrade()
        for number in range(3):
            # Ports are those of the suite's own network, and nobody's.
            inventory.store.create(baremetalnodes.make_node(
                f'node-{number}', network_interface='noop', driver_info={
                    'serial_console': 'tcp://192.0.2.1:7001',
                    'vnc_console': 'tcp://192.0.2.1:5900'}))
        inventory.database.close()
        self.connection = test_virt_drivers.importutils.import_object(
            self.driver_module, test_virt_drivers.fake.FakeVirtAPI())
        # A test puts something in that only Nova's own fake driver has.
        self.connection.active_migrations = {}
        self.connection.init_host(baremetalnodes.HOST)
        self.addCleanup(self.connection.cleanup_host, baremetalnodes.HOST)

    def test_get_available_resource(self):
        # Nova's own asks for a host that is not there.
        node, = self.connection.get_available_nodes()[:1]
        found = self.connection.get_available_resource(node)
        self.assertEqual((node, 0), (found['uuid'], found['vcpus']))
        self.assertRaises(exception.ComputeHostNotFound,
                          self.connection.get_available_resource, 'nobody')

    def test_get_volume_connector(self):
        # Nova's own has no server that would be on a node.
        instance, _ = self._get_running_instance()
        found = self.connection.get_volume_connector(instance)
        self.assertTrue(found['initiator'].endswith(instance.node))
        self.assertEqual(('here', 'baremetal', False), (
            found['host'], found['os_type'], found['multipath']))

    def test_get_volume_connector_storage_ip(self):
        """A node reaches its storage by itself, from its own address."""
        instance, _ = self._get_running_instance()
        self.flags(my_block_storage_ip='192.0.2.9')
        found = self.connection.get_volume_connector(instance)
        self.assertNotEqual('192.0.2.9', found.get('ip'))

    def test_network_binding_host_id(self):
        instance, _ = self._get_running_instance()
        bound = self.connection.network_binding_host_id
        self.assertEqual(instance.host, bound(self.ctxt, instance))
        self.connection._parts.inventory.store.update(
            instance.node, network_interface='flat')
        self.assertIsNone(bound(self.ctxt, instance))


novatest.insist(BareMetalDriverTest, NOT_THERE)
