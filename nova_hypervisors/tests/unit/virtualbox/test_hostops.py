# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import shutil

import pytest
from nova import exception
from oslo_utils import units

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.common import resources
from nova_hypervisors.virtualbox import hostops
from nova_hypervisors.virtualbox import machines

State = api.MachineState

RATIOS = {'VCPU': 1.0, 'MEMORY_MB': 1.0, 'DISK_GB': 1.0}


@pytest.fixture
def ours(vbox):
    return machines.Machines(vbox)


@pytest.fixture
def make_host(vbox, ours, parts):
    def make_host(vcpus=0, memory_mb=0, disk_gb=0):
        return hostops.HostOps(
            vbox, ours, parts.files, parts.storage, hostname='here',
            reserved=resources.Reserved(vcpus, memory_mb, disk_gb))
    return make_host


@pytest.fixture
def host(make_host):
    return make_host()


@pytest.fixture
def known_disk(vbox):
    """Let VirtualBox know a disk with some bytes in it."""
    def known_disk(path, size=units.Mi):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'x' * size)
        vbox.open_disk(path)
        return path
    return known_disk


class TestVersion:
    def at(self, vbox, *numbers):
        vbox.get_version = lambda: version.Version(*numbers)

    @pytest.mark.parametrize('numbers', [(6, 1, 50), (5, 2, 44), (4, 3, 20)])
    def test_one_that_is_too_old_is_refused(self, host, vbox, numbers):
        self.at(vbox, *numbers)
        with pytest.raises(exception.InvalidConfiguration,
                           match=r'too old: this driver needs 7\.0'):
            host.check_version()

    @pytest.mark.parametrize('numbers', [(7, 0, 0), (7, 1, 4), (7, 2, 99)])
    def test_one_that_is_known_is_fine(self, host, vbox, caplog,
                                      numbers):
        self.at(vbox, *numbers)
        host.check_version()
        assert caplog.records == []

    def test_one_that_is_newer_may_work(self, host, vbox, caplog):
        self.at(vbox, 8, 0, 0)
        host.check_version()
        record, = caplog.records
        assert '8.0.0 is newer' in record.getMessage()


class TestStrangers:
    def test_where_there_are_none_they_use_nothing(self, host):
        assert host.strangers_usage() == hostops.Usage(0, 0, 0)

    def test_those_that_run_use_processors_and_memory(self, host, machine):
        machine(State.RUNNING, vcpus=2, memory_mb=128)
        machine(State.PAUSED, vcpus=1, memory_mb=64)
        machine(State.OFF, vcpus=8, memory_mb=4096)
        machine(State.SAVED, vcpus=8, memory_mb=4096)
        assert host.strangers_usage() == hostops.Usage(3, 192, 0)

    def test_ours_are_not_strangers(self, host, machine, ours):
        ours.claim(machine(State.RUNNING))
        assert host.strangers_usage() == hostops.Usage(0, 0, 0)

    def test_one_that_was_just_deleted_uses_nothing(self, host, machine,
                                                    vbox):
        gone = machine(State.RUNNING)
        states = vbox.machine_states()
        vbox.power_off(gone)
        vbox.delete_machine(gone)
        vbox.machine_states = lambda: states
        assert host.strangers_usage() == hostops.Usage(0, 0, 0)

    def test_their_disks_use_what_they_take(self, host, tmp_path,
                                            known_disk):
        known_disk(tmp_path / 'stranger.vdi')
        assert host.strangers_usage().disk_gb == 1

    def test_what_is_not_written_takes_nothing(self, host, tmp_path, vbox):
        path = tmp_path / 'sparse.vdi'
        with path.open('wb') as file:
            file.truncate(100 * units.Gi)
        vbox.open_disk(path)
        assert host.strangers_usage().disk_gb == 0

    def test_our_own_disks_are_counted_by_nova(self, host, parts,
                                               known_disk):
        known_disk(parts.files.instances / 'uuid/root.vdi')
        known_disk(parts.files.image_cache / 'image.vdi')
        assert host.strangers_usage().disk_gb == 0

    def test_a_disk_that_is_gone_takes_nothing(self, host, tmp_path,
                                               known_disk):
        known_disk(tmp_path / 'gone.vdi').unlink()
        assert host.strangers_usage().disk_gb == 0


class TestInventory:
    def test_it_is_all_that_the_host_has(self, host, tmp_path):
        disk_gb = shutil.disk_usage(tmp_path).total // units.Gi
        found = host.inventory(RATIOS)
        assert {name: (entry['total'], entry['max_unit'], entry['reserved'])
                for name, entry in found.items()} == {
            'VCPU': (2, 2, 0), 'MEMORY_MB': (16384, 16384, 0),
            'DISK_GB': (disk_gb, disk_gb, 0)}

    def test_no_machine_gets_more_processors_than_virtualbox_gives(
            self, host, vbox):
        vbox.host = lambda: dataclasses.replace(
            type(vbox)().host(), cpus=128, cores=64)
        entry = host.inventory(RATIOS)['VCPU']
        assert (entry['total'], entry['max_unit']) == (128, 64)

    def test_what_the_operator_keeps_is_reserved(self, make_host):
        found = make_host(1, 512, 3).inventory(RATIOS)
        assert {name: entry['reserved'] for name, entry in found.items()} == {
            'VCPU': 1, 'MEMORY_MB': 512, 'DISK_GB': 3}

    def test_and_what_strangers_use(self, make_host, machine, tmp_path,
                                    known_disk):
        machine(State.RUNNING, vcpus=1, memory_mb=128)
        known_disk(tmp_path / 'stranger.vdi')
        found = make_host(1, 512, 3).inventory(RATIOS)
        assert {name: entry['reserved'] for name, entry in found.items()} == {
            'VCPU': 2, 'MEMORY_MB': 640, 'DISK_GB': 4}

    def test_strangers_share_what_is_given_out_several_times(
            self, host, machine):
        machine(State.RUNNING, vcpus=5, memory_mb=1000)
        found = host.inventory({'VCPU': 4.0, 'MEMORY_MB': 1.5,
                                'DISK_GB': 1.0})
        assert found['VCPU']['allocation_ratio'] == 4.0
        # 5 of 8, 1000 of 24576; rounded up.
        assert found['VCPU']['reserved'] == 2
        assert found['MEMORY_MB']['reserved'] == 667

    def test_placement_takes_no_more_reserved_than_there_is(self, host,
                                                            machine):
        machine(State.RUNNING, vcpus=32, memory_mb=99999)
        found = host.inventory(RATIOS)
        assert found['VCPU']['reserved'] == 2
        assert found['MEMORY_MB']['reserved'] == 16384


class TestNode:
    @pytest.mark.parametrize(('architecture', 'trait'), [
        ('x86_64', 'X86_64'), ('aarch64', 'AARCH64')])
    def test_its_architecture(self, host, vbox, architecture, trait):
        vbox.host = lambda: dataclasses.replace(
            type(vbox)().host(), architecture=architecture)
        assert host.architecture_traits() == {
            f'HW_ARCH_{trait}', f'COMPUTE_ARCH_{trait}'}

    def test_only_our_own_servers_use_its_processors(self, host, machine,
                                                     ours, config):
        for state, vcpus in ((State.RUNNING, 2), (State.PAUSED, 1),
                             (State.OFF, 8)):
            ours.claim(machine(state, vcpus=vcpus))
        machine(State.RUNNING, vcpus=16)
        assert host.available_resource()['vcpus_used'] == 3

    def test_its_processor(self, host, vbox):
        vbox.host = lambda: dataclasses.replace(
            type(vbox)().host(), cpus=8, cores=4)
        info = json.loads(host.available_resource()['cpu_info'])
        assert info == {
            'arch': 'x86_64', 'model': 'Fake',
            'topology': {'sockets': 1, 'cores': 4, 'threads': 2}}
