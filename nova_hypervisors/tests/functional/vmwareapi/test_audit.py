# SPDX-License-Identifier: Apache-2.0
"""What an audit of an ESX host finds, and what it leaves alone."""

import time
import uuid

import pytest

from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.common import audits
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import servers as fake_servers
from nova_hypervisors.vmwareapi import audit as auditing

LATER_S = 2 * audits.YOUNG_S


@pytest.fixture
def servers():
    return fake_servers.FakeServers()


@pytest.fixture
def audit(driver, servers):
    """Make an audit, two hours after everything has happened."""
    parts = driver._parts

    def audit(later_s=LATER_S):
        return auditing.Audit(
            parts.client, parts.machines, parts.layout, parts.vms,
            audits.Nova(servers, lambda: time.time() + later_s),
            'nova-').findings()
    return audit


@pytest.fixture
def server(spawn, servers):
    """Have a server here that Nova knows, too."""
    made = spawn()
    servers.has(made.uuid)
    return made


@pytest.fixture
def lone(client):
    """Have a folder of a server, of which there is nothing else."""
    found = api.DatastorePath('datastore1', f'nova/{uuid.uuid4()}')
    client.make_folder(found)
    return found


@pytest.fixture
def there(client):
    """Return the names in the folder of servers."""
    return lambda: [file.path for file in client.list_folder(
        api.DatastorePath('datastore1', 'nova'))]


def test_a_host_as_it_should_be_has_no_findings(server, stranger, audit):
    stranger()
    assert audit() == []


def test_a_machine_that_nova_never_had_is_deleted(spawn, driver, only, files):
    orphan = spawn().uuid
    found = only()
    assert (found.kind, found.waits) == ('machine', '')
    assert orphan in found.what
    found.repair()
    assert driver.list_instances() == []
    assert files() == []


def test_one_whose_server_is_elsewhere_keeps_its_files(
        server, servers, driver, only, files):
    servers.has(server.uuid, host='there')
    driver.power_off(server)
    found = only()
    found.repair()
    assert driver.list_instances() == []
    assert f'{server.uuid}/root.vmdk' in files()


def test_one_that_runs_here_and_elsewhere_is_not_ended(server, servers, only):
    servers.has(server.uuid, host='there')
    found = only()
    assert found.repair is None
    assert 'by hand: it is not off' in found.fix


def test_one_that_was_started_meanwhile_is_not_ended(server, servers, driver,
                                                     only):
    servers.has(server.uuid, host='there')
    driver.power_off(server)
    found = only()
    driver.power_on(builders.admin_context(), server, [])
    with pytest.raises(audits.Changed, match='now'):
        found.repair()


def test_one_whose_server_came_meanwhile_stays(spawn, servers, driver, only):
    orphan = spawn()
    found = only()
    servers.has(orphan.uuid)
    with pytest.raises(audits.Changed):
        found.repair()
    assert driver.list_instances() == [orphan.name]


def test_a_young_machine_is_left_alone(spawn, only):
    spawn()
    assert 'younger than an hour' in only(later_s=0).waits


def test_a_machine_that_is_being_made_is_left_alone(spawn, driver, only):
    driver._parts.layout.spawning(spawn().uuid).touch()
    assert only().waits == 'the server is being made'


def test_a_folder_of_a_deleted_server_is_deleted(lone, servers, only,
                                                 there):
    servers.deletes(lone.name)
    found = only()
    assert (found.kind, found.what) == ('folder', str(lone))
    found.repair()
    assert lone.name not in there()


def test_a_folder_of_another_host_is_no_finding(lone, servers, audit):
    servers.has(lone.name, host='there')
    assert audit() == []


def test_a_folder_that_nova_never_had_may_be_another_cells(lone, only):
    found = only()
    assert found.repair is None
    assert 'another cell' in found.fix


def test_a_folder_that_a_machine_uses_is_no_finding(lone, servers, client,
                                                    audit):
    servers.deletes(lone.name)
    client.create_machine(api.MachineSpec(
        uuid=str(uuid.uuid4()), name='stranger', vcpus=1, memory_mb=64,
        path=lone / 'stranger.vmx'))
    # The audit's own client watches the host for itself.
    time.sleep(1)
    assert audit() == []


def test_a_folder_whose_server_was_just_deleted_is_left_alone(
        lone, servers, only):
    servers.deletes(lone.name, changed=time.time() + LATER_S)
    assert 'changed 0 minutes ago' in only().waits


def test_a_port_group_that_nobody_uses_is_removed(client, only):
    client.add_port_group(api.PortGroup('nova-physnet1-105', 'vSwitch0', 105))
    found = only()
    assert (found.kind, found.what) == ('port group', 'nova-physnet1-105')
    found.repair()
    assert 'nova-physnet1-105' not in [
        group.name for group in client.network().port_groups]


def test_a_port_group_of_a_server_is_no_finding(spawn, servers, client,
                                                audit):
    servers.has(spawn(vifs=[builders.vif(vlan=105)]).uuid)
    assert 'nova-physnet1-105' in [
        group.name for group in client.network().port_groups]
    assert audit() == []


@pytest.mark.parametrize('group', [
    api.PortGroup('nova-physnet1-105', 'vSwitch0', 106),
    api.PortGroup('mine-105', 'vSwitch0', 105)])
def test_a_port_group_with_another_name_is_none_of_ours(client, audit, group):
    client.add_port_group(group)
    assert audit() == []


def test_a_port_group_waits_while_a_server_is_made(client, driver, only):
    client.add_port_group(api.PortGroup('nova-physnet1-105', 'vSwitch0', 105))
    driver._parts.layout.spawning(str(uuid.uuid4())).touch()
    assert 'is being made' in only().waits


def test_a_server_without_a_machine_is_not_for_us_to_mend(servers, only):
    servers.has(str(uuid.uuid4()))
    found = only()
    assert (found.kind, found.repair) == ('server', None)


def test_a_server_that_may_get_a_machine_is_left_alone(servers, only):
    servers.has(str(uuid.uuid4()), task_state='rebuilding')
    assert 'rebuilding' in only().waits
