# SPDX-License-Identifier: Apache-2.0
"""The life of servers on an ESX host."""

import pytest
from nova import exception
from nova.compute import power_state
from nova.virt import event as virtevent

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()
GIB = 2 ** 30


def state(driver, instance):
    return driver.get_info(instance).state


@pytest.mark.feature('operation.launch', 'operation.terminate',
                     'operation.get-guest-info', 'networking.topology.flat',
                     'storage.image', 'image.raw', 'disk.full-copy')
def test_a_server_comes_and_goes(driver, spawn, files, details, host, guest):
    instance = spawn(vifs=[builders.vif()])
    assert state(driver, instance) == power_state.RUNNING
    assert driver.list_instance_uuids() == [instance.uuid]
    assert driver.list_instances() == [instance.name]
    found = details(instance)
    assert (found.machine.vcpus, found.machine.memory_mb) == (1, 64)
    assert [nic.port_group for nic in found.nics] == ['VM Network']
    assert [disk.size for disk in found.disks] == [GIB]
    flat = host.datastore.folder / f'nova/{instance.uuid}/root-flat.vmdk'
    data = guest.read_bytes()
    with flat.open('rb') as file:
        assert file.read(len(data)) == data
    driver.destroy(CONTEXT, instance, [])
    assert driver.list_instances() == []
    assert files() == []
    with pytest.raises(exception.InstanceNotFound):
        driver.get_info(instance)


def test_a_server_that_is_gone_can_be_destroyed(driver, spawn):
    instance = spawn()
    driver.destroy(CONTEXT, instance, [])
    driver.destroy(CONTEXT, instance, [])
    driver.cleanup(CONTEXT, instance, [])


def test_a_server_is_not_made_twice(driver, spawn):
    instance = spawn()
    with pytest.raises(exception.InstanceExists):
        spawn(instance)
    assert state(driver, instance) == power_state.RUNNING


@pytest.mark.feature('operation.stop', 'operation.start')
def test_power(driver, spawn):
    instance = spawn()
    driver.power_off(instance)
    assert state(driver, instance) == power_state.SHUTDOWN
    driver.power_off(instance)
    driver.power_on(CONTEXT, instance, [])
    assert state(driver, instance) == power_state.RUNNING
    driver.power_on(CONTEXT, instance, [])


@pytest.mark.parametrize('tools', [True, False])
@pytest.mark.feature('operation.reboot')
def test_reboot(driver, spawn, host, details, tools):
    instance = spawn()
    host.run_tools(details(instance).machine.ref, tools)
    host.calls.clear()
    driver.reboot(CONTEXT, instance, [], 'SOFT')
    assert state(driver, instance) == power_state.RUNNING
    # Without VMware Tools nobody waits for the guest.
    assert ('PowerOffVM_Task' in host.names()) is not tools
    driver.reboot(CONTEXT, instance, [], 'HARD')
    assert state(driver, instance) == power_state.RUNNING


@pytest.mark.feature('operation.suspend', 'operation.resume')
def test_suspend(driver, spawn):
    instance = spawn()
    driver.suspend(CONTEXT, instance)
    driver.suspend(CONTEXT, instance)
    assert state(driver, instance) == power_state.SUSPENDED
    driver.resume(CONTEXT, instance, [])
    assert state(driver, instance) == power_state.RUNNING


@pytest.mark.feature('operation.lifecycle-events')
def test_a_guest_that_goes_off_by_itself_is_noticed(driver, spawn, host,
                                                    details):
    instance = spawn()
    driver._parts.watcher.look()
    host.guest_powers_off(details(instance).machine.ref)
    peers.wait_until(lambda: [
        event.transition for event in driver.events] == [
            virtevent.EVENT_LIFECYCLE_STOPPED], timeout_s=10)


@pytest.mark.feature('operation.list-instances')
def test_strangers_are_left_alone(driver, spawn, stranger, client):
    ref = stranger()
    client.power_on(ref)
    instance = spawn()
    assert driver.list_instances() == [instance.name]
    assert driver.list_instance_uuids() == [instance.uuid]
    assert driver.get_num_instances() == 1
    assert driver.instance_exists(instance)
    assert not driver.instance_exists(builders.instance())
    driver.destroy(CONTEXT, instance, [])
    machine, = client.list_machines()
    assert (machine.ref, machine.state) == (ref, api.PowerState.ON)


@pytest.mark.feature('operation.resume-on-host-boot')
def test_after_the_host_was_booted_it_runs_again(driver, spawn):
    instance = spawn()
    driver.power_off(instance)
    driver.resume_state_on_host_boot(CONTEXT, instance, [], None)
    assert state(driver, instance) == power_state.RUNNING


def test_after_a_restart_all_is_as_it_was(make_driver, spawn, driver):
    instance = spawn()
    driver = make_driver()
    assert driver.list_instance_uuids() == [instance.uuid]
    assert state(driver, instance) == power_state.RUNNING


@pytest.mark.feature('operation.rebuild')
def test_rebuild(driver, spawn, host, files):
    instance = spawn()
    driver.destroy(CONTEXT, instance, [])
    spawn(instance)
    assert state(driver, instance) == power_state.RUNNING


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: builders.vif('physnet7'), 'physnet7'),
    (lambda: builders.vif(vlan=5000), '5000')])
def test_a_network_that_cannot_be_leaves_nothing(driver, spawn, files, make,
                                                 message):
    with pytest.raises(exception.NovaException, match=message):
        spawn(vifs=[make()])
    assert driver.list_instances() == []
    assert files() == []


@pytest.mark.feature('networking.topology.vlan')
def test_a_vlan_gets_its_port_group_once(driver, spawn, client, details):
    one = spawn(vifs=[builders.vif(vlan=105)])
    two = spawn(vifs=[builders.vif(vlan=105,
                                   address='fa:16:3e:00:00:02')])
    groups = [group for group in client.network().port_groups
              if group.vlan_id == 105]
    assert groups == [api.PortGroup('nova-physnet1-105', 'vSwitch0', 105)]
    for instance in (one, two):
        assert [nic.port_group for nic in details(instance).nics] == [
            'nova-physnet1-105']


@pytest.mark.feature('operation.attach-interface',
                     'operation.detach-interface')
def test_interfaces(driver, spawn, details):
    instance = spawn(vifs=[builders.vif()])
    second = builders.vif(address='fa:16:3e:00:00:09')
    driver.attach_interface(CONTEXT, instance, builders.image_meta(), second)
    assert [nic.mac for nic in details(instance).nics] == [
        'fa:16:3e:00:00:01', 'fa:16:3e:00:00:09']
    driver.detach_interface(CONTEXT, instance, second)
    driver.detach_interface(CONTEXT, instance, second)
    assert [nic.mac for nic in details(instance).nics] == [
        'fa:16:3e:00:00:01']
