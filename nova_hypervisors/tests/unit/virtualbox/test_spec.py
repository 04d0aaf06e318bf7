# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import files
from nova_hypervisors.virtualbox import spec

Boot = api.BootDevice

DISK_FIRST = (Boot.DISK, Boot.DVD)
NETWORK_FIRST = (Boot.NETWORK, Boot.DISK)


def plan(**properties):
    return spec.boot_plan(builders.instance(extra_specs={
        f'virtualbox:{name}': value for name, value in properties.items()}))


class TestOwnProperties:
    def test_the_image_s_counts(self):
        instance = builders.instance(system_metadata={
            'image_virtualbox_boot': 'network'})
        assert spec.boot_plan(instance).order == NETWORK_FIRST

    def test_the_flavor_s_counts_more(self):
        instance = builders.instance(
            extra_specs={'virtualbox:boot': 'disk'},
            system_metadata={'image_virtualbox_boot': 'network'})
        assert spec.boot_plan(instance).order == DISK_FIRST

    def test_that_of_another_name_does_not(self):
        instance = builders.instance(
            extra_specs={'boot': 'network'},
            system_metadata={'virtualbox_boot': 'network'})
        assert spec.boot_plan(instance).order == DISK_FIRST


class TestBootPlan:
    def test_a_server_boots_from_its_disk_unless_told_otherwise(self):
        assert plan() == spec.BootPlan(DISK_FIRST, None, True)

    @pytest.mark.parametrize(('boot', 'once', 'order', 'order_once'), [
        ('network', None, NETWORK_FIRST, None),
        ('network', 'network', NETWORK_FIRST, None),
        ('network', 'disk', NETWORK_FIRST, DISK_FIRST),
        ('disk', 'network', DISK_FIRST, NETWORK_FIRST),
        ('disk', 'disk', DISK_FIRST, None),
    ])
    def test_the_first_boot_may_differ(self, boot, once, order, order_once):
        properties = {'boot_once': once} if once else {}
        found = plan(boot=boot, **properties)
        assert (found.order, found.once) == (order, order_once)

    @pytest.mark.parametrize(('text', 'expected'), [
        ('true', True), ('Yes', True), ('1', True), ('on', True),
        ('false', False), ('No', False), ('0', False), ('off', False)])
    def test_it_is_started_or_not(self, text, expected):
        assert plan(power_on=text).power_on is expected

    @pytest.mark.parametrize(('name', 'valid'), [
        ('boot', 'disk or network'), ('boot_once', 'disk or network'),
        ('power_on', 'true or false')])
    def test_nonsense_is_refused_with_what_is_valid(self, name, valid):
        with pytest.raises(exception.InvalidInput) as caught:
            plan(**{name: 'floppy'})
        text = str(caught.value)
        for part in (f'virtualbox:{name}', f'virtualbox_{name}', "'floppy'",
                     valid):
            assert part in text


class TestAdapters:
    @pytest.mark.parametrize(('name', 'expected'), [
        (None, 'virtio'), ('virtio', 'virtio'), ('e1000', '82540EM'),
        ('pcnet', 'Am79C973')])
    def test_the_image_chooses_the_model(self, name, expected):
        properties = {'hw_vif_model': name} if name else {}
        meta = builders.image_meta(**properties)
        assert spec.nic_model(meta, plan()) == expected

    @pytest.mark.parametrize('name', ['boot', 'boot_once'])
    def test_what_boots_from_the_network_gets_one_that_can(self, name):
        boot = plan(**{name: 'network'})
        assert spec.nic_model(builders.image_meta(), boot) == '82540EM'

    def test_the_image_chooses_even_then(self):
        meta = builders.image_meta(hw_vif_model='virtio')
        assert spec.nic_model(meta, plan(boot='network')) == 'virtio'

    @pytest.mark.parametrize(('text', 'expected'), [
        (None, 1), ('0', 0), ('28', 28)])
    def test_a_flavor_says_how_many_are_spare(self, text, expected):
        specs = {'virtualbox:spare_adapters': text} if text else {}
        assert spec.spare_adapters(builders.instance(extra_specs=specs),
                                   1) == expected

    @pytest.mark.parametrize('text', ['29', '-1', 'two', ''])
    def test_a_number_that_cannot_be_is_refused(self, text):
        instance = builders.instance(
            extra_specs={'virtualbox:spare_adapters': text})
        with pytest.raises(exception.InvalidInput, match='from 0 to 28'):
            spec.spare_adapters(instance, 0)

    def test_a_model_that_there_is_not_is_named(self):
        meta = builders.image_meta(hw_vif_model='ne2k_pci')
        with pytest.raises(exception.UnsupportedHardware, match='ne2k_pci'):
            spec.nic_model(meta, plan())


class TestChipset:
    @pytest.mark.parametrize(('nics', 'expected'), [
        (0, 'piix3'), (8, 'piix3'), (9, 'ich9'), (29, 'ich9')])
    def test_many_adapters_need_the_larger_one(self, nics, expected):
        assert spec.chipset(builders.image_meta(), nics) == expected

    @pytest.mark.parametrize(('name', 'expected'), [
        ('pc', 'piix3'), ('piix3', 'piix3'), ('q35', 'ich9'),
        ('ich9', 'ich9')])
    def test_the_image_chooses(self, name, expected):
        meta = builders.image_meta(hw_machine_type=name)
        assert spec.chipset(meta, 1) == expected
        assert spec.chipset(meta, 20) == expected

    def test_one_that_there_is_not_is_named(self):
        meta = builders.image_meta(hw_machine_type='virt')
        with pytest.raises(exception.UnsupportedHardware, match='virt'):
            spec.chipset(meta, 1)

    def test_slots_are_counted_from_one(self):
        assert list(spec.slots('piix3')) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert (min(spec.slots('ich9')), max(spec.slots('ich9'))) == (1, 29)


class TestMachine:
    def make(self, tmp_path, meta=None, nics=(), **changes):
        instance = builders.instance(**changes)
        return instance, spec.machine_spec(
            instance, meta or builders.image_meta(),
            files.InstanceFiles(tmp_path), machine_uuid='a uuid', nics=nics,
            boot_order=NETWORK_FIRST, remote_display=None, disk_ports=8)

    def test_it_is_as_large_as_the_flavor_says(self, tmp_path):
        instance, machine = self.make(tmp_path, vcpus=3, memory_mb=512)
        assert (machine.vcpus, machine.memory_mb) == (3, 512)
        assert machine.name == instance.name
        assert machine.uuid == 'a uuid'
        assert machine.boot_order == NETWORK_FIRST
        assert machine.folder == tmp_path
        assert machine.serial_socket.parent == tmp_path

    def test_a_human_finds_the_server_in_its_description(self, tmp_path):
        instance, machine = self.make(tmp_path)
        for part in ('a server', instance.uuid, 'a project'):
            assert part in machine.description

    @pytest.mark.parametrize(('os_type', 'expected'), [
        ('linux', 'Linux_64'), ('windows', 'WindowsNT_64'),
        (None, 'Other_64')])
    def test_it_knows_its_guest(self, tmp_path, os_type, expected):
        properties = {'os_type': os_type} if os_type else {}
        _, machine = self.make(tmp_path, builders.image_meta(**properties))
        assert machine.os_type == expected

    def test_its_chipset_has_room_for_its_adapters(self, tmp_path):
        nics = tuple(api.Nic(slot, f'fa:16:3e:00:00:{slot:02x}', 'virtio',
                             api.UNPLUGGED) for slot in range(1, 10))
        _, machine = self.make(tmp_path, nics=nics)
        assert machine.nics == nics
        assert machine.chipset == 'ich9'


class TestBlankDisks:
    @pytest.fixture
    def disks(self, tmp_path):
        def disks(**info):
            found = spec.blank_disks(info, files.InstanceFiles(tmp_path))
            return [(disk.port, disk.path.name, disk.size_mb)
                    for disk in found]
        return disks

    def test_ephemeral_ones_come_before_swap(self, disks):
        assert disks(
            swap={'device_name': '/dev/sdd', 'swap_size': 64},
            ephemerals=[{'size': 2}, {'size': 1}]) == [
            (2, 'ephemeral0.vdi', 2048), (3, 'ephemeral1.vdi', 1024),
            (4, 'swap.vdi', 64)]

    @pytest.mark.parametrize('swap', [
        None, {'device_name': '/dev/sdb', 'swap_size': 0},
        {'device_name': None, 'swap_size': 64}])
    def test_swap_of_no_size_is_none(self, disks, swap):
        assert disks(swap=swap) == []

    def test_they_are_not_where_root_and_iso_are(self, disks):
        port, _, _ = disks(ephemerals=[{'size': 1}])[0]
        assert port not in (spec.ROOT_PORT, spec.ISO_PORT)
