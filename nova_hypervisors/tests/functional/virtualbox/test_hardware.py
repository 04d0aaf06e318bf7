# SPDX-License-Identifier: Apache-2.0
"""What flavors and images say of a server's hardware, on running guests."""

import re
import time

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import parse
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

MB = 1 << 20

# What reads its own disk for as long as it runs, 32 KiB at a time, by the
# BIOS's extended read.
READER = bytes.fromhex('31c0 8ed8 8ed0 bc007c fb'  # stack; interrupts on
                       'be157c b442 b280 cd13'     # read what 0x7c15 says
                       'ebf5'                      # again
                       '1000 4000 0000 0010 0100000000000000')
PARTITION_TABLE = 446
LOOK_S = 5


@pytest.fixture
def reader(image_api, folder):
    """An image of a guest that reads all the time."""
    guest = peers.lab().guest.read_bytes()
    path = folder / 'reader.raw'
    path.write_bytes(READER.ljust(PARTITION_TABLE, b'\0')
                     + guest[PARTITION_TABLE:])
    return image_api.add('raw', path)


def log(real, instance):
    folder = real.client.machine_settings(instance.uuid).folder
    return (folder / 'Logs/VBox.log').read_text()


def settings(real, instance):
    return real.client.machine_settings(instance.uuid)


def pairs(real, instance):
    return parse.pairs(real.manage('showvminfo', instance.uuid,
                                   '--machinereadable'))


class TestBoot:
    """What makes a BIOS wait is there for those who want it."""

    @pytest.mark.feature('boot.menu')
    def test_a_menu(self, spawn, hears, real_virtualbox):
        instance = spawn(image_meta=builders.image_meta(hw_boot_menu=True))
        assert pairs(real_virtualbox, instance)['bootmenu'] == (
            'messageandmenu')
        hears(instance, 'beat')

    def test_no_menu(self, spawn, real_virtualbox):
        assert pairs(real_virtualbox, spawn())['bootmenu'] == 'disabled'

    def test_no_more_ports_than_the_operator_says(
            self, make_driver, spawn, config, hears, real_virtualbox):
        config.config(group='virtualbox', disk_ports=5)
        instance = spawn(driver=make_driver())
        assert pairs(real_virtualbox, instance)[
            'storagecontrollerportcount0'] == '5'
        hears(instance, 'beat')


class TestDisks:
    @pytest.mark.feature('hardware.disk-bus')
    @pytest.mark.parametrize(('properties', 'bus'), [
        ({'hw_disk_bus': 'virtio'}, api.DiskBus.VIRTIO),
        ({'hw_disk_bus': 'ide'}, api.DiskBus.IDE),
        ({'hw_disk_bus': 'scsi'}, api.DiskBus.SCSI)])
    def test_the_guest_boots_from_the_bus_that_the_image_wants(
            self, spawn, hears, image, real_virtualbox, properties, bus):
        instance = spawn(builders.instance(image),
                         image_meta=builders.image_meta(**properties))
        hears(instance, 'beat')
        assert settings(real_virtualbox, instance).disk_bus is bus

    def test_one_that_there_is_not_leaves_nothing(self, driver, spawn):
        with pytest.raises(exception.UnsupportedHardware, match='usb'):
            spawn(image_meta=builders.image_meta(hw_disk_bus='usb'))
        assert driver.list_instances() == []

    def _speed(self, driver, instance):
        """Return the bytes a second that a server reads."""
        first = self._read(driver, instance)
        peers.wait_until(lambda: self._read(driver, instance) > first + MB,
                         timeout_s=60)
        begun, before = time.monotonic(), self._read(driver, instance)
        time.sleep(LOOK_S)
        return ((self._read(driver, instance) - before)
                / (time.monotonic() - begun))

    def _read(self, driver, instance):
        disk, = driver.get_instance_diagnostics(instance).disk_details
        return disk.read_bytes or 0

    @pytest.mark.feature('guest.disk.rate-limit')
    def test_a_guest_reads_no_faster_than_its_flavor_lets_it(
            self, driver, spawn, reader):
        free = spawn(builders.instance(reader))
        held = spawn(builders.instance(reader, extra_specs={
            'quota:disk_total_bytes_sec': str(MB)}))
        # It counts in whole seconds.
        assert self._speed(driver, held) < 1.5 * MB
        assert self._speed(driver, free) > 3 * MB

    @pytest.mark.feature('disk.unsafe-cache')
    def test_flushes_are_ignored_only_where_the_flavor_says_so(
            self, spawn, image, real_virtualbox):
        safe = spawn(builders.instance(image))
        unsafe = spawn(builders.instance(image, extra_specs={
            'virtualbox:disk_cache': 'unsafe'}))
        assert 'Async flushes will be passed' in log(real_virtualbox, safe)
        text = log(real_virtualbox, unsafe)
        assert 'Async flushes will be ignored' in text
        # The guest's disk goes through the host's cache, or past it.
        assert 'UseNewIo' not in text
        assert 'UseNewIo' in log(real_virtualbox, safe)

    def test_those_of_ide_are_not_ignored_either(self, spawn, image,
                                                 real_virtualbox):
        instance = spawn(builders.instance(image),
                         image_meta=builders.image_meta(hw_disk_bus='ide'))
        assert 'Flushes will be passed' in log(real_virtualbox, instance)


class TestNetwork:
    @pytest.mark.feature('network.rate-limit')
    def test_a_running_server_has_the_limit_of_its_flavor(
            self, spawn, image, real_virtualbox):
        instance = spawn(builders.instance(image, extra_specs={
            'quota:vif_outbound_average': '512'}), vifs=[builders.vif()])
        assert settings(real_virtualbox, instance).limits == api.Limits(
            0, 512)
        # What its adapter is told when it starts.
        assert re.search(r'BwGroup +<string> += "nics"',
                         log(real_virtualbox, instance))

    @pytest.mark.feature('hardware.vif-model')
    @pytest.mark.parametrize(('name', 'model'), [
        ('virtio', 'virtio'), ('e1000', '82540EM'), ('pcnet', 'Am79C973')])
    def test_it_has_the_adapter_that_the_image_wants(
            self, spawn, image, real_virtualbox, name, model):
        instance = spawn(
            builders.instance(image), vifs=[builders.vif()],
            image_meta=builders.image_meta(hw_vif_model=name))
        nic, = settings(real_virtualbox, instance).nics
        assert nic.model == model


class TestPlatform:
    @pytest.mark.feature('hardware.chipset', 'hardware.os-type')
    @pytest.mark.parametrize(('name', 'chipset'), [
        ('pc', 'piix3'), ('q35', 'ich9')])
    def test_the_guest_runs_on_what_the_image_wants(
            self, spawn, hears, image, real_virtualbox, name, chipset):
        instance = spawn(builders.instance(image),
                         image_meta=builders.image_meta(
            hw_machine_type=name, os_type='linux', os_distro='debian'))
        hears(instance, 'beat')
        found = settings(real_virtualbox, instance)
        assert (found.chipset, found.os_type) == (chipset, 'Debian_64')

    @pytest.mark.feature('operation.uefi-boot', 'operation.secure-boot',
                         'operation.boot-emulated-tpm')
    def test_a_server_starts_with_efi_secure_boot_and_a_tpm(
            self, driver, spawn, image, real_virtualbox):
        instance = spawn(
            builders.instance(image, memory_mb=256,
                              extra_specs={'hw:tpm_version': '2.0'}),
            image_meta=builders.image_meta(hw_firmware_type='uefi',
                                           os_secure_boot='required'))
        found = settings(real_virtualbox, instance)
        assert (found.efi, found.tpm) == (True, '2.0')
        assert real_virtualbox.client.machine_state(instance.uuid) is (
            api.MachineState.RUNNING)
        text = log(real_virtualbox, instance)
        assert '/Devices/efi/0/' in text
        assert '/Devices/tpm/0/' in text
        driver.power_off(instance)
        keys = real_virtualbox.manage('modifynvram', instance.uuid,
                                      'listvars')
        assert {'PK', 'KEK', 'db', 'SecureBootEnable'} <= set(
            re.findall(r'\w+', keys))

    def test_one_with_a_bios_has_neither(self, spawn, image,
                                         real_virtualbox):
        instance = spawn(builders.instance(image))
        found = settings(real_virtualbox, instance)
        assert (found.efi, found.tpm) == (False, '')
        assert '/Devices/tpm/0/' not in log(real_virtualbox, instance)
