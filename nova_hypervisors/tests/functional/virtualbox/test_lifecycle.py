# SPDX-License-Identifier: Apache-2.0
"""A server's life, on the real VirtualBox."""

import threading

import pytest
from nova import exception
from nova.compute import power_state
from nova.compute import task_states
from nova.virt import event as virtevent

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()


def state(driver, instance):
    return driver.get_info(instance, use_cache=False).state


class TestSpawn:
    @pytest.mark.feature('operation.launch', 'storage.image', 'image.raw',
                         'disk.differencing')
    def test_the_guest_runs_from_its_image(self, driver, spawn, hears,
                                           real_virtualbox):
        instance = spawn(builders.instance(None, vcpus=2, memory_mb=96))
        assert state(driver, instance) == power_state.RUNNING
        hears(instance, 'beat')
        found = real_virtualbox.client.machine_settings(instance.uuid)
        assert (found.vcpus, found.memory_mb) == (2, 96)
        assert found.name == instance.name
        media = {medium.path: medium for medium
                 in real_virtualbox.client.list_media()}
        root = media[found.disks[0].path]
        assert root.capacity_mb == 1024
        assert media[root.parent].capacity_mb == 1024

    @pytest.fixture
    def spawn(self, spawn, image):
        def with_image(instance=None, **arguments):
            if instance is not None and not instance.image_ref:
                instance.image_ref = image
            return spawn(instance, **arguments)
        return with_image

    @pytest.mark.feature('disk.full-copy')
    def test_a_disk_is_a_full_copy_if_that_is_wanted(
            self, config, make_driver, spawn, hears, real_virtualbox):
        config.config(use_cow_images=False)
        driver = make_driver()
        instance = spawn(driver=driver)
        hears(instance, 'beat', driver)
        found = real_virtualbox.client.machine_settings(instance.uuid)
        medium, = real_virtualbox.client.list_media()
        assert medium.path == found.disks[0].path
        assert medium.parent is None

    def test_seven_processes_with_a_cached_image(
            self, config, make_driver, spawn, real_virtualbox):
        config.config(group='virtualbox', state_poll_interval=3600)
        driver = make_driver(client=real_virtualbox.client)
        spawn(driver=driver)
        real_virtualbox.runner.calls.clear()
        spawn(driver=driver, vifs=[builders.vif()])
        calls = [words[0] for words in real_virtualbox.runner.calls]
        assert 'startvm' in calls
        assert len(calls) <= 7, calls

    @pytest.mark.feature('disk.blank')
    def test_ephemeral_and_swap_disks_are_there(self, spawn,
                                                real_virtualbox):
        instance = spawn(block_device_info={
            'ephemerals': [{'size': 2, 'device_name': '/dev/sdb'}],
            'swap': {'device_name': '/dev/sdc', 'swap_size': 64}})
        disks = real_virtualbox.client.machine_settings(instance.uuid).disks
        sizes = {medium.path: medium.capacity_mb for medium
                 in real_virtualbox.client.list_media()}
        assert [sizes[disk.path] for disk in disks] == [1024, 2048, 64]

    def test_one_that_exists_is_not_touched(self, driver, spawn):
        instance = spawn()
        with pytest.raises(exception.InstanceExists):
            spawn(instance)
        assert state(driver, instance) == power_state.RUNNING


class TestPower:
    @pytest.mark.feature('operation.pause', 'operation.unpause',
                         'operation.get-guest-info')
    def test_pause_and_unpause(self, driver, spawn):
        instance = spawn()
        driver.pause(instance)
        assert state(driver, instance) == power_state.PAUSED
        driver.unpause(instance)
        assert state(driver, instance) == power_state.RUNNING

    @pytest.mark.feature('operation.suspend', 'operation.resume')
    def test_a_suspended_guest_goes_on_where_it_was(self, driver, spawn,
                                                    hears):
        instance = spawn()
        hears(instance, 'beat 0001')
        driver.suspend(CONTEXT, instance)
        assert state(driver, instance) == power_state.SUSPENDED
        driver.resume(CONTEXT, instance, [])
        assert state(driver, instance) == power_state.RUNNING
        hears(instance, 'beat 0003')
        output = driver.get_console_output(CONTEXT, instance)
        assert output.count('guest up') == 1

    @pytest.mark.feature('operation.stop', 'operation.start',
                         'console.serial.log')
    def test_a_stopped_guest_was_asked_and_starts_again(self, driver, spawn,
                                                        hears):
        instance = spawn()
        hears(instance, 'beat')
        driver.power_off(instance, timeout=20, retry_interval=5)
        assert state(driver, instance) == power_state.SHUTDOWN
        hears(instance, 'power button')
        driver.power_on(CONTEXT, instance, [])
        assert state(driver, instance) == power_state.RUNNING

    def test_a_guest_that_does_not_listen_is_switched_off(self, driver,
                                                          spawn):
        # It has not booted yet when it is asked.
        instance = spawn()
        driver.power_off(instance, timeout=1, retry_interval=1)
        assert state(driver, instance) == power_state.SHUTDOWN

    @pytest.mark.feature('operation.reboot')
    @pytest.mark.parametrize('kind', ['SOFT', 'HARD'])
    def test_reboot(self, driver, spawn, hears, kind):
        instance = spawn()
        hears(instance, 'beat')
        driver.reboot(CONTEXT, instance, [], kind)
        assert state(driver, instance) == power_state.RUNNING
        output = driver.get_console_output(CONTEXT, instance)
        assert ('power button' in output) == (kind == 'SOFT')

    @pytest.mark.feature('operation.resume-on-host-boot')
    def test_a_server_whose_process_died_is_started_again(
            self, driver, spawn, real_virtualbox):
        instance = spawn()
        real_virtualbox.crash(instance.uuid)
        assert state(driver, instance) == power_state.CRASHED
        driver.resume_state_on_host_boot(CONTEXT, instance, [], None)
        assert state(driver, instance) == power_state.RUNNING

    @pytest.mark.feature('operation.trigger-crash-dump')
    def test_an_nmi_reaches_virtualbox(self, driver, spawn):
        # Which has no way to deliver it without its kernel module, and says
        # so.
        instance = spawn()
        with pytest.raises(NotImplementedError, match='InjectNMI'):
            driver.trigger_crash_dump(instance)

    def test_two_operations_at_once_take_turns(self, driver, spawn):
        instance = spawn()
        errors = []

        def run(operation):
            try:
                for _ in range(3):
                    operation()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(operation,))
                   for operation in (
                       lambda: driver.reboot(CONTEXT, instance, [], 'HARD'),
                       lambda: driver.power_off(instance),
                       lambda: driver.power_on(CONTEXT, instance, []))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        driver.power_on(CONTEXT, instance, [])
        assert state(driver, instance) == power_state.RUNNING


class TestDestroy:
    @pytest.mark.feature('operation.terminate')
    def test_nothing_is_left(self, driver, spawn, folder, real_virtualbox):
        instance = spawn()
        driver.destroy(CONTEXT, instance, [])
        driver.cleanup(CONTEXT, instance, [])
        assert real_virtualbox.client.list_machines() == []
        assert real_virtualbox.client.list_media() == []
        assert not (folder / 'i' / instance.uuid).exists()
        assert real_virtualbox.client.get_extradata('nova_hyp') == {}

    def test_the_cached_image_stays(self, driver, spawn, folder, image_api):
        for _ in range(2):
            driver.destroy(CONTEXT, spawn(), [])
        assert len(image_api.downloads) == 1
        assert len(list((folder / 'i/_base').iterdir())) == 2

    def test_a_suspended_server(self, driver, spawn, real_virtualbox):
        instance = spawn()
        driver.suspend(CONTEXT, instance)
        driver.destroy(CONTEXT, instance, [])
        assert real_virtualbox.client.list_machines() == []

    def test_one_that_does_not_exist(self, driver):
        driver.destroy(CONTEXT, builders.instance('x'), [])

    def test_its_disks_are_kept_if_that_is_wanted(self, driver, spawn,
                                                  folder):
        instance = spawn()
        driver.destroy(CONTEXT, instance, [], destroy_disks=False)
        assert (folder / 'i' / instance.uuid / 'root.vdi').exists()
        assert driver.list_instances() == []

    def test_one_whose_settings_are_gone(self, driver, spawn, folder,
                                         real_virtualbox):
        instance = spawn()
        driver.power_off(instance)
        real_virtualbox.lose_settings(instance.uuid)
        assert state(driver, instance) == power_state.NOSTATE
        driver.destroy(CONTEXT, instance, [])
        assert real_virtualbox.client.list_machines() == []
        assert not (folder / 'i' / instance.uuid).exists()


class TestListing:
    @pytest.mark.feature('operation.list-instances')
    def test_other_peoples_machines_are_not_nova_s(self, driver, spawn,
                                                   folder, real_virtualbox):
        stranger = '11111111-2222-4333-8444-555555555555'
        real_virtualbox.client.create_machine(api.MachineSpec(
            uuid=stranger, name="somebody else's", folder=folder, vcpus=1,
            memory_mb=64))
        assert driver.list_instances() == []
        instance = spawn()
        assert driver.list_instances() == [instance.name]
        assert driver.list_instance_uuids() == [instance.uuid]
        assert driver.get_num_instances() == 1
        assert driver.instance_exists(instance)
        assert not driver.instance_exists(builders.instance(uuid=stranger))
        driver.destroy(CONTEXT, instance, [])
        assert not driver.instance_exists(instance)
        assert [machine.uuid for machine
                in real_virtualbox.client.list_machines()] == [stranger]

    def test_an_unknown_instance_has_no_info(self, driver):
        with pytest.raises(exception.InstanceNotFound):
            driver.get_info(builders.instance())


class TestEvents:
    @pytest.mark.feature('operation.lifecycle-events')
    def test_what_happens_outside_nova_is_told(self, make_driver, spawn,
                                               real_virtualbox):
        driver = make_driver()
        instance = spawn(driver=driver)
        for word, event in (
                ('pause', virtevent.EVENT_LIFECYCLE_PAUSED),
                ('resume', virtevent.EVENT_LIFECYCLE_RESUMED)):
            real_virtualbox.manage('controlvm', instance.uuid, word)
            self._hears(driver, instance, event)
        real_virtualbox.power_off(instance.uuid)
        self._hears(driver, instance, virtevent.EVENT_LIFECYCLE_STOPPED)
        real_virtualbox.manage('startvm', instance.uuid, '--type', 'headless')
        self._hears(driver, instance, virtevent.EVENT_LIFECYCLE_STARTED)
        driver.cleanup_host('here')

    def _hears(self, driver, instance, transition):
        peers.wait_until(lambda: any(
            event.get_instance_uuid() == instance.uuid
            and event.get_transition() == transition
            for event in driver.events))
        driver.events.clear()


class TestSnapshot:
    @pytest.mark.feature('operation.snapshot')
    @pytest.mark.parametrize('stopped', [False, True])
    def test_what_is_on_the_disk_goes_to_glance(
            self, driver, spawn, image_api, folder, real_virtualbox, stopped):
        instance = spawn()
        if stopped:
            driver.power_off(instance)
        target = image_api.add('qcow2', peers.lab().guest)
        update, states = builders.snapshot_states()
        driver.snapshot(CONTEXT, instance, target, update)
        assert states == [task_states.IMAGE_PENDING_UPLOAD,
                          task_states.IMAGE_UPLOADING]
        image = image_api.images[target]
        assert (image['disk_format'], image['status']) == ('qcow2', 'active')
        raw = folder / 'raw'
        peers.convert(image_api.path(target), 'qcow2', raw)
        guest = peers.lab().guest.read_bytes()
        assert raw.read_bytes()[:len(guest)] == guest
        assert raw.stat().st_size == 1 << 30
        found = real_virtualbox.client.machine_settings(instance.uuid)
        assert found.snapshots == ()
        assert state(driver, instance) == (
            power_state.SHUTDOWN if stopped else power_state.RUNNING)
        assert list((folder / 'i/snapshots/here').iterdir()) == []

    def test_a_paused_server_stays_so(self, driver, spawn, image_api,
                                      real_virtualbox):
        instance = spawn()
        driver.pause(instance)
        driver.snapshot(CONTEXT, instance,
                        image_api.add('qcow2', peers.lab().guest),
                        builders.snapshot_states()[0])
        assert state(driver, instance) == power_state.PAUSED
        assert real_virtualbox.client.machine_settings(
            instance.uuid).snapshots == ()

    def test_a_snapshot_boots(self, driver, spawn, image_api, hears):
        instance = spawn()
        target = image_api.add('qcow2', peers.lab().guest)
        driver.snapshot(CONTEXT, instance, target,
                        builders.snapshot_states()[0])
        hears(spawn(builders.instance(target)), 'beat')

    @pytest.mark.by_web_service
    @pytest.mark.parametrize('image_format', ['raw', 'vdi', 'vmdk'])
    def test_in_other_formats(self, config, make_driver, spawn, image_api,
                              hears, image_format):
        config.config(group='virtualbox', snapshot_image_format=image_format)
        driver = make_driver()
        instance = spawn(driver=driver)
        target = image_api.add('raw', peers.lab().guest)
        driver.snapshot(CONTEXT, instance, target,
                        builders.snapshot_states()[0])
        assert image_api.images[target]['disk_format'] == image_format
        hears(spawn(builders.instance(target), driver=driver), 'beat', driver)

    def test_one_that_does_not_exist(self, driver, image_api):
        with pytest.raises(exception.InstanceNotRunning):
            driver.snapshot(CONTEXT, builders.instance('x'), 'y',
                            builders.snapshot_states()[0])
