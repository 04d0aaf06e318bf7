# SPDX-License-Identifier: Apache-2.0
"""Every client of VirtualBox: the fake, and both ways to the real one."""

import shutil
import types
import uuid

import pytest
from nova import exception
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import replaying
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import incidents as common
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import incidents
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.contract import machines
from nova_hypervisors.tests.fakes import vbox

NIC = machines.NIC


@pytest.fixture(params=['fake', 'vboxmanage', 'webservice'])
def peer(request):
    """What a test needs beside the client: folders, ways to break things."""
    if request.param == 'fake':
        fake = vbox.FakeVBox()
        folder = peers.short_folder('f')
        yield types.SimpleNamespace(
            client=fake, folder=folder, crash=fake.crash,
            lose_settings=fake.lose_settings)
        shutil.rmtree(folder)
        return
    real = request.getfixturevalue('real_virtualbox')
    folder = real.folder / uuid.uuid4().hex[:8]
    folder.mkdir()
    client = real.client
    if request.param == 'webservice':
        client = request.getfixturevalue('web_service').client
    yield types.SimpleNamespace(
        client=client, folder=folder, crash=real.crash,
        lose_settings=real.lose_settings)
    real.clear()
    shutil.rmtree(folder)


@pytest.fixture
def client(peer):
    return peer.client


@pytest.fixture
def make(peer):
    """Make machines, with a disk that boots the test guest if asked to."""

    def make(disk=False, **changes):
        machine_uuid = changes.pop('uuid', None) or str(uuid.uuid4())
        spec = api.MachineSpec(
            uuid=machine_uuid, folder=peer.folder / machine_uuid,
            **{'name': f'machine-{machine_uuid[:8]}', 'vcpus': 1,
               'memory_mb': 64, **changes})
        peer.client.create_machine(spec)
        if disk:
            path = peers.make_vdi(peer.folder / machine_uuid / 'root.vdi')
            peer.client.attach_disk(machine_uuid, 0, path)
        return spec

    return make


@pytest.fixture
def running(make, client):
    """A machine that runs the test guest."""
    spec = make(disk=True, nics=(NIC,), remote_display=api.RemoteDisplay(
        'VNC', '127.0.0.1', peers.as_text(peers.DISPLAY_PORTS),
        {'VNCPassword': 'se cret'}))
    client.start(spec.uuid)
    return spec.uuid


@pytest.fixture
def replayed(tmp_path):
    """Let a driver fail so, and replay the file that it leaves."""
    fixture = config_fixture.Config(conf.CONF)
    fixture.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    folder = tmp_path / 'incidents'
    fixture.config(group='incidents', directory=str(folder))

    def replayed(work, kind):
        driver = incidents.Driver(work)
        common.watch(conf.CONF, driver)
        with pytest.raises((exception.NovaException,
                            NotImplementedError)) as caught:
            driver.unpause(builders.instance())
        assert isinstance(caught.value.__cause__, kind)
        path, = folder.iterdir()
        return replaying.replay(bundles.load(path))

    yield replayed
    fixture.cleanUp()
