# SPDX-License-Identifier: Apache-2.0
"""Nova's own suite for compute drivers, on the one for ESX: see novatest."""

import functools
from pathlib import Path

import fixtures
from nova import exception
from nova import test
from nova.console import type as console_type
from nova.tests.unit import utils
from nova.tests.unit.virt import test_virt_drivers

from nova_hypervisors import conf as _registers_options  # noqa: F401
from nova_hypervisors.tests import novatest
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import esx
from nova_hypervisors.tests.functional.nova import esxbase

_VMOTION = 'a host by itself moves no running machine'
_PAUSE = 'ESX pauses no machines'
_POWER = 'hosts are not powered by their service'
_NOVAS = 'Nova powers the server off or on if a driver has none'

NOT_THERE = {
    'test_swap_volume': 'a host copies no disk of a machine that runs',
    'test_get_host_cpu_stats': 'a host has no such counters',
    'test_block_stats': 'a host counts by machine and not by volume',
    'test_get_all_volume_usage': 'a host counts by machine and not by volume',
    'test_get_spice_console': 'ESX has no SPICE',
    'test_pause': _PAUSE,
    'test_unpause_paused_instance': _PAUSE,
    'test_unpause_unpaused_instance': _PAUSE,
    'test_get_instance_disk_info': _VMOTION,
    'test_live_migration': _VMOTION,
    'test_live_migration_abort': _VMOTION,
    'test_live_migration_force_complete': _VMOTION,
    'test_soft_delete': _NOVAS,
    'test_restore_running': _NOVAS,
    'test_restore_soft_deleted': _NOVAS,
    'test_host_power_action_reboot': _POWER,
    'test_host_power_action_shutdown': _POWER,
    'test_host_power_action_startup': _POWER,
}

# The suite's own flavor has disks of more than 100 GB.
_SMALL = {'root_gb': 1, 'ephemeral_gb': 1, 'swap': 64}


class VMwareESXDriverTest(novatest.RunsUnderPytest, novatest.PollsReboots,
                          test_virt_drivers._VirtDriverTestCase,
                          test.TestCase):
    def setUp(self):
        self.driver_module = (
            'nova_hypervisors.tests.fakes.driver.FakeESXDriver')
        folder = Path(self.useFixture(test.fixtures.TempDir()).path)
        host = self.useFixture(novatest.Context(
            esx.running(folder / 'host'))).value
        image = folder / 'guest.img'
        image.write_bytes(esxbase.guest())
        self.flags(group='vmware', host_ip=host.address,
                   host_port=host.port, host_username=host.user,
                   host_password=host.password,
                   ca_file=str(host.ca_file), console_port=0,
                   transfer_address='127.0.0.1', transfer_port=0,
                   physical_network_mappings=['*:VM Network'],
                   wait_soft_reboot_seconds=1)
        self.useFixture(fixtures.MonkeyPatch(
            'nova.tests.unit.utils.get_test_flavor', functools.partial(
                utils.get_test_flavor, options=_SMALL)))
        super().setUp()
        novatest.fill(self.image_service, image)
        self.flags(state_path=str(folder / 'state'))
        self.host = host
        self._start()
        self.addCleanup(lambda: self.connection.cleanup_host('here'))

    def _start(self):
        self.connection = test_virt_drivers.importutils.import_object(
            self.driver_module, test_virt_drivers.fake.FakeVirtAPI())
        self.connection.host = self.host
        # A test puts something in that only Nova's own fake driver has.
        self.connection.active_migrations = {}
        self.connection.init_host('here')

    def _start_again(self, **options):
        self.flags(group='vmware', **options)
        self.connection.cleanup_host('here')
        self._start()

    def test_get_serial_console(self):
        self.flags(group='serial_console', enabled=True)
        self._start_again(serial_ports=str(peers.free_port()))
        instance, _ = self._get_running_instance()
        console = self.connection.get_serial_console(self.ctxt, instance)
        self.assertIsInstance(console, console_type.ConsoleSerial)

    def test_set_admin_password(self):
        file = Path(self.useFixture(test.fixtures.TempDir()).join('password'))
        file.write_text('nova')
        self.host.guest_accounts['root'] = 'nova'
        self._start_again(guest_user='root', guest_password_file=str(file))
        instance, _ = self._get_running_instance()
        machine, = self.host.machines()
        self.host.run_tools(machine.ref._moId)
        self.connection.set_admin_password(instance, 'p4ssw0rd')
        self.assertEqual(1, len(self.host.guest_programs))

    def test_migrate_disk_and_power_off(self):
        # Nova's own has another host in mind, and no migration.
        instance, network_info = self._get_running_instance()
        self.assertRaises(
            exception.InstanceFaultRollback,
            self.connection.migrate_disk_and_power_off, self.ctxt, instance,
            'dest_host', instance.flavor, network_info)


novatest.insist(VMwareESXDriverTest, NOT_THERE)
