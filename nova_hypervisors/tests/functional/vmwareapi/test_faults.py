# SPDX-License-Identifier: Apache-2.0
"""What is left when something fails in the middle."""

import contextlib

import pytest
from nova import exception
from nova.compute import power_state
from nova.virt import event as virtevent
from nova.virt import fake as nova_fake

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()


@pytest.mark.parametrize('name', [
    'MakeDirectory', 'CopyVirtualDisk_Task', 'CreateVM_Task',
    'PowerOnVM_Task'])
@pytest.mark.parametrize('what', ['fault', 'cut', 'cut when done'])
def test_a_spawn_that_fails_leaves_nothing(driver, spawn, host, files, client,
                                           name, what):
    driver.destroy(CONTEXT, spawn(), [])
    if what == 'fault':
        host.fail_next(name, 'InvalidState')
    else:
        host.cut_next(name, done=what == 'cut when done')
    try:
        instance = spawn()
    except exception.NovaException:
        assert driver.list_instances() == []
        assert files() == []
        instance = spawn()
    assert driver.get_info(instance).state == power_state.RUNNING
    driver.destroy(CONTEXT, instance, [])
    assert files() == []


def test_a_session_that_has_ended_costs_nothing(driver, spawn, host):
    instance = spawn()
    host.expire_sessions()
    driver.power_off(instance)
    assert driver.get_info(instance).state == power_state.SHUTDOWN


@pytest.mark.feature('operation.crash-recovery')
def test_what_was_half_made_is_deleted_at_the_next_start(
        make_driver, client, files):
    driver = make_driver()
    where = driver._parts.layout
    uuid = builders.instance().uuid
    half = where.instance('datastore1', uuid)
    where.spawning(uuid).write_text(str(half.folder))
    client.make_folder(half.folder)
    client.create_machine(api.MachineSpec(
        uuid=uuid, name='half', path=half.machine, vcpus=1, memory_mb=64))
    driver = make_driver()
    assert driver.list_instances() == []
    assert files() == []
    assert where.interrupted() == {}


@pytest.mark.feature('operation.lifecycle-events')
def test_a_service_sees_what_happens_as_long_as_it_runs(
        make_driver, host, spawn, details):
    driver = make_driver()
    instance = spawn(driver=driver)
    driver._parts.watcher.look()
    driver.events.clear()
    host.guest_powers_off(details(instance).machine.ref)
    peers.wait_until(lambda: virtevent.EVENT_LIFECYCLE_STOPPED in [
        event.transition for event in driver.events], timeout_s=10)
    make_driver()


@pytest.mark.feature('operation.terminate')
def test_cleaning_up_deletes_what_is_left(driver, spawn, files):
    instance = spawn()
    driver.destroy(CONTEXT, instance, [], destroy_disks=False)
    assert files() != []
    driver.cleanup(CONTEXT, instance, [])
    assert files() == []


class Silent(nova_fake.FakeVirtAPI):
    """Neutron says that plugging a port in has failed."""

    def wait_for_instance_event(self, instance, events, seconds,
                                error_callback=None):
        @contextlib.contextmanager
        def wait():
            yield
            for name, _ in events:
                error_callback(name, instance)
        return wait()


@pytest.mark.feature('network.wait-for-plug')
def test_without_its_port_a_server_is_not_made(make_driver, spawn, files):
    driver = make_driver(Silent())
    with pytest.raises(exception.VirtualInterfaceCreateException):
        spawn(driver=driver, vifs=[builders.vif(active=False)])
    assert driver.list_instances() == []
    assert files() == []
    spawn(driver=driver, vifs=[builders.vif()])
