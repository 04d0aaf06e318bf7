# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
from nova import exception

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import states
from nova_hypervisors.common import request
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders

NODE = baremetalnodes.make_node()
ROOT = {'block_device_mapping': [{
    'boot_index': 0, 'mount_device': '/dev/sda',
    'connection_info': {'driver_volume_type': 'iscsi'}}]}


def spawn(instance=None, block_device_info=None, **properties):
    instance = instance or builders.instance(
        'image-id', kernel_id='', ramdisk_id='')
    return request.SpawnRequest(
        None, instance, builders.image_meta(**properties), [],
        block_device_info or {})


class TestInstanceInfo:
    def test_what_nova_always_told_is_told(self):
        instance = builders.instance('image-id', kernel_id='k',
                                     ramdisk_id='r', root_gb=7)
        instance.flavor.swap = 512
        instance.flavor.ephemeral_gb = 3
        info = spec.instance_info(spawn(instance), 'ext4')
        assert info == {
            'instance_name': instance.name, 'display_name': 'a server',
            'image_source': 'image-id', 'kernel': 'k', 'ramdisk': 'r',
            'root_gb': 7, 'swap_mb': 512, 'ephemeral_gb': 3,
            'ephemeral_format': 'ext4', 'preserve_ephemeral': False,
            'capabilities': {}, 'boot': None, 'boot_once': None,
            'from_volume': None}

    def test_the_user_s_file_system_wins(self):
        info = spec.instance_info(spawn(block_device_info={
            'ephemerals': [{'guest_format': 'xfs'}]}), 'ext4')
        assert info['ephemeral_format'] == 'xfs'

    def test_a_volume_to_boot_from_leaves_no_image_to_write(self):
        info = spec.instance_info(spawn(block_device_info=ROOT), 'ext4')
        assert 'image_source' not in info
        assert spec.boots_from_volume(ROOT)
        assert not spec.boots_from_volume({})

    def test_what_it_boots_from_and_whether_it_starts(self):
        instance = builders.instance(
            'i', kernel_id='', ramdisk_id='', extra_specs={
                'baremetal:boot': 'network', 'baremetal:power_on': 'no'},
            system_metadata={'image_baremetal_boot': 'disk',
                             'image_baremetal_boot_once': 'disk'})
        info = spec.instance_info(spawn(instance), 'ext4')
        # The flavor wins.
        assert (info['boot'], info['boot_once']) == ('network', 'disk')
        assert info['capabilities'] == {}
        assert not spec.starts(spawn(instance))
        instance.flavor.extra_specs['baremetal:power_on'] = 'maybe'
        with pytest.raises(exception.InvalidInput, match="'maybe'; it may "
                           'be true or false'):
            spec.starts(spawn(instance))

    def test_the_image_s_firmware_wins_over_the_flavor_s(self):
        instance = builders.instance(
            'i', kernel_id='', ramdisk_id='', extra_specs={
                'capabilities:boot_mode': 'bios',
                'baremetal:boot_option': 'local', 'hw:x': 'y'})
        assert spec.capabilities(spawn(instance)) == {
            'boot_mode': 'bios', 'boot_option': 'local'}
        assert spec.capabilities(spawn(
            instance, hw_firmware_type='uefi',
            os_secure_boot='required')) == {
                'boot_mode': 'uefi', 'boot_option': 'local',
                'secure_boot': 'true'}


class TestNode:
    def test_nothing_of_it_is_counted(self):
        found = spec.resource(dataclasses.replace(NODE, properties={
            'cpu_arch': 'amd64', 'cpus': 8, 'memory_mb': 4096,
            'capabilities': {'gpu': True}}))
        assert (found['vcpus'], found['memory_mb'], found['local_gb']) == (
            0, 0, 0)
        assert found['uuid'] == found['hypervisor_hostname'] == NODE.uuid
        assert found['supported_instances'] == [
            ('x86_64', 'baremetal', 'hvm')]
        assert found['stats'] == {'cpu_arch': 'amd64', 'gpu': 'True'}
        assert spec.resource(dataclasses.replace(NODE, properties={}))[
            'supported_instances'] == []

    def test_there_is_one_of_its_class(self):
        assert spec.inventory(NODE) == {'CUSTOM_BAREMETAL_SMALL': {
            'total': 1, 'reserved': 0, 'min_unit': 1, 'max_unit': 1,
            'step_size': 1, 'allocation_ratio': 1.0}}

    @pytest.mark.parametrize('changes', [
        {'maintenance': True}, {'power_state': 'error'},
        {'instance_uuid': 'x'},
        *({'provision_state': state} for state in states.ALL
          if state != states.AVAILABLE)])
    def test_it_is_reserved_when_it_is_not_to_be_had(self, changes):
        entry, = spec.inventory(
            dataclasses.replace(NODE, **changes)).values()
        assert entry['reserved'] == 1

    def test_the_server_s_capabilities_win(self):
        node = nodes.Node('u', 'n', 'h', 'c', properties={'capabilities': {
            'boot_mode': 'bios', 'a': 'b'}}, instance_info={
                'capabilities': {'boot_mode': 'uefi'}})
        assert node.capabilities == {'boot_mode': 'uefi', 'a': 'b'}
