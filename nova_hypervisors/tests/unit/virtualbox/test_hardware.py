# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import hardware

Bus = api.DiskBus


def plan(extra_specs=None, system_metadata=None, **properties):
    return hardware.plan(
        builders.instance(extra_specs=extra_specs,
                          system_metadata=system_metadata),
        builders.image_meta(**properties))


def refusal(*words, **wanted):
    with pytest.raises((exception.Invalid, exception.UnsupportedHardware),
                       ) as caught:
        plan(**wanted)
    for word in words:
        assert word in str(caught.value)


class TestNothingAsked:
    def test_a_plain_machine(self):
        assert plan() == hardware.Hardware(
            'Other_64', api.Firmware(), boot_menu=False, disk_bus=Bus.SATA,
            unsafe_cache=False, limits=api.Limits())


class TestBootMenu:
    @pytest.mark.parametrize(('extra_specs', 'properties', 'expected'), [
        ({'hw:boot_menu': 'true'}, {}, True),
        ({}, {'hw_boot_menu': True}, True),
        ({'hw:boot_menu': 'false'}, {'hw_boot_menu': False}, False)])
    def test_who_wants_it_gets_it(self, extra_specs, properties, expected):
        assert plan(extra_specs, **properties).boot_menu is expected

    def test_a_flavor_that_says_neither(self):
        with pytest.raises(exception.InvalidInput,
                           match="hw:boot_menu of the flavor is 'F12'"):
            plan({'hw:boot_menu': 'F12'})


class TestGuest:
    @pytest.mark.parametrize(('properties', 'expected'), [
        ({'os_type': 'linux'}, 'Linux_64'),
        ({'os_type': 'windows'}, 'WindowsNT_64'),
        ({'os_type': 'linux', 'os_distro': 'debian'}, 'Debian_64'),
        ({'os_distro': 'Ubuntu'}, 'Ubuntu_64'),
        ({'os_type': 'linux', 'os_distro': 'an odd one'}, 'Linux_64'),
        ({'os_distro': 'windows'}, 'WindowsNT_64')])
    def test_it_has_virtualbox_s_name(self, properties, expected):
        assert plan(**properties).os_type == expected

    @pytest.mark.parametrize(('version', 'expected'), [
        ('2019', 'Windows2019_64'), ('8.1', 'Windows81_64'),
        ('3.11', 'WindowsNT_64')])
    def test_a_windows_has_a_version(self, version, expected):
        found = plan(system_metadata={'image_os_version': version},
                     os_type='windows')
        assert found.os_type == expected


class TestDiskBus:
    @pytest.mark.parametrize(('properties', 'expected'), [
        ({'hw_disk_bus': 'sata'}, Bus.SATA),
        ({'hw_disk_bus': 'ide'}, Bus.IDE),
        ({'hw_disk_bus': 'virtio'}, Bus.VIRTIO),
        ({'hw_disk_bus': 'scsi'}, Bus.SCSI),
        ({'hw_disk_bus': 'scsi', 'hw_scsi_model': 'lsisas1068'}, Bus.SAS),
        ({'hw_disk_bus': 'scsi', 'hw_scsi_model': 'virtio-scsi'},
         Bus.VIRTIO)])
    def test_the_image_chooses(self, properties, expected):
        assert plan(**properties).disk_bus is expected

    def test_one_that_there_is_not_is_named(self):
        refusal('usb', hw_disk_bus='usb')
        refusal('vmpvscsi', hw_disk_bus='scsi', hw_scsi_model='vmpvscsi')


class TestFirmware:
    @pytest.mark.parametrize(('specs', 'properties', 'expected'), [
        ({}, {'hw_firmware_type': 'bios'}, api.Firmware()),
        ({}, {'hw_firmware_type': 'uefi'}, api.Firmware(efi=True)),
        ({}, {'hw_firmware_type': 'uefi', 'os_secure_boot': 'required'},
         api.Firmware(efi=True, secure_boot=True)),
        ({'os:secure_boot': 'required'}, {'hw_firmware_type': 'uefi'},
         api.Firmware(efi=True, secure_boot=True)),
        ({}, {'hw_firmware_type': 'uefi', 'os_secure_boot': 'disabled'},
         api.Firmware(efi=True)),
        ({}, {'os_secure_boot': 'optional'}, api.Firmware()),
        ({'hw:tpm_version': '2.0'}, {}, api.Firmware(tpm='2.0')),
        ({}, {'hw_tpm_version': '1.2'}, api.Firmware(tpm='1.2'))])
    def test_flavor_and_image_choose(self, specs, properties, expected):
        assert plan(specs, **properties).firmware == expected

    def test_what_cannot_be_is_refused(self):
        refusal('hw_firmware_type=uefi', os_secure_boot='required')
        refusal('hw_firmware_stateless', hw_firmware_type='uefi',
                hw_firmware_stateless=True)
        refusal('3.0', extra_specs={'hw:tpm_version': '3.0'})
        refusal('tpm-crb', extra_specs={'hw:tpm_version': '2.0',
                                        'hw:tpm_model': 'tpm-crb'})


class TestLimits:
    @pytest.mark.parametrize(('specs', 'expected'), [
        ({'disk_total_bytes_sec': '10485760'}, api.Limits(10240, 0)),
        ({'vif_outbound_average': '512', 'vif_outbound_peak': '1024'},
         api.Limits(0, 512)),
        ({'disk_read_bytes_sec': '0', 'disk_total_bytes_sec': '0'},
         api.Limits())])
    def test_they_are_the_flavor_s(self, specs, expected):
        found = plan({f'quota:{name}': value
                      for name, value in specs.items()})
        assert found.limits == expected

    @pytest.mark.parametrize('name', [
        'disk_read_bytes_sec', 'disk_write_bytes_sec', 'disk_read_iops_sec',
        'disk_write_iops_sec', 'disk_total_iops_sec', 'vif_inbound_average',
        'vif_inbound_peak', 'vif_inbound_burst'])
    def test_what_virtualbox_cannot_limit_is_refused(self, name):
        refusal(f'quota:{name}', '7000000', 'use quota:',
                extra_specs={f'quota:{name}': '7000000'})

    @pytest.mark.parametrize('value', ['-1', 'many', '1.5', ''])
    def test_nonsense_is_refused(self, value):
        refusal('quota:disk_total_bytes_sec', repr(value),
                extra_specs={'quota:disk_total_bytes_sec': value})

    def test_a_low_one_is_not_none(self):
        found = plan({'quota:disk_total_bytes_sec': '1'})
        assert found.limits.disk_kib_s == 1


class TestCache:
    @pytest.mark.parametrize(('value', 'expected'), [
        ('safe', False), ('unsafe', True)])
    def test_the_flavor_chooses(self, value, expected):
        assert plan({'virtualbox:disk_cache': value}).unsafe_cache is expected

    def test_the_image_does_not(self):
        assert not plan(system_metadata={
            'image_virtualbox_disk_cache': 'unsafe'}).unsafe_cache

    def test_nonsense_is_refused(self):
        refusal('virtualbox:disk_cache', "'fast'", 'safe or unsafe',
                extra_specs={'virtualbox:disk_cache': 'fast'})

    def test_it_goes_with_no_limit(self):
        refusal('disk_cache', 'disk_total_bytes_sec', extra_specs={
            'virtualbox:disk_cache': 'unsafe',
            'quota:disk_total_bytes_sec': '2000000'})
