# SPDX-License-Identifier: Apache-2.0
"""Volumes of a real storage, which the guest itself reads and writes."""

import dataclasses
import json
import re
import types

import pytest
from nova import exception
from nova.compute import power_state

from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import storage as storages

CONTEXT = builders.admin_context()

KEYS = ('storage.block', 'storage.block.backend.iscsi',
        'storage.block.backend.iscsi.auth.chap')


def state(driver, instance):
    return driver.get_info(instance, use_cache=False).state


def mapping(*volumes, boots=False):
    """Return what Nova says of a server's volumes."""
    return {'block_device_mapping': [
        {'connection_info': volume.connection_info(),
         'mount_device': f'/dev/sd{"abc"[index + (not boots)]}',
         'boot_index': index if boots else None}
        for index, volume in enumerate(volumes)]}


@pytest.fixture
def volume(storage):
    made = storage.add()
    made.tell('volume one')
    return made


@pytest.fixture
def is_used(hears):
    """Wait until a guest has read a volume and written to it."""

    def is_used(driver, instance, volume, text='volume one'):
        hears(instance, text, driver)
        peers.wait_until(lambda: volume.copied() == text)

    return is_used


def luns(real, instance):
    return [disk for disk in real.client.machine_settings(instance.uuid).disks
            if disk.lun]


def attach(driver, instance, volume, name='/dev/sdb', **changes):
    driver.attach_volume(CONTEXT, volume.connection_info(**changes), instance,
                         name)


def detach(driver, instance, volume):
    driver.detach_volume(CONTEXT, volume.connection_info(), instance,
                         '/dev/sdb')


class TestAttach:
    @pytest.mark.feature('operation.attach-volume', *KEYS)
    def test_the_guest_uses_what_is_attached_while_it_runs(
            self, driver, spawn, hears, is_used, volume, real_virtualbox):
        connector = driver.get_volume_connector(None)
        assert connector['host'] == 'here'
        instance = spawn()
        hears(instance, 'beat')
        name = driver.get_device_name_for_instance(
            instance, [], types.SimpleNamespace(device_name=None))
        assert name == '/dev/sdb'
        attach(driver, instance, volume, name)
        assert state(driver, instance) == power_state.RUNNING
        assert volume.initiators == {connector['initiator']}
        # Its BIOS looks for disks when it starts, and VirtualBox goes on.
        real_virtualbox.manage('controlvm', instance.uuid, 'reset')
        is_used(driver, instance, volume)

    @pytest.mark.feature('operation.attach-volume', *KEYS)
    def test_the_guest_uses_what_was_attached_while_it_was_off(
            self, driver, spawn, is_used, volume):
        driver.get_volume_connector(None)
        instance = spawn()
        driver.power_off(instance)
        attach(driver, instance, volume)
        driver.power_on(CONTEXT, instance, [], mapping(volume))
        is_used(driver, instance, volume)

    def test_the_ports_are_as_the_names(self, driver, spawn, storage,
                                        real_virtualbox):
        instance = spawn()
        attach(driver, instance, storage.add(), '/dev/sdd')
        attach(driver, instance, storage.add(), '/dev/sdb')
        attach(driver, instance, storage.add(), '/dev/sdd')
        settings = real_virtualbox.client.machine_settings(instance.uuid)
        assert [disk.port for disk in settings.disks] == [0, 4, 2, 3]

    def test_nobody_sees_the_secret(self, make_driver, spawn, volume,
                                    real_virtualbox, folder):
        driver = make_driver(client=real_virtualbox.client)
        instance = spawn(driver=driver)
        real_virtualbox.runner.calls.clear()
        attach(driver, instance, volume)
        assert real_virtualbox.runner.calls
        assert volume.lun.secret not in repr(real_virtualbox.runner.calls)
        detach(driver, instance, volume)
        settings, = folder.rglob('*.vbox')
        assert 'InitiatorSecret' not in settings.read_text()

    @pytest.mark.parametrize(('changes', 'refusal'), [
        ({'encrypted': True}, exception.VolumeEncryptionNotSupported),
        ({'access_mode': 'ro'}, exception.InvalidVolume),
        ({'auth_method': 'SRP'}, exception.InvalidVolume),
        ({'auth_password': 'wrong'}, exception.NovaException)])
    @pytest.mark.parametrize('boots', [False, True])
    def test_what_cannot_be_is_refused(self, driver, spawn, volume, changes,
                                       refusal, boots, real_virtualbox):
        if boots:
            with pytest.raises(refusal):
                spawn(block_device_info={'block_device_mapping': [
                    {'connection_info': volume.connection_info(**changes),
                     'mount_device': '/dev/sdb', 'boot_index': None}]})
            assert real_virtualbox.client.list_machines() == []
            return
        instance = spawn()
        with pytest.raises(refusal) as raised:
            attach(driver, instance, volume, **changes)
        assert volume.lun.secret not in str(raised.value)
        settings = real_virtualbox.client.machine_settings(instance.uuid)
        assert [disk.port for disk in settings.disks] == [0]

    def test_several_servers_do_not_share_one(self, driver, spawn, volume):
        connection = {**volume.connection_info(), 'multiattach': True}
        with pytest.raises(exception.MultiattachNotSupportedByVirtDriver):
            driver.attach_volume(CONTEXT, connection, spawn(), '/dev/sdb')
        with pytest.raises(exception.MultiattachNotSupportedByVirtDriver):
            spawn(block_device_info={'block_device_mapping': [
                {'connection_info': connection, 'boot_index': 0}]})


class TestDetach:
    @pytest.mark.feature('operation.detach-volume')
    @pytest.mark.parametrize('stopped', [False, True])
    def test_it_is_free_for_another_server(self, driver, spawn, is_used,
                                           volume, stopped):
        first = spawn()
        attach(driver, first, volume)
        if stopped:
            driver.power_off(first)
        detach(driver, first, volume)
        assert volume.initiators == set()
        assert state(driver, first) == (
            power_state.SHUTDOWN if stopped else power_state.RUNNING)
        second = spawn(block_device_info=mapping(volume))
        is_used(driver, second, volume)

    def test_what_was_written_is_there(self, driver, spawn, is_used, volume):
        instance = spawn(block_device_info=mapping(volume))
        is_used(driver, instance, volume)
        detach(driver, instance, volume)
        assert volume.copied() == 'volume one'

    def test_one_that_is_not_attached(self, driver, spawn, volume):
        with pytest.raises(exception.DiskNotFound):
            detach(driver, spawn(), volume)
        with pytest.raises(exception.DiskNotFound):
            detach(driver, builders.instance('none'), volume)

    @pytest.mark.parametrize('destroy_disks', [True, False])
    def test_a_server_that_is_gone_lets_it_go(self, driver, spawn, volume,
                                              destroy_disks):
        instance = spawn(block_device_info=mapping(volume))
        driver.destroy(CONTEXT, instance, [], mapping(volume), destroy_disks)
        assert volume.initiators == set()
        other = spawn()
        attach(driver, other, volume)
        assert len(volume.initiators) == 1


class TestBoot:
    @pytest.mark.feature('storage.block.boot')
    def test_the_guest_runs_from_a_volume(self, driver, spawn, is_used,
                                          storage, real_virtualbox):
        volume = storage.add(content=peers.lab().guest.read_bytes())
        volume.tell('volume root')
        instance = spawn(builders.instance(''),
                         block_device_info=mapping(volume, boots=True))
        is_used(driver, instance, volume, 'volume root')
        disk, = real_virtualbox.client.machine_settings(instance.uuid).disks
        assert (disk.port, disk.lun) == (0, volume.lun.address)
        assert real_virtualbox.client.list_media() == []

    @pytest.mark.feature('storage.block.boot')
    def test_other_volumes_are_beside_it(self, driver, spawn, is_used,
                                         storage):
        root = storage.add(content=peers.lab().guest.read_bytes())
        data = storage.add()
        data.tell('volume data')
        instance = spawn(builders.instance(''),
                         block_device_info=mapping(root, data, boots=True))
        is_used(driver, instance, data, 'volume data')
        driver.reboot(CONTEXT, instance, [], 'HARD',
                      mapping(root, data, boots=True))
        data.tell('volume again')
        is_used(driver, instance, data, 'volume again')

    def test_a_volume_that_does_not_open_leaves_nothing(
            self, driver, spawn, storage, real_virtualbox, folder):
        root = storage.add(content=peers.lab().guest.read_bytes())
        entries = mapping(root, storage.add(), boots=True)
        data = entries['block_device_mapping'][1]['connection_info']['data']
        data['target_iqn'] += '-none'
        with pytest.raises(exception.NovaException, match='no such target'):
            spawn(builders.instance(''), block_device_info=entries)
        assert real_virtualbox.client.list_machines() == []
        assert {path.name for path in (folder / 'i').iterdir()} == {
            '_base', 'snapshots'}
        assert root.initiators == set()


class TestStart:
    def test_a_server_starts_with_the_volumes_that_it_has(
            self, driver, spawn, storage, real_virtualbox):
        old, new = storage.add(), storage.add()
        instance = spawn(block_device_info=mapping(old))
        driver.power_off(instance)
        driver.power_on(CONTEXT, instance, [], mapping(new))
        settings = real_virtualbox.client.machine_settings(instance.uuid)
        assert {disk.lun for disk in settings.disks} == {
            None, new.lun.address}

    def test_it_keeps_them_if_nobody_says_which(self, driver, spawn, volume,
                                                real_virtualbox):
        instance = spawn(block_device_info=mapping(volume))
        driver.power_off(instance)
        driver.power_on(CONTEXT, instance, [])
        settings = real_virtualbox.client.machine_settings(instance.uuid)
        assert [disk.lun for disk in settings.disks] == [
            None, volume.lun.address]


class TestExtend:
    @pytest.mark.feature('operation.extend-volume')
    @pytest.mark.parametrize('stopped', [False, True])
    def test_a_server_that_is_started_sees_it(self, driver, spawn, volume,
                                              folder, stopped):
        instance = spawn(block_device_info=mapping(volume))
        assert self._sizes(folder) == {1 << 30, 8 << 20}
        if stopped:
            driver.power_off(instance)
        volume.extend(16)
        driver.extend_volume(CONTEXT, volume.connection_info(), instance,
                             16 << 20)
        if not stopped:
            driver.power_off(instance)
        driver.power_on(CONTEXT, instance, [], mapping(volume))
        assert self._sizes(folder) == {1 << 30, 16 << 20}

    def _sizes(self, folder):
        """Return the sizes that the machine's disks have for the guest."""
        log, = folder.rglob('VBox.log')
        found = re.findall(r'total number of sectors (\d+)', log.read_text())
        return {int(sectors) * storages.SECTOR for sectors in found}

    def test_one_that_is_not_attached(self, driver, spawn, volume):
        with pytest.raises(exception.DiskNotFound):
            driver.extend_volume(CONTEXT, volume.connection_info(), spawn(),
                                 16 << 20)


class TestSwap:
    @pytest.fixture
    def other(self, storage):
        return storage.add(size_mb=12)

    @pytest.fixture
    def swap(self, driver, volume, other):
        def swap(instance):
            driver.swap_volume(CONTEXT, volume.connection_info(),
                               other.connection_info(), instance, '/dev/sdb',
                               12)
        return swap

    @pytest.mark.feature('operation.swap-volume')
    def test_the_guest_uses_the_other_one(self, driver, spawn, is_used, swap,
                                          volume, other, real_virtualbox):
        instance = spawn(block_device_info=mapping(volume))
        is_used(driver, instance, volume)
        before, = luns(real_virtualbox, instance)
        swap(instance)
        assert state(driver, instance) == power_state.RUNNING
        after, = luns(real_virtualbox, instance)
        assert (after.port, after.lun) == (before.port, other.lun.address)
        assert volume.initiators == set()
        other.tell('volume two')
        is_used(driver, instance, other, 'volume two')
        assert volume.copied() == 'volume one'
        driver.destroy(CONTEXT, instance, [])
        assert other.initiators == set()

    @pytest.mark.feature('operation.swap-volume')
    def test_one_that_stands_still_goes_on_doing_so(self, driver, spawn, swap,
                                                    volume, other):
        instance = spawn(block_device_info=mapping(volume))
        driver.pause(instance)
        swap(instance)
        assert state(driver, instance) == power_state.PAUSED
        assert other.path.read_bytes()[:8 << 20] == volume.path.read_bytes()

    @pytest.mark.feature('operation.swap-volume')
    def test_what_cannot_be_read_stays(self, driver, spawn, is_used, swap,
                                       volume, other, monkeypatch):
        instance = spawn(block_device_info=mapping(volume))
        monkeypatch.setattr(other, 'lun', dataclasses.replace(
            other.lun, secret='another one'))
        with pytest.raises(exception.NovaException, match='secret'):
            swap(instance)
        assert state(driver, instance) == power_state.RUNNING
        is_used(driver, instance, volume)

    def test_not_the_one_that_it_runs_from(self, driver, spawn, swap, volume,
                                           real_virtualbox):
        instance = spawn(block_device_info=mapping(volume, boots=True))
        with pytest.raises(exception.InvalidVolume, match='runs from it'):
            swap(instance)
        found, = luns(real_virtualbox, instance)
        assert found.lun == volume.lun.address
        assert state(driver, instance) == power_state.RUNNING


class TestUsage:
    @pytest.mark.feature('storage.block.usage')
    def test_what_was_read_and_written_is_counted(self, driver, spawn,
                                                  is_used, volume):
        instance = spawn(block_device_info=mapping(volume))
        is_used(driver, instance, volume)
        entries = [{'instance': instance, 'instance_bdms': [
            types.SimpleNamespace(volume_id='v', connection_info=(
                json.dumps(volume.connection_info())))]}]
        usage, = driver.get_all_volume_usage(CONTEXT, entries)
        assert (usage['volume'], usage['instance']) == ('v', instance)
        assert usage['rd_req'] > 0
        assert usage['wr_bytes'] >= storages.SECTOR
        counted = driver.block_stats(instance, 'sdb')
        assert counted[1] >= usage['rd_bytes']
        assert counted[3] >= usage['wr_bytes']
        driver.power_off(instance)
        assert driver.get_all_volume_usage(CONTEXT, entries) == []
        assert driver.block_stats(instance, 'sdb') is None
