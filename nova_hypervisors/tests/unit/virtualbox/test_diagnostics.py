# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
from nova.objects import fields

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.virtualbox import diagnostics

State = api.MachineState

NAT = api.Attachment(api.AttachmentKind.NAT)

SETTINGS = api.MachineSettings(
    'a uuid', 'a name', None, vcpus=2, memory_mb=512,
    disks=(api.AttachedDisk(0, api.DiskKind.DISK, '/root.vdi'),
           api.AttachedDisk(2, api.DiskKind.DISK, '/swap.vdi')),
    nics=(api.Nic(1, 'fa:16:3e:00:00:01', 'virtio', NAT),
          # A spare one, of which nothing is told.
          api.Nic(2, 'fa:16:3e:00:00:02', 'virtio', api.UNPLUGGED),
          api.Nic(3, 'fa:16:3e:00:00:03', 'virtio', NAT)))

STATISTICS = api.MachineStatistics(
    uptime_s=60, cpu_times_ns=(700, 800),
    nics={1: api.NicStatistics(10, 11), 3: api.NicStatistics(30, 31)},
    disks={0: api.DiskStatistics(1000, 1, 2000, 2),
           2: api.DiskStatistics(3000, 3, 4000, 4)})

RUNNING = diagnostics.Examination(State.RUNNING, SETTINGS, STATISTICS, True)
OFF = diagnostics.Examination(State.OFF, SETTINGS, None, False)

# Some counters that VirtualBox does not have, as for an adapter of another
# kind.
PARTLY = dataclasses.replace(RUNNING, statistics=dataclasses.replace(
    STATISTICS, cpu_times_ns=(700,), nics={1: api.NicStatistics(10, 11)},
    disks={2: api.DiskStatistics(3000, 3, 4000, 4)}))


class TestObject:
    def test_who_it_is(self):
        found = diagnostics.as_object(RUNNING)
        # Nova knows five drivers by name, and ours is none of them.
        assert (found.driver, found.hypervisor) == ('libvirt', 'virtualbox')
        assert (found.state, found.uptime) == ('running', 60)
        assert found.config_drive is True
        assert found.memory_details.maximum == 512

    def test_each_processor(self):
        found = diagnostics.as_object(RUNNING).cpu_details
        assert [(cpu.id, cpu.time) for cpu in found] == [(0, 700), (1, 800)]

    def test_each_adapter(self):
        found = diagnostics.as_object(RUNNING).nic_details
        assert [(nic.mac_address, nic.rx_octets, nic.tx_octets)
                for nic in found] == [('fa:16:3e:00:00:01', 10, 11),
                                      ('fa:16:3e:00:00:03', 30, 31)]

    def test_each_disk(self):
        found = diagnostics.as_object(RUNNING).disk_details
        assert [(disk.read_bytes, disk.read_requests, disk.write_bytes,
                 disk.write_requests) for disk in found] == [
            (1000, 1, 2000, 2), (3000, 3, 4000, 4)]

    def test_what_does_not_run_has_no_counters(self):
        found = diagnostics.as_object(OFF)
        assert (found.state, found.uptime) == ('shutdown', 0)
        assert found.config_drive is False
        assert [cpu.time for cpu in found.cpu_details] == [None, None]
        assert [nic.rx_octets for nic in found.nic_details] == [None, None]
        assert [disk.read_bytes for disk in found.disk_details] == [
            None, None]
        assert (found.num_cpus, found.num_nics, found.num_disks) == (2, 2, 2)

    def test_nor_has_all_that_runs(self):
        found = diagnostics.as_object(PARTLY)
        assert [cpu.time for cpu in found.cpu_details] == [700, None]
        assert [nic.tx_octets for nic in found.nic_details] == [11, None]
        assert [disk.write_bytes for disk in found.disk_details] == [
            None, 4000]

    @pytest.mark.parametrize('state', list(State))
    def test_every_state_is_one_of_nova_s(self, state):
        found = diagnostics.as_object(dataclasses.replace(OFF, state=state))
        assert found.state in fields.InstancePowerState.ALL


class TestDict:
    def test_what_the_older_api_shows(self):
        assert diagnostics.as_dict(RUNNING) == {
            'state': 'running', 'vcpus': 2, 'memory': 512 * 1024,
            'uptime': 60, 'cpu0_time': 700, 'cpu1_time': 800,
            'nic1_rx': 10, 'nic1_tx': 11, 'nic3_rx': 30, 'nic3_tx': 31,
            'disk0_read': 1000, 'disk0_read_req': 1, 'disk0_write': 2000,
            'disk0_write_req': 2, 'disk2_read': 3000, 'disk2_read_req': 3,
            'disk2_write': 4000, 'disk2_write_req': 4}

    def test_what_does_not_run_has_no_counters(self):
        assert diagnostics.as_dict(OFF) == {
            'state': 'off', 'vcpus': 2, 'memory': 512 * 1024}

    def test_what_is_not_counted_is_left_out(self):
        found = diagnostics.as_dict(PARTLY)
        assert 'nic3_rx' not in found
        assert 'cpu1_time' not in found
        assert 'disk0_read' not in found
        assert found['nic1_rx'] == 10
