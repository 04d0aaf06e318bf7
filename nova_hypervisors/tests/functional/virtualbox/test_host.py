# SPDX-License-Identifier: Apache-2.0
"""The host as Nova and Placement see it, on the real VirtualBox."""

import re

import pytest
from nova import exception
from nova.compute import provider_tree
from nova.objects import fields

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()


def see(driver):
    """Return what Placement is told of the host."""
    found = provider_tree.ProviderTree()
    resource = driver.get_available_resource('here')
    found.new_root('here', resource['uuid'])
    driver.update_provider_tree(found, 'here')
    return found.data('here')


class TestNode:
    @pytest.mark.feature('operation.get-host-status')
    def test_what_it_has(self, driver):
        node, = driver.get_available_nodes()
        found = driver.get_available_resource(node)
        assert found['hypervisor_hostname'] == 'here'
        assert found['hypervisor_type'] == 'VirtualBox'
        assert 7_000_000 <= found['hypervisor_version'] < 2 ** 31
        assert found['vcpus'] >= 1
        assert found['memory_mb'] > found['memory_mb_used'] > 0
        assert found['local_gb'] > 0
        assert found['supported_instances'] == [
            (fields.Architecture.from_host(), 'vbox', 'hvm')]

    @pytest.mark.feature('operation.get-host-status')
    def test_it_is_the_same_after_a_restart(self, make_driver):
        first = make_driver().get_available_resource('here')['uuid']
        driver = make_driver()
        assert driver.get_available_resource('here')['uuid'] == first
        assert driver.get_nodenames_by_uuid() == {first: 'here'}

    def test_processors_in_use_are_counted(self, driver, spawn, image):
        spawn(builders.instance(image, vcpus=2))
        assert driver.get_available_resource('here')['vcpus_used'] == 2

    @pytest.mark.feature('operation.get-host-uptime')
    def test_its_uptime_is_as_clients_read_it(self, driver):
        # As python-openstackclient does.
        assert re.match(r'\s*(.+)\sup\s+(.+),\s+(.+)\susers?,'
                        r'\s+load average:\s(.+)', driver.get_host_uptime())

    @pytest.mark.feature('operation.get-host-ip')
    def test_its_address(self, driver):
        assert driver.get_host_ip_addr() == '127.0.0.1'


class TestInventory:
    @pytest.mark.feature('operation.inventory')
    def test_it_is_what_the_host_has(self, driver):
        tree = see(driver)
        found = driver.get_available_resource('here')
        assert {name: entry['total']
                for name, entry in tree.inventory.items()} == {
            'VCPU': found['vcpus'], 'MEMORY_MB': found['memory_mb'],
            'DISK_GB': found['local_gb']}

    def test_its_architecture_is_a_trait(self, driver):
        tree = see(driver)
        arch = fields.Architecture.from_host().upper()
        assert {f'HW_ARCH_{arch}', f'COMPUTE_ARCH_{arch}'} <= tree.traits

    def test_what_strangers_use_is_reserved(self, config, driver, folder,
                                            real_virtualbox):
        config.config(reserved_host_memory_mb=100, ram_allocation_ratio=1.0,
                      cpu_allocation_ratio=2.0)
        stranger = '11111111-2222-4333-8444-555555555555'
        real_virtualbox.client.create_machine(api.MachineSpec(
            uuid=stranger, name='stranger', folder=folder, vcpus=2,
            memory_mb=128))
        disk = peers.make_vdi(folder / 'stranger.vdi')
        real_virtualbox.client.attach_disk(stranger, 0, disk)
        before = self._reserved(driver)
        real_virtualbox.client.start(stranger)
        after = self._reserved(driver)
        assert before['MEMORY_MB'] + 128 == after['MEMORY_MB']
        # Two processors where each is given out twice.
        assert before['VCPU'] + 1 == after['VCPU']
        assert before['DISK_GB'] == 1

    def _reserved(self, driver):
        return {name: entry['reserved'] for name, entry
                in see(driver).inventory.items()}

    def test_our_own_servers_are_not_reserved(self, config, driver, spawn):
        before = self._reserved(driver)
        spawn()
        assert self._reserved(driver) == before


class TestDiagnostics:
    @pytest.mark.feature('operation.diagnostics')
    def test_a_running_server(self, driver, spawn, hears):
        vif = builders.vif()
        instance = spawn(vifs=[vif])
        hears(instance, 'beat')
        first = driver.get_instance_diagnostics(instance)
        assert first.cpu_details[0].time > 0
        peers.wait_until(lambda: driver.get_instance_diagnostics(
            instance).cpu_details[0].time > first.cpu_details[0].time,
            timeout_s=30)
        second = driver.get_instance_diagnostics(instance)
        assert (second.state, second.driver, second.hypervisor) == (
            'running', 'libvirt', 'virtualbox')
        assert second.num_cpus == second.num_nics == second.num_disks == 1
        assert second.memory_details.maximum == 64
        assert second.uptime > 0
        assert second.nic_details[0].mac_address == vif['address']
        old = driver.get_diagnostics(instance)
        assert old['cpu0_time'] >= second.cpu_details[0].time
        assert old['memory'] == 64 * 1024

    def test_one_that_is_off(self, driver, spawn):
        instance = spawn()
        driver.power_off(instance)
        found = driver.get_instance_diagnostics(instance)
        assert found.state == 'shutdown'
        assert found.cpu_details[0].time is None
        assert driver.get_diagnostics(instance)['state'] == 'off'


class TestStart:
    def test_all_that_is_wrong_is_said_at_once(self, config, make_driver):
        config.config(group='virtualbox', vrde_port='nonsense',
                      physical_network_mappings=['also nonsense'])
        config.config(group='rdp', enabled=True)
        with pytest.raises(exception.InvalidConfiguration) as caught:
            make_driver()
        text = str(caught.value)
        assert 'vrde_port' in text
        assert 'physical_network_mappings' in text
        assert '[rdp] enabled' in text

    def test_a_pack_that_is_not_installed_is_named(self, config, make_driver):
        config.config(group='virtualbox', vrde_module='None Such')
        with pytest.raises(exception.InvalidConfiguration,
                           match=r'"None Such" is not installed.*"VNC"'):
            make_driver()

    def test_two_processes_look_at_a_hundred_machines(
            self, config, make_driver, real_virtualbox, folder, web_service):
        config.config(group='virtualbox', state_poll_interval=3600)
        # The web service makes machines faster.
        client = web_service.client
        for number in range(100):
            uuid = f'11111111-2222-4333-8444-{number:012}'
            client.create_machine(api.MachineSpec(
                uuid=uuid, name=f'm{number}', folder=folder, vcpus=1,
                memory_mb=64))
            client.set_extradata(f'nova_hypervisors/machine/{uuid}', uuid)
        driver = make_driver(client=real_virtualbox.client)
        real_virtualbox.runner.calls.clear()
        driver._parts.watcher.look()
        for uuid in driver._parts.machines.claimed():
            driver.get_info(builders.instance(uuid=uuid))
        assert len(real_virtualbox.runner.calls) == 2
        for machine in client.list_machines():
            client.delete_machine(machine.uuid)
