# SPDX-License-Identifier: Apache-2.0
"""The host and what it has for servers."""

import re

import pytest
from nova import exception
from nova.compute import provider_tree

from nova_hypervisors.capabilities import registry
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()
GIB = 2 ** 30


def provider(driver):
    found = provider_tree.ProviderTree()
    resource = driver.get_available_resource('here')
    found.new_root('here', resource['uuid'])
    driver.update_provider_tree(found, 'here')
    return found.data('here')


@pytest.mark.feature('operation.get-host-status')
def test_what_it_has(driver, spawn, image):
    spawn(builders.instance(image, vcpus=2))
    node, = driver.get_available_nodes()
    found = driver.get_available_resource(node)
    assert found['hypervisor_hostname'] == 'here'
    assert found['hypervisor_type'] == 'VMware ESXi'
    assert 6_005_000 <= found['hypervisor_version'] < 2 ** 31
    assert found['vcpus'] >= 1
    assert found['vcpus_used'] == 2
    assert found['memory_mb'] > found['memory_mb_used'] > 0
    assert found['local_gb'] > found['disk_available_least'] > 0
    assert ('x86_64', 'vmware', 'hvm') in found['supported_instances']
    assert driver.get_nodenames_by_uuid() == {found['uuid']: 'here'}


def test_asking_costs_one_short_call(driver, host):
    driver.get_available_resource('here')
    host.calls.clear()
    driver.get_available_resource('here')
    call, = [call for call in host.calls
             if call.name != 'WaitForUpdatesEx']
    assert call.received < 4096


@pytest.mark.feature('operation.inventory')
def test_strangers_are_reserved(driver, stranger, client):
    before = provider(driver).inventory
    client.power_on(stranger())
    after = provider(driver).inventory
    assert after['VCPU']['total'] == before['VCPU']['total']
    assert after['VCPU']['reserved'] == before['VCPU']['reserved'] + 1
    assert after['MEMORY_MB']['reserved'] == (
        before['MEMORY_MB']['reserved'] + 64)
    assert provider(driver).traits >= {
        'HW_ARCH_X86_64', *registry.traits('vmware-esx')}


@pytest.mark.feature('operation.get-host-uptime')
def test_its_uptime(driver):
    assert re.match(r' \d\d:\d\d:\d\d up \d+ days, [ \d]\d:\d\d$',
                    driver.get_host_uptime())


@pytest.mark.feature('operation.get-host-ip')
def test_its_address(driver):
    assert driver.get_host_ip_addr() == '127.0.0.1'


@pytest.mark.feature('operation.maintenance-mode')
def test_maintenance(driver, spawn, client):
    instance = spawn()
    with pytest.raises(exception.MigrationError, match=instance.name):
        driver.host_maintenance_mode('here', True)
    driver.power_off(instance)
    assert driver.host_maintenance_mode('here', True) == 'on_maintenance'
    assert client.usage().in_maintenance
    assert driver.host_maintenance_mode('here', False) == 'off_maintenance'
    assert not client.usage().in_maintenance


@pytest.mark.feature('operation.diagnostics')
def test_diagnostics(driver, spawn):
    instance = spawn(vifs=[builders.vif()])
    found = driver.get_instance_diagnostics(instance)
    assert (found.state, found.driver) == ('running', 'vmwareapi')
    assert (found.num_cpus, found.num_nics, found.num_disks) == (1, 1, 1)
    assert found.nic_details[0].mac_address == 'fa:16:3e:00:00:01'
    assert driver.get_diagnostics(instance)['vcpus'] == 1


def test_a_full_datastore_is_not_chosen(driver, spawn, host, files):
    host.fill_datastore(free=GIB // 2)
    with pytest.raises(exception.ComputeResourcesUnavailable,
                       match='1024 MB free'):
        spawn()
    assert files() == []


@pytest.mark.parametrize(('options', 'message'), [
    ({'host_ip': None}, r'\[vmware\] host_ip: it is not set'),
    ({'host_password': None}, 'neither it nor host_password is set'),
    ({'datastore_regex': '('}, 'is no regular expression'),
    ({'physical_network_mappings': ['physnet1']}, 'is not NETWORK:NAME'),
    ({'ca_file': '/no/such/file'}, 'cannot be read'),
])
def test_options_that_cannot_be_are_named(config, make_driver, options,
                                          message):
    config.config(group='vmware', **options)
    with pytest.raises(exception.InvalidConfiguration, match=message):
        make_driver()


def test_a_host_that_is_not_there_is_named(config, make_driver):
    config.config(group='vmware', host_port=1)
    config.config(group='vmware', api_retry_count=0)
    with pytest.raises(exception.HypervisorUnavailable, match=r'127\.0\.0\.1'):
        make_driver()
