# SPDX-License-Identifier: Apache-2.0
"""Nova's own suite for compute drivers, on VirtualBox's: see novatest."""

from pathlib import Path

from nova import exception
from nova import test
from nova.tests.unit.virt import test_virt_drivers

from nova_hypervisors import conf as _registers_options  # noqa: F401
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers

NOT_THERE = {
    'test_get_spice_console': 'VirtualBox has no SPICE',
    'test_get_mks_console': "MKS is VMware's",
    'test_soft_delete': 'Nova powers the server off if a driver has none',
    'test_restore_running': 'Nova powers the server on if a driver has none',
    'test_restore_soft_deleted':
        'Nova powers the server off and on if a driver has none',
    'test_host_power_action_reboot': 'hosts are not powered by their service',
    'test_host_power_action_shutdown':
        'hosts are not powered by their service',
    'test_host_power_action_startup': 'hosts are not powered by their service',
}


class VirtualBoxDriverTest(novatest.RunsUnderPytest, novatest.PollsReboots,
                           test_virt_drivers._VirtDriverTestCase,
                           test.TestCase):
    def setUp(self):
        self.driver_module = (
            'nova_hypervisors.tests.fakes.driver.FakeVBoxDriver')
        self.flags(group='virtualbox', remote_display=True, vrde_module='VNC',
                   console_port=0, transfer_port=0, wait_soft_reboot_seconds=1,
                   physical_network_mappings=['*:nat'])
        self.flags(group='serial_console', enabled=True)
        super().setUp()
        novatest.fill(self.image_service, peers.lab().guest)
        state_path = self.useFixture(test.fixtures.TempDir()).path
        self.flags(state_path=state_path, instances_path=f'{state_path}/i')
        self.connection = test_virt_drivers.importutils.import_object(
            self.driver_module, test_virt_drivers.fake.FakeVirtAPI())
        # A test puts something in that only Nova's own fake driver has.
        self.connection.active_migrations = {}
        self.connection.init_host('here')
        self.addCleanup(self.connection.cleanup_host, 'here')


    def test_set_admin_password(self):
        file = self.useFixture(test.fixtures.TempDir()).join('password')
        Path(file).write_text('nova')
        self.flags(group='virtualbox', guest_user='root',
                   guest_password_file=file)
        self.connection.cleanup_host('here')
        self.connection = test_virt_drivers.importutils.import_object(
            self.driver_module, test_virt_drivers.fake.FakeVirtAPI())
        self.connection.vbox.has_additions = True
        self.connection.init_host('here')
        instance, _ = self._get_running_instance()
        self.connection.set_admin_password(instance, 'p4ssw0rd')

    # Nova's own tests influence what has not begun, which is an error.

    def test_live_migration_abort(self):
        instance, _ = self._get_running_instance()
        self.assertRaisesRegex(exception.NovaException, 'not on its way',
                               self.connection.live_migration_abort, instance)

    def test_live_migration_force_complete(self):
        instance, _ = self._get_running_instance()
        self.assertRaisesRegex(
            exception.MigrationError, 'not on its way',
            self.connection.live_migration_force_complete, instance)


novatest.insist(VirtualBoxDriverTest, NOT_THERE)
