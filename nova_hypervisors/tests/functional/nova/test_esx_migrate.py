# SPDX-License-Identifier: Apache-2.0
"""Servers go to another ESX host while they are off."""

import contextlib
import os

import pytest
from nova import context
from nova import objects
from nova.tests.functional.api import client

from nova_hypervisors.tests.fakes.esx import storage
from nova_hypervisors.tests.functional.nova import esxhosts


class ESXMigrateTest(esxhosts.TwoHosts):
    def _disk(self):
        return (self.here.esx.datastores[-1].folder / 'nova'
                / self.server['id'] / 'root-flat.vmdk')

    def _write(self, text):
        """Let the server's guest write something."""
        with self._disk().open('r+b') as disk:
            disk.seek(3 << 20)
            disk.write(text)

    def _written(self):
        with self._disk().open('rb') as disk:
            disk.seek(3 << 20)
            return disk.read(6)

    def _resize(self):
        flavor = self._create_flavor(memory_mb=1024, vcpu=2, disk=2,
                                     ephemeral=0, swap=0)
        self._write(b'before')
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': flavor}})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        self.assertEqual('there', self._host_of(self.server))
        uuid = self.server['id']
        self.assertEqual({}, self.here.states())
        self.assertEqual({uuid: 'poweredOn'}, self.there.states())
        machine, = self.there.esx.machines()
        self.assertEqual(2, machine.config.hardware.numCPU)
        self.assertEqual([2 << 30], [disk.capacityInBytes
                                     for disk in machine.disks])
        self.assertEqual(b'before', self._written())

    @pytest.mark.feature('operation.resize')
    def test_a_server_gets_another_size_on_another_host(self):
        self._resize()
        self._confirm_resize(self.server)
        uuid = self.server['id']
        self.assertEqual({uuid: 'poweredOn'}, self.there.states())
        self.assertEqual([], [name for name in self._files(self.server)
                              if 'former' in name])
        self._reboot_server(self.server, hard=True)
        self._delete_server(self.server)
        self.assertEqual(set(), self._files(self.server))

    @pytest.mark.feature('operation.resize')
    def test_a_server_comes_back_as_it_was(self):
        self._resize()
        self._write(b'after!')
        self.api.post_server_action(self.server['id'],
                                    {'revertResize': None})
        self._wait_for_state_change(self.server, 'ACTIVE')
        self._wait_for_server_parameter(self.server,
                                        {'OS-EXT-STS:task_state': None})
        self.assertEqual('here', self._host_of(self.server))
        uuid = self.server['id']
        self.assertEqual({uuid: 'poweredOn'}, self.here.states())
        self.assertEqual({}, self.there.states())
        machine, = self.here.esx.machines()
        self.assertEqual(1, machine.config.hardware.numCPU)
        self.assertEqual(b'before', self._written())
        self.assertEqual([], [name for name in self._files(self.server)
                              if 'former' in name])

    def test_a_volume_goes_with_its_server(self):
        volume_id = self.cinder.ISCSI_BACKED_VOL
        lun = storage.Lun('iqn.2026-11.org.example:volume', 1 << 30, 1)
        self.cinder.VOLUME_CONNECTION_INFO[volume_id] = {
            'driver_volume_type': 'iscsi', 'data': {
                'target_portal': f'{lun.address}:{lun.port}',
                'target_iqn': lun.iqn, 'target_lun': lun.lun}}
        self.addCleanup(self.cinder.VOLUME_CONNECTION_INFO.pop, volume_id)
        for host in (self.here, self.there):
            host.esx.luns.append(lun)
        self.api.post_server_volume(self.server['id'], {
            'volumeAttachment': {'volumeId': volume_id}})
        self._wait(lambda: self._raw(self.here) == [lun.naa])
        self._migrate_server(self.server)
        self.assertEqual([lun.naa], self._raw(self.there))
        self.assertEqual([], self.here.esx.storage.static_targets)
        self._revert_resize(self.server)
        self.assertEqual([lun.naa], self._raw(self.here))
        self.assertEqual([], self.there.esx.storage.static_targets)

    def _raw(self, host):
        """Return the storage's disks that a host's only machine has."""
        machine, = host.esx.machines()
        return [disk.backing.deviceName.rpartition('/')[2]
                for disk in machine.disks
                if hasattr(disk.backing, 'deviceName')]


class ESXMigrateWithoutTest(esxhosts.TwoHosts):
    """They have no datastore in common: the one fetches from the other."""

    shared = False
    root_gb = 0

    def _disk(self, host):
        return (host.esx.datastores[-1].folder / 'nova' / self.server['id']
                / 'root-flat.vmdk')

    def _go_there(self):
        self.before = os.urandom(1 << 16)
        with self._disk(self.here).open('r+b') as disk:
            disk.seek(3 << 20)
            disk.write(self.before)
        flavor = self._create_flavor(memory_mb=1024, vcpu=2, disk=1,
                                     ephemeral=0, swap=0)
        self.api.post_server_action(self.server['id'], {
            'resize': {'flavorRef': flavor}})
        self._wait_for_state_change(self.server, 'VERIFY_RESIZE')
        self.assertEqual('there', self._host_of(self.server))
        uuid = self.server['id']
        self.assertEqual({uuid: 'poweredOff'}, self.here.states())
        self.assertEqual({uuid: 'poweredOn'}, self.there.states())
        machine, = self.there.esx.machines()
        self.assertEqual(2, machine.config.hardware.numCPU)
        self.assertEqual([1 << 30], [disk.capacityInBytes
                                     for disk in machine.disks])
        self._compare(self.there, self.here)

    def _compare(self, *hosts):
        """See that what was written is there, and all else as it was."""
        with contextlib.ExitStack() as stack:
            disks = [stack.enter_context(self._disk(host).open('rb'))
                     for host in hosts]
            disks[0].seek(3 << 20)
            self.assertEqual(self.before, disks[0].read(1 << 16))
            disks[0].seek(0)
            self.assertEqual(1, len({disk.read(4 << 20) for disk in disks}))

    @pytest.mark.feature('operation.resize')
    def test_a_server_takes_its_disk_along(self):
        self._go_there()
        self._confirm_resize(self.server)
        self.assertEqual({}, self.here.states())
        self.assertEqual(set(), self._files(self.server))
        self._reboot_server(self.server, hard=True)
        self._compare(self.there)
        self._delete_server(self.server)
        self.assertEqual(set(), self._files(self.server, self.there))

    @pytest.mark.feature('operation.resize')
    def test_a_server_goes_back_to_its_disk(self):
        files = self._files(self.server)
        self._go_there()
        # Its services are started anew, and have forgotten nothing.
        self._return(self.here)
        self._revert_resize(self.server)
        uuid = self.server['id']
        self.assertEqual('here', self._host_of(self.server))
        self.assertEqual({uuid: 'poweredOn'}, self.here.states())
        self.assertEqual({}, self.there.states())
        self.assertEqual(set(), self._files(self.server, self.there))
        self.assertEqual(files, self._files(self.server))
        machine, = self.here.esx.machines()
        self.assertEqual(1, machine.config.hardware.numCPU)
        self._compare(self.here)

    def test_nothing_is_left_of_one_that_did_not_arrive(self):
        self.there.esx.fail_next('CreateVirtualDisk_Task', 'NoDiskSpace')
        # What is sent to a service ends in these tests before it answers.
        with self.assertRaises(client.OpenStackApiException):
            self.api.post_server_action(self.server['id'], {
                'migrate': {'host': 'there'}})
        self._wait_for_migration_status(self.server, ['error'])
        self.assertEqual({}, self.there.states())
        self.assertEqual(set(), self._files(self.server, self.there))
        self.assertEqual({self.server['id']: 'poweredOff'},
                         self.here.states())
        # For Nova it is on the host to which it did not come.
        self._delete_server(self.server)
        self.computes['here'].manager.driver.delete_instance_files(
            objects.Instance.get_by_uuid(
                context.get_admin_context(read_deleted='yes'),
                self.server['id']))
        self.assertEqual({}, self.here.states())
        self.assertEqual(set(), self._files(self.server))
