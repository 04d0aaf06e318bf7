# SPDX-License-Identifier: Apache-2.0
"""The client of ESX, on vcsim and on our own fake, or on a real host."""

import contextlib
import io
import uuid

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import tlsproxy
from nova_hypervisors.tests import vsphere_peers
from nova_hypervisors.tests.fakes import esx as fake_esx


def pytest_configure(config):
    config.addinivalue_line(
        'markers', 'needs(name): run against the peers that do this as a '
        'host does, see vsphere_peers.LIMITS')


def pytest_collection_modifyitems(config, items):
    """Leave out what the table of limits names: of one peer, not of all."""
    left_out = [item for item in items if _is_limited(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_limited(item):
    marker = item.get_closest_marker('needs')
    if marker is None:
        return False
    kind = item.callspec.params['peer']
    assert any(marker.args[0] in limits for limits
               in vsphere_peers.LIMITS.values()), marker
    return marker.args[0] in vsphere_peers.LIMITS[kind]


MAC = 'fa:16:3e:00:00:01'


@pytest.fixture(scope='session')
def vcsim(tmp_path_factory):
    made = vsphere_peers.VcSim(tmp_path_factory.mktemp('vcsim'), '-vm', '1')
    yield made
    made.stop()


@pytest.fixture(scope='session')
def fake(tmp_path_factory):
    with fake_esx.running(tmp_path_factory.mktemp('esx'), machines=1,
                          user=vsphere_peers.USER,
                          password=vsphere_peers.PASSWORD) as host:
        yield vsphere_peers.Peer('fake', host.address, host.port,
                                 host.ca_file, 'datastore1', own=host)


@pytest.fixture(scope='session')
def real():
    return vsphere_peers.real()


@pytest.fixture(params=vsphere_peers.KINDS)
def peer(request):
    """A host; one for all tests, so each names its own things."""
    found = request.getfixturevalue(request.param)
    return found.peer() if request.param == 'vcsim' else found


@pytest.fixture
def proxy(peer, tmp_path):
    """The way to the host, that counts and breaks calls."""
    made = tlsproxy.Proxy(tmp_path / 'proxy', peer.host, peer.port,
                          peer.ca_file)
    yield made
    made.close()


@pytest.fixture
def client(peer):
    made = peer.make_client()
    made.connect()
    yield made
    made.close()


@pytest.fixture
def watched(peer, proxy):
    """A client whose calls go through the proxy."""
    made = peer.make_client(port=proxy.port, ca_file=proxy.ca_file,
                            timeout_s=5)
    made.connect()
    yield made
    made.close()


class Place:
    """A test's own folder on a datastore, and machines of its own."""

    def __init__(self, client, datastore):
        self.client = client
        self.folder = api.DatastorePath(datastore, f't-{uuid.uuid4().hex[:8]}')
        self.uuids = []
        client.make_folder(self.folder)

    def spec(self, **changes):
        machine = str(uuid.uuid4())
        self.uuids.append(machine)
        name = f'm-{machine[:8]}'
        return api.MachineSpec(**{
            'uuid': machine, 'name': name, 'vcpus': 1, 'memory_mb': 64,
            'path': self.folder / name / f'{name}.vmx', **changes})

    def machine(self, **changes):
        """Make a machine and return its reference."""
        return self.client.create_machine(self.spec(**changes))

    def disk(self, name='disk.vmdk', size=1 << 20):
        path = self.folder / name
        self.client.create_disk(path, size, api.Provisioning.THICK,
                                api.DiskBus.LSI_LOGIC)
        return path

    def upload(self, name, data):
        path = self.folder / name
        self.client.upload(path, io.BytesIO(data), len(data))
        return path

    def names(self):
        return sorted(file.path for file in
                      self.client.list_folder(self.folder))

    def clear(self):
        for machine in self.client.list_machines():
            if machine.instance_uuid in self.uuids:
                # Another client may have done so.
                with contextlib.suppress(errors.MachineNotFound):
                    self._destroy(machine.ref)
        with contextlib.suppress(errors.MediumNotFound):
            self.client.delete_file(self.folder)

    def _destroy(self, ref):
        with contextlib.suppress(errors.InvalidState):
            self.client.power_off(ref)
        self.client.destroy_machine(ref)


@pytest.fixture
def place(client, peer):
    made = Place(client, peer.datastore)
    yield made
    made.clear()
