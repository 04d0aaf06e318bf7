# SPDX-License-Identifier: Apache-2.0
"""Volumes of Cinder, by Fibre Channel adapters of the host."""

import pytest
from nova import exception

from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes.esx import fibrechannel
from nova_hypervisors.tests.fakes.esx import storage

CONTEXT = builders.admin_context()
GIB = 2 ** 30

# The first digit makes a negative number of it, as the API has it.
ADAPTERS = [
    fibrechannel.Adapter('vmhba2', 'a000000c99a1b2c3', '2000000c99a1b2c3'),
    fibrechannel.Adapter('vmhba3', '1000000c99a1b2c4', '2000000c99a1b2c4')]
PORTS = ['50060160c1e01234', '50060168c1e01234']


@pytest.fixture
def adapters(host):
    host.fc_adapters += ADAPTERS


@pytest.fixture
def lun(host):
    """Have a volume that both ports of a storage give."""
    first = storage.Lun('', GIB, 7, wwpn=PORTS[0])
    second = storage.Lun('', GIB, 7, wwpn=PORTS[1], naa=first.naa)
    host.luns += [first, second]
    return first


def connection(**data):
    return {'driver_volume_type': 'fibre_channel', 'serial': 'a volume',
            'data': {'target_wwn': PORTS, 'target_lun': 7, **data}}


@pytest.fixture
def volumes(details):
    def volumes(instance):
        return [disk.device.rpartition('/')[2]
                for disk in details(instance).disks if disk.device]
    return volumes


@pytest.mark.feature('storage.block.backend.fibrechannel')
@pytest.mark.parametrize('data', [
    {}, {'target_wwn': '50:06:01:60:C1:E0:12:34'},
    {'target_wwns': [PORTS[1], PORTS[0]], 'target_luns': [3, 7]}],
    ids=['both-ports', 'one-port', 'a-number-each'])
def test_a_volume_comes_and_goes(driver, spawn, host, adapters, lun, volumes,
                                 data):
    instance = spawn()
    connector = driver.get_volume_connector(instance)
    assert connector['wwpns'] == ['a000000c99a1b2c3', '1000000c99a1b2c4']
    assert connector['wwnns'] == ['2000000c99a1b2c3', '2000000c99a1b2c4']
    for _ in range(2):
        driver.attach_volume(CONTEXT, connection(**data), instance,
                             '/dev/sdb')
        assert volumes(instance) == [lun.naa]
        assert host.storage.detached == set()
        driver.detach_volume(CONTEXT, connection(**data), instance,
                             '/dev/sdb')
        assert volumes(instance) == []
        # Before the storage takes it away.
        assert host.storage.detached == {lun.uuid}
    with pytest.raises(exception.DiskNotFound):
        driver.detach_volume(CONTEXT, connection(**data), instance,
                             '/dev/sdb')


@pytest.mark.feature('storage.block.backend.fibrechannel')
def test_a_server_boots_from_a_volume_and_leaves_it(driver, spawn, host,
                                                    adapters, lun, volumes):
    info = {'block_device_mapping': [{
        'connection_info': connection(), 'mount_device': '/dev/sda',
        'boot_index': 0}]}
    instance = spawn(block_device_info=info)
    assert volumes(instance) == [lun.naa]
    driver.power_off(instance)
    driver.power_on(CONTEXT, instance, [], info)
    assert volumes(instance) == [lun.naa]
    driver.destroy(CONTEXT, instance, [], info)
    assert host.storage.detached == {lun.uuid}


def test_one_that_went_is_attached_anew_when_the_server_starts(
        driver, spawn, host, adapters, lun, volumes):
    """As when it was to go to another host, and comes back."""
    info = {'block_device_mapping': [{
        'connection_info': connection(), 'mount_device': '/dev/sdb'}]}
    instance = spawn(block_device_info=info)
    driver.power_off(instance)
    host.storage.detached.add(lun.uuid)
    driver.power_on(CONTEXT, instance, [], info)
    assert volumes(instance) == [lun.naa]
    assert host.storage.detached == set()


def test_a_volume_grows(driver, spawn, host, adapters, lun):
    instance = spawn()
    driver.attach_volume(CONTEXT, connection(), instance, '/dev/sdb')
    with pytest.raises(exception.NovaException, match='to have grown'):
        driver.extend_volume(CONTEXT, connection(), instance, 2 * GIB)
    for one in host.luns:
        one.size = 2 * GIB
    driver.extend_volume(CONTEXT, connection(), instance, 2 * GIB)
    disk, = host.storage.storageDeviceInfo.scsiLun
    assert disk.capacity.block * disk.capacity.blockSize == 2 * GIB


def test_what_is_not_seen(driver, spawn, adapters, volumes):
    instance = spawn()
    with pytest.raises(exception.NovaException,
                       match=f'does not see LUN 7 of the Fibre Channel port '
                       f'{PORTS[0]}'):
        driver.attach_volume(CONTEXT, connection(), instance, '/dev/sdb')
    assert volumes(instance) == []


def test_a_host_without_an_adapter(driver, spawn, lun):
    instance = spawn()
    assert 'wwpns' not in driver.get_volume_connector(instance)
    with pytest.raises(exception.NovaException, match='no Fibre Channel'):
        driver.attach_volume(CONTEXT, connection(), instance, '/dev/sdb')


@pytest.mark.parametrize('data', [
    {'target_wwn': []}, {'target_wwn': 'x'}, {'target_lun': None},
    {'target_luns': [1]}, {'access_mode': 'ro'}],
    ids=['no-port', 'no-name', 'no-number', 'too-few', 'read-only'])
def test_what_cinder_says_is_looked_at(driver, spawn, adapters, data):
    with pytest.raises(exception.InvalidVolume):
        driver.attach_volume(CONTEXT, connection(**data), spawn(),
                             '/dev/sdb')
