# SPDX-License-Identifier: Apache-2.0
"""Snapshots, rescue, other sizes, and the disks beside the root disk."""

import pytest
from nova import exception
from nova.compute import power_state
from nova.compute import task_states

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()
GIB = 2 ** 30

BLANK = {'ephemerals': [{'size': 1, 'device_name': '/dev/sdb'}],
         'swap': {'device_name': '/dev/sdc', 'swap_size': 64}}


def on_disk(host, instance, size, name='root'):
    flat = host.datastore.folder / f'nova/{instance.uuid}/{name}-flat.vmdk'
    with flat.open('rb') as file:
        return file.read(size)


class TestSnapshot:
    @pytest.fixture(autouse=True)
    def options(self, config):
        config.config(group='vmware', snapshot_image_format='raw')

    @pytest.fixture
    def snapshot(self, driver, image_api, guest):
        def snapshot(instance):
            image_id = image_api.add('raw', guest)
            update, states = builders.snapshot_states()
            driver.snapshot(CONTEXT, instance, image_id, update)
            assert states == [task_states.IMAGE_PENDING_UPLOAD,
                              task_states.IMAGE_UPLOADING]
            return image_id
        return snapshot

    @pytest.mark.feature('operation.snapshot')
    @pytest.mark.parametrize('running', [True, False])
    def test_what_is_on_the_disk_comes_out(
            self, driver, spawn, snapshot, image_api, guest, details, running,
            files):
        instance = spawn()
        if not running:
            driver.power_off(instance)
        image_id = snapshot(instance)
        data = guest.read_bytes()
        uploaded = image_api.path(image_id).read_bytes()
        assert uploaded[:len(data)] == data
        assert len(uploaded) == GIB
        assert image_api.images[image_id]['disk_format'] == 'raw'
        assert details(instance).snapshots == ()
        assert files('nova-images/scratch') == []

    @pytest.mark.feature('operation.shelve')
    def test_a_server_is_shelved_and_comes_back(self, driver, spawn, snapshot,
                                                guest, host):
        instance = spawn()
        image_id = snapshot(instance)
        driver.destroy(CONTEXT, instance, [])
        instance.image_ref = image_id
        spawn(instance)
        data = guest.read_bytes()
        assert on_disk(host, instance, len(data)) == data

    def test_an_interrupted_one_is_cleaned_up(self, spawn, make_driver,
                                              details, client):
        instance = spawn()
        client.take_snapshot(details(instance).machine.ref, 'nova-half')
        make_driver()
        assert details(instance).snapshots == ()


class TestRescue:
    @pytest.mark.feature('operation.rescue')
    def test_another_disk_boots_and_the_own_is_beside_it(
            self, driver, spawn, image_api, tmp_path, guest, details, files,
            host):
        instance = spawn()
        other = tmp_path / 'rescue.img'
        other.write_bytes(guest.read_bytes()[:-512] + b'R' * 512)
        image = image_api.add('raw', other)
        meta = builders.image_meta()
        meta.id = image
        driver.rescue(CONTEXT, instance, [], meta, 'secret', {}, None)
        assert driver.get_info(instance).state == power_state.RUNNING
        assert [disk.path.name for disk in details(instance).disks] == [
            'root.vmdk', 'rescue.vmdk']
        data = other.read_bytes()
        assert on_disk(host, instance, len(data), 'rescue') == data
        for _ in range(2):
            driver.unrescue(CONTEXT, instance)
            assert driver.get_info(instance).state == power_state.RUNNING
            assert [disk.path.name for disk in details(instance).disks] == [
                'root.vmdk']
        assert not [name for name in files() if 'rescue' in name]

    def test_one_that_fails_changes_nothing(self, driver, spawn, details,
                                            host, image, files):
        instance = spawn()
        before = details(instance).disks
        meta = builders.image_meta()
        meta.id = image
        host.fail_next('PowerOnVM_Task', 'InvalidState')
        with pytest.raises(exception.NovaException):
            driver.rescue(CONTEXT, instance, [], meta, 'secret', {}, None)
        assert details(instance).disks == before
        assert not [name for name in files() if 'rescue' in name]


@pytest.mark.feature('disk.blank')
def test_blank_disks(spawn, details, driver, files):
    instance = spawn(block_device_info=BLANK)
    assert [(disk.path.name, disk.size, disk.unit)
            for disk in details(instance).disks] == [
        ('root.vmdk', GIB, 0), ('ephemeral0.vmdk', GIB, 1),
        ('swap.vmdk', 64 * 2 ** 20, 2)]
    driver.destroy(CONTEXT, instance, [])
    assert files() == []


@pytest.mark.feature('guest.disk.autoconfig')
def test_the_disk_has_the_flavors_size(spawn, details, image):
    instance = spawn(builders.instance(image, root_gb=3))
    assert [disk.size for disk in details(instance).disks] == [3 * GIB]


class TestResize:
    @pytest.fixture
    def resize(self, driver, monkeypatch):
        """Resize a server, as Nova does on one host."""
        from nova_hypervisors.common import moves
        monkeypatch.setattr(moves, 'current',
                            lambda context, instance: builders.migration())

        def resize(instance, **flavor):
            old = instance.flavor
            new = old.obj_clone()
            new.update(flavor)
            driver.migrate_disk_and_power_off(
                CONTEXT, instance, '127.0.0.1', new, [])
            instance.old_flavor, instance.flavor = old, new
            driver.finish_migration(
                CONTEXT, builders.migration(), instance, '', [],
                builders.image_meta(), True, {})
        return resize

    @pytest.fixture
    def revert(self, driver):
        def revert(instance):
            instance.task_state = task_states.RESIZE_REVERTING
            driver.destroy(CONTEXT, instance, [])
            instance.flavor = instance.old_flavor
            driver.finish_revert_migration(CONTEXT, instance, [],
                                           builders.migration())
            instance.task_state = None
        return revert

    def _size(self, found):
        return (found.machine.vcpus, found.machine.memory_mb,
                found.disks[0].size // GIB)

    @pytest.mark.feature('operation.resize')
    def test_it_grows_and_stays(self, driver, spawn, resize, details, files,
                                guest, host):
        instance = spawn()
        resize(instance, vcpus=2, memory_mb=128, root_gb=2)
        assert driver.get_info(instance).state == power_state.RUNNING
        assert self._size(details(instance)) == (2, 128, 2)
        data = guest.read_bytes()
        assert on_disk(host, instance, len(data)) == data
        driver.confirm_migration(CONTEXT, builders.migration(), instance,
                                 [])
        assert not [name for name in files() if 'former' in name]
        driver.destroy(CONTEXT, instance, [])
        assert files() == []

    @pytest.mark.feature('operation.resize')
    def test_it_goes_back(self, driver, spawn, resize, revert, details,
                          files, host, guest):
        instance = spawn()
        resize(instance, vcpus=2, memory_mb=128, root_gb=2)
        revert(instance)
        assert driver.get_info(instance).state == power_state.RUNNING
        assert self._size(details(instance)) == (1, 64, 1)
        data = guest.read_bytes()
        assert on_disk(host, instance, len(data)) == data
        assert not [name for name in files() if 'former' in name]

    def test_one_that_fails_leaves_what_was(self, driver, spawn, resize,
                                            details, host, files):
        instance = spawn()
        host.fail_next('ExtendVirtualDisk_Task', 'InvalidState')
        with pytest.raises(exception.NovaException):
            resize(instance, vcpus=2, memory_mb=128, root_gb=2)
        assert self._size(details(instance)) == (1, 64, 1)
        assert not [name for name in files() if 'former' in name]

    def test_smaller_disks_are_refused(self, driver, spawn, resize):
        instance = spawn()
        with pytest.raises(exception.InstanceFaultRollback):
            resize(instance, root_gb=0)
        assert driver.get_info(instance).state == power_state.RUNNING


class TestResizeOfChildren(TestResize):
    @pytest.fixture
    def config(self, config):
        config.config(group='vmware', linked_clone=True)
        return config

    def test_a_child_grows_into_a_disk_of_its_own(self, spawn, resize,
                                                  details):
        instance = spawn()
        assert details(instance).disks[0].parents
        resize(instance, root_gb=2)
        assert details(instance).disks[0].parents == ()
        assert details(instance).disks[0].size == 2 * GIB
