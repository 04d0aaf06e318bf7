# SPDX-License-Identifier: Apache-2.0
"""Volumes of Cinder, by the host's own initiator."""

import pytest
from nova import exception
from nova import objects
from nova.compute import power_state

from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes.esx import storage

CONTEXT = builders.admin_context()
IQN = 'iqn.2026-11.org.example:volume'


@pytest.fixture
def volume(host):
    """Have a volume; return Cinder's connection to it."""

    def volume(user='', secret=''):
        host.luns.append(storage.Lun(IQN, 2 ** 30, 1, user=user,
                                     secret=secret))
        access = {'auth_method': 'CHAP', 'auth_username': user,
                  'auth_password': secret} if user else {}
        return {'driver_volume_type': 'iscsi', 'serial': 'a volume', 'data': {
            'target_portal': '127.0.0.1:3260', 'target_iqn': IQN,
            'target_lun': 1, **access}}

    return volume


def volumes(found):
    return [disk for disk in found.disks if disk.device]


@pytest.mark.feature(
    'operation.attach-volume', 'operation.detach-volume', 'storage.block',
    'storage.block.backend.iscsi')
def test_a_volume_comes_and_goes(driver, spawn, volume, details):
    instance = spawn()
    connection = volume()
    connector = driver.get_volume_connector(instance)
    assert connector['initiator'].startswith('iqn.')
    mapping = objects.BlockDeviceMapping(device_name=None)
    assert driver.get_device_name_for_instance(
        instance, [], mapping) == '/dev/sdb'
    driver.attach_volume(CONTEXT, connection, instance, '/dev/sdb')
    disk, = volumes(details(instance))
    assert (disk.size, disk.unit) == (2 ** 30, 1)
    driver.detach_volume(CONTEXT, connection, instance, '/dev/sdb')
    assert volumes(details(instance)) == []
    with pytest.raises(exception.DiskNotFound):
        driver.detach_volume(CONTEXT, connection, instance, '/dev/sdb')


def test_a_volume_that_is_the_servers_no_more_goes(driver, spawn, volume,
                                                   details):
    instance = spawn()
    driver.attach_volume(CONTEXT, volume(), instance, '/dev/sdb')
    driver.power_off(instance)
    none = {'block_device_mapping': []}
    untold = {'block_device_mapping': [
        {'connection_info': None, 'mount_device': '/dev/sdb'}]}
    driver.power_on(CONTEXT, instance, [], untold)
    assert len(volumes(details(instance))) == 1
    driver.power_off(instance)
    driver.power_on(CONTEXT, instance, [], none)
    assert volumes(details(instance)) == []


def test_a_volume_that_has_not_grown_is_no_success(driver, spawn, volume):
    instance = spawn()
    connection = volume()
    driver.attach_volume(CONTEXT, connection, instance, '/dev/sdb')
    with pytest.raises(exception.NovaException, match='not the 2147483648'):
        driver.extend_volume(CONTEXT, connection, instance, 2 ** 31)


@pytest.mark.feature('storage.block.backend.iscsi.auth.chap')
def test_chap(driver, spawn, volume, details):
    instance = spawn()
    connection = volume('someone', 'a long secret')
    wrong = {**connection, 'data': {**connection['data'],
                                    'auth_password': 'another one'}}
    with pytest.raises(exception.NovaException, match='does not see LUN 1'):
        driver.attach_volume(CONTEXT, wrong, instance, '/dev/sdb')
    assert volumes(details(instance)) == []
    driver.attach_volume(CONTEXT, connection, instance, '/dev/sdb')
    assert len(volumes(details(instance))) == 1


@pytest.mark.parametrize('name', [
    'AddInternetScsiStaticTargets', 'RescanHba', 'ReconfigVM_Task',
    'UpdateInternetScsiAuthenticationProperties'])
def test_a_secret_is_sent_again_when_a_session_has_ended(
        driver, spawn, volume, details, host, name):
    instance = spawn()
    host.before_next(name, host.expire_sessions)
    driver.attach_volume(CONTEXT, volume('someone', 'a long secret'),
                         instance, '/dev/sdb')
    assert len(volumes(details(instance))) == 1


@pytest.mark.feature('storage.block.boot')
def test_a_server_boots_from_a_volume(driver, spawn, volume, details, files):
    info = {'block_device_mapping': [{
        'connection_info': volume(), 'mount_device': '/dev/sda',
        'boot_index': 0}]}
    instance = spawn(block_device_info=info)
    disk, = details(instance).disks
    assert (disk.unit, bool(disk.device)) == (0, True)
    assert driver.get_info(instance).state == power_state.RUNNING
    driver.destroy(CONTEXT, instance, [], info)
    assert files() == []


@pytest.mark.parametrize(('change', 'error'), [
    ({'driver_volume_type': 'rbd'}, exception.VolumeDriverNotFound),
    ({'multiattach': True}, exception.MultiattachNotSupportedByVirtDriver)])
def test_what_cannot_be_attached_is_refused_before_anything_is_made(
        spawn, volume, driver, files, change, error):
    info = {'block_device_mapping': [{
        'connection_info': {**volume(), **change}, 'boot_index': 0,
        'mount_device': '/dev/sda'}]}
    with pytest.raises(error):
        spawn(block_device_info=info)
    assert driver.list_instances() == []
    assert files() == []
