# SPDX-License-Identifier: Apache-2.0
"""How many calls the driver's operations cost, counted at the host.

The first server of an image pays for the image, and the first one of a network
looks for its port group: the second one is counted.
"""

import pytest
from nova import exception

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.fixture
def count(host):
    """Return the names of the calls that an action makes."""

    def count(act):
        host.calls.clear()
        act()
        # One waits at the host all the time, for all that happens there.
        return [name for name in host.names() if name != 'WaitForUpdatesEx']

    return count


@pytest.fixture
def make(config, image, make_driver):
    """Make a driver that has an image; return it, and what spawns."""

    def make(linked=False):
        config.config(group='vmware', linked_clone=linked)
        driver = make_driver()

        def spawn():
            instance = builders.instance(image)
            driver.spawn(CONTEXT, instance, builders.image_meta(), [],
                         'secret', {}, network_info=[builders.vif()])
            return instance

        driver.destroy(CONTEXT, spawn(), [])
        return driver, spawn

    return make


def test_a_full_copy(make, count):
    _, spawn = make()
    assert count(spawn) == [
        'RetrievePropertiesEx', 'MakeDirectory', 'CopyVirtualDisk_Task',
        'ExtendVirtualDisk_Task', 'CreateVM_Task', 'PowerOnVM_Task']


def test_a_child_disk(make, count):
    _, spawn = make(linked=True)
    assert count(spawn) == ['RetrievePropertiesEx', 'MakeDirectory',
                            'CreateVM_Task', 'PowerOnVM_Task']


def test_what_is_known_costs_none(make, count):
    driver, spawn = make()
    instance = spawn()
    assert count(lambda: driver.get_info(instance)) == []
    assert count(driver.list_instances) == []
    assert count(driver.list_instance_uuids) == []


def test_destroy(make, count):
    driver, spawn = make()
    instance = spawn()
    assert count(lambda: driver.destroy(CONTEXT, instance, [])) == [
        'PowerOffVM_Task', 'UnregisterVM', 'DeleteDatastoreFile_Task']


def test_a_port_group_that_has_gone_is_looked_for_again(make, client):
    driver, spawn = make()
    client.remove_port_group('VM Network')
    with pytest.raises(exception.NovaException):
        spawn()
    with pytest.raises(exception.VirtualInterfacePlugException,
                       match='no port group VM Network'):
        spawn()
    assert driver.list_instances() == []
