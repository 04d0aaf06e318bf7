# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import volumes as cinder
from nova_hypervisors.virtualbox import volumes

INITIATOR = 'iqn.2026-11.org.example:here'


def connection(kind='iscsi', **data):
    return {'driver_volume_type': kind, 'serial': 'the-volume', 'data': {
        'target_portal': '192.0.2.7:3260', 'target_iqn': 'iqn.2026-11.x:v',
        'target_lun': 1, **data}}


class TestLun:
    def test_it_is_what_cinder_says(self):
        found = volumes.lun(connection(
            auth_method='CHAP', auth_username='a', auth_password='b'),
            INITIATOR)
        assert found == api.Lun(
            api.LunAddress('192.0.2.7:3260', 'iqn.2026-11.x:v', 1),
            INITIATOR, 'a', 'b')

    @pytest.mark.parametrize(('portal', 'server'), [
        ('192.0.2.7:3261', '192.0.2.7:3261'),
        ('192.0.2.7', '192.0.2.7:3260'),
        ('[2001:db8::7]:3260', '[2001:db8::7]:3260'),
        ('[2001:db8::7]', '[2001:db8::7]:3260'),
        ('storage.example', 'storage.example:3260')])
    def test_the_port_may_be_left_out(self, portal, server):
        found = volumes.lun(connection(target_portal=portal), INITIATOR)
        assert found.address.server == server

    @pytest.mark.parametrize(('entry', 'refusal', 'told'), [
        (connection('rbd'), exception.VolumeDriverNotFound, 'rbd'),
        (connection('fibre_channel'), exception.VolumeDriverNotFound,
         'fibre_channel'),
        (connection(encrypted=True), exception.VolumeEncryptionNotSupported,
         'the-volume'),
        ({**connection(), 'multiattach': True},
         exception.MultiattachNotSupportedByVirtDriver, 'the-volume'),
        (connection(auth_method='SRP'), exception.InvalidVolume, 'SRP'),
        (connection(access_mode='ro'), exception.InvalidVolume, 'read'),
        (connection(target_lun=None), exception.InvalidVolume, 'the-volume'),
        ({'driver_volume_type': 'iscsi', 'data': {}},
         exception.InvalidVolume, 'target_portal'),
        ({}, exception.VolumeDriverNotFound, 'None')])
    def test_what_cannot_be_is_refused(self, entry, refusal, told):
        with pytest.raises(refusal, match=told):
            volumes.lun(entry, INITIATOR)

    def test_one_of_which_nova_knows_the_encryption_is_refused(self):
        with pytest.raises(exception.VolumeEncryptionNotSupported):
            volumes.lun(connection(), INITIATOR, {'provider': 'luks'})

    def test_its_secret_is_in_no_error(self):
        with pytest.raises(exception.InvalidVolume) as raised:
            volumes.lun(connection(auth_password='se cret',
                                   target_lun='none'), INITIATOR)
        assert 'se cret' not in str(raised.value)


class TestPlanned:
    def test_what_has_no_connection_yet_is_left_out(self):
        entries = {'block_device_mapping': [
            {'connection_info': {}, 'boot_index': None},
            {'connection_info': connection(), 'mount_device': '/dev/sdb',
             'boot_index': 0}]}
        found, = volumes.planned(entries, INITIATOR)
        assert (found.device_name, found.boots) == ('/dev/sdb', True)
        assert not cinder.are_connected(entries)

    @pytest.mark.parametrize('nothing', [None, {}, {
        'block_device_mapping': []}])
    def test_there_may_be_none(self, nothing):
        assert volumes.planned(nothing, INITIATOR) == []


class TestPort:
    @pytest.mark.parametrize(('name', 'taken', 'port'), [
        ('/dev/sdb', {0}, 2), ('/dev/sdc', {0}, 3), ('/dev/vdb', {0}, 2),
        ('sdb', {0}, 2), ('/dev/sdb', {0, 2}, 3), ('/dev/sda', {0}, 2),
        ('', {0}, 2), (None, {0}, 2), ('/dev/sdaa', {0}, 2),
        # the place of a rescued server's own disk
        ('/dev/sdab', {0, *range(2, 27)}, 27), ('/dev/sdz', {0}, 26)])
    def test_it_is_as_the_name_if_it_can(self, name, taken, port):
        assert volumes.port(name, taken) == port

    def test_all_may_be_taken(self):
        with pytest.raises(exception.TooManyDiskDevices):
            volumes.port('/dev/sdb', range(28))
