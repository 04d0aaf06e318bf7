# SPDX-License-Identifier: Apache-2.0
"""Nodes that are made together with the servers that they are."""

import json

import openstack.exceptions
import pytest

from nova_hypervisors.baremetal.access import openstack as access
from nova_hypervisors.clients.bmc import openstack as client
from nova_hypervisors.tests.fakes import cloud as fake

WORDS = ('bare', '--from-cloud', 'lab', '--resource-class', 'small',
         '--cloud-flavor', 'small', '--cloud-image', 'empty',
         '--cloud-network', 'lab')


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    made = fake.Cloud()
    (tmp_path / 'image').write_bytes(b'')
    made.image.create_image('empty', tmp_path / 'image')
    monkeypatch.setattr(access, '_connect',
                        lambda values: client.Cloud(made))
    return made


@pytest.fixture
def nodes(node):
    def nodes():
        status, out, err = node('list', '-f', 'json')
        assert not status, err
        return sorted(found['Name'] for found in json.loads(out))
    return nodes


def test_they_are_there_and_off(node, nodes, cloud):
    status, _, err = node('create', *WORDS, '--count', '2',
                          '--cloud-network', 'storage')
    assert not status, err
    assert nodes() == ['bare-1', 'bare-2']
    found = json.loads(node('show', 'bare-1', '-f', 'json')[1])
    server, = (server for server in cloud.compute.all.values()
               if server.name == 'bare-1')
    assert server.status == 'SHUTOFF'
    assert found['driver_info'] == {'openstack_cloud': 'lab',
                                    'openstack_server': server.id}
    assert found['power_interface'] == 'openstack'
    assert found['properties'] == {'memory_mb': 2048, 'cpus': 2,
                                   'local_gb': 20}
    ports = [cloud.network.ports[port] for port in server.ports]
    assert [port['address'] for port in found['ports']] == [
        port.mac_address for port in ports]
    assert all(port.fixed_ips == [] and not port.port_security_enabled
               for port in ports)


def test_ports_as_those_of_other_servers(node, cloud):
    assert not node('create', *WORDS, '--cloud-addresses')[0]
    port, = cloud.network.ports.values()
    assert not hasattr(port, 'fixed_ips')


@pytest.mark.parametrize(('words', 'said'), [
    (('--cloud-flavor', 'none'), 'no flavor none'),
    (('--cloud-image', 'none'), 'no image none'),
    (('--cloud-network', 'none'), 'no network none'),
    (('--count', '0'), '--count 0'),
    (('--cloud-flavor', ''), '--from-cloud needs --cloud-flavor'),
    (('--driver-info', 'no_such=1'), 'no_such')])
def test_what_cannot_be_leaves_nothing(node, nodes, cloud, words, said):
    status, _, err = node('create', *WORDS, *words)
    assert status == 1
    assert said in err
    assert nodes() == []
    assert cloud.compute.all == cloud.network.ports == {}


def test_a_cloud_that_makes_half_of_them_is_cleared(node, nodes, cloud):
    cloud.compute.fail_next['create_server'] = (
        openstack.exceptions.ForbiddenException('Quota exceeded'))
    status, _, err = node('create', *WORDS, '--count', '3')
    assert (status, 'Quota exceeded' in err) == (1, True)
    assert nodes() == []
    assert cloud.compute.all == cloud.network.ports == {}


def test_a_name_that_there_is_leaves_nothing(node, nodes, cloud):
    assert not node('create', 'bare', '--resource-class', 'small', '--port',
                    '52:54:00:00:00:09')[0]
    assert node('create', *WORDS)[0] == 1
    assert nodes() == ['bare']
    assert cloud.compute.all == cloud.network.ports == {}
