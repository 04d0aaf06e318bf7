# SPDX-License-Identifier: Apache-2.0
"""The driver on the fake ESX host, by TLS and SOAP."""

import os
import uuid

import pytest
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import esx

MIB = 2 ** 20


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def host(tmp_path):
    (tmp_path / 'host').mkdir()
    with esx.running(tmp_path / 'host') as host:
        yield host


@pytest.fixture
def config(tmp_path, host):
    """Options; a test may change them before it makes a driver."""
    fixture = config_fixture.Config(conf.CONF)
    fixture.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    fixture.config(host='here', state_path=str(tmp_path / 'state'),
                   my_ip='127.0.0.1')
    fixture.config(group='oslo_concurrency', lock_path=str(tmp_path / 'lock'))
    fixture.config(group='vmware', host_ip=host.address, host_port=host.port,
                   host_username=host.user, host_password=host.password,
                   ca_file=str(host.ca_file), console_port=0, transfer_port=0,
                   datastore_regex='^datastore1$',
                   physical_network_mappings=['physnet1:VM Network'],
                   vlan_interface='vmnic0', wait_soft_reboot_seconds=2)
    yield fixture
    fixture.cleanUp()


@pytest.fixture
def guest(tmp_path):
    """A disk with a partition table and something to be known by."""
    path = tmp_path / 'guest.img'
    data = bytearray(4 * MIB)
    # One entry, as Nova's format inspector wants it.
    data[446:462] = bytes((0x80, 0, 2, 0, 0x83, 0, 0, 0, 1, 0, 0, 0,
                           0xff, 0x1f, 0, 0))
    data[510:512] = b'\x55\xaa'
    data[MIB:MIB + 2048] = os.urandom(2048)
    path.write_bytes(data)
    return path


@pytest.fixture
def image(image_api, guest):
    return image_api.add('raw', guest)


@pytest.fixture
def driver_class():
    from nova_hypervisors.vmwareapi import driver as vmwareapi
    return vmwareapi.VMwareESXDriver


@pytest.fixture
def files(host):
    """List the files of servers on the datastore, by their paths."""

    def files(folder='nova'):
        top = host.datastore.folder / folder
        return sorted(str(path.relative_to(top)) for path in top.rglob('*')
                      if path.is_file()) if top.exists() else []

    return files


@pytest.fixture
def client(config):
    """A client of its own, to see what there is."""
    from nova_hypervisors.vmwareapi import factory
    made = factory.make_client(conf.CONF)
    made.connect()
    yield made
    made.close()


@pytest.fixture
def details(client):
    """Return all that the host tells of a server's machine."""

    def details(instance):
        def known():
            return instance.uuid in [machine.instance_uuid for machine
                                     in client.list_machines()]

        # It watches the host for itself.
        peers.wait_until(known, timeout_s=10)
        return client.machine_details(client.find_machine(instance.uuid).ref)

    return details


@pytest.fixture
def stranger(client):
    """Make a machine that is not ours; return its reference."""
    from nova_hypervisors.clients.vsphere import api

    def stranger(name='stranger'):
        return client.create_machine(api.MachineSpec(
            uuid=str(uuid.uuid4()), name=name, vcpus=1, memory_mb=64,
            path=api.DatastorePath(client.datastores()[0].name,
                                   f'{name}/{name}.vmx')))

    return stranger
