# SPDX-License-Identifier: Apache-2.0
"""A server whose host is lost is made of the files that it has."""

import pytest
from nova import exception
from nova.compute import power_state
from nova.compute import task_states

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.fixture
def lost(spawn, driver, client, details):
    """Have a server whose machine only another host would know."""
    swap = {'swap': {'device_name': '/dev/sdb', 'swap_size': 8}}
    instance = spawn(vifs=[builders.vif()], block_device_info=swap)
    driver.power_off(instance)
    client.unregister_machine(details(instance).machine.ref)
    instance.task_state = task_states.REBUILD_SPAWNING
    assert driver.instance_on_disk(instance)
    return instance


@pytest.fixture
def take_over(driver):
    def take_over(instance, vif, swap_mb):
        driver.spawn(
            CONTEXT, instance, builders.image_meta(), [], 'secret', {},
            network_info=[vif], block_device_info={
                'swap': {'device_name': '/dev/sdb', 'swap_size': swap_mb}})

    return take_over


def disk(host, instance, name):
    return (host.datastore.folder / 'nova' / instance.uuid
            / f'{name}-flat.vmdk')


def test_it_has_its_disks_again(driver, lost, take_over, host, details):
    for name in ('root', 'swap'):
        with disk(host, lost, name).open('r+b') as file:
            file.write(b'mine')
    take_over(lost, builders.vif(address='fa:16:3e:00:00:02'), 8)
    assert driver.get_info(lost).state == power_state.RUNNING
    found = details(lost)
    # The ports are those that it has now.
    assert [nic.mac for nic in found.nics] == ['fa:16:3e:00:00:02']
    assert [found.path.name for found in found.disks] == ['root.vmdk',
                                                          'swap.vmdk']
    for name in ('root', 'swap'):
        assert disk(host, lost, name).read_bytes()[:4] == b'mine'


def test_a_failure_takes_no_file_away(driver, lost, take_over, host, files):
    before = {name for name in files() if name.endswith('.vmdk')}
    with pytest.raises(exception.VirtualInterfacePlugException):
        take_over(lost, builders.vif('physnet9'), 8)
    assert driver.list_instances() == []
    assert {name for name in files() if name.endswith('.vmdk')} == before
    take_over(lost, builders.vif(), 8)
    assert driver.get_info(lost).state == power_state.RUNNING


def test_a_disk_that_is_newer_is_not_lost(driver, lost, take_over, host,
                                          files):
    newer = disk(host, lost, 'root').with_name('root-000001.vmdk')
    newer.write_text('of a snapshot\n')
    before = files()
    with pytest.raises(exception.MigrationError, match=newer.name):
        take_over(lost, builders.vif(), 8)
    assert driver.list_instances() == []
    assert files() == before


def test_without_its_files_it_comes_from_its_image(driver, spawn, image,
                                                   files):
    instance = builders.instance(image,
                                 task_state=task_states.REBUILD_SPAWNING)
    assert not driver.instance_on_disk(instance)
    spawn(instance)
    assert driver.get_info(instance).state == power_state.RUNNING


def test_hosts_find_each_other_by_a_file(driver, lost, files):
    data = driver.check_instance_shared_storage_local(CONTEXT, lost)
    assert data['filename'] in files()
    assert driver.check_instance_shared_storage_remote(CONTEXT, data)
    driver.check_instance_shared_storage_cleanup(CONTEXT, data)
    assert data['filename'] not in files()
    assert not driver.check_instance_shared_storage_remote(CONTEXT, data)
