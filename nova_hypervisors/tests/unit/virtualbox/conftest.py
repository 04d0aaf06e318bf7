# SPDX-License-Identifier: Apache-2.0
"""All parts of the driver, on a VirtualBox that is held in memory."""

import contextlib
import dataclasses
import socket
import subprocess
import types
import uuid

import pytest
from nova.virt import fake as nova_fake

from nova_hypervisors import conf
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import devices
from nova_hypervisors.common import request
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import faulty
from nova_hypervisors.tests.fakes import records as fake_records
from nova_hypervisors.tests.fakes import vbox as fake
from nova_hypervisors.virtualbox import factory


@pytest.fixture
def vbox():
    return fake.FakeVBox()


@pytest.fixture
def client(vbox):
    """What the parts get; it can be told to fail."""
    return faulty.FaultyClient(vbox)


@pytest.fixture
def events():
    """The lifecycle events that Nova was told."""
    return []


@pytest.fixture(autouse=True)
def records(monkeypatch):
    """Nova's database, of which there is none here."""
    found = fake_records.FakeRecords()
    monkeypatch.setattr(devices, 'Records', lambda: found)
    return found


@pytest.fixture
def make_parts(config, client, events):
    def make(virtapi=None):
        parts = factory.make_parts(
            conf.CONF, virtapi or nova_fake.FakeVirtAPI(), events.append,
            client)
        parts.files.make()
        return parts
    return make


@pytest.fixture
def parts(make_parts):
    return make_parts()


@pytest.fixture
def make_other(config, parts, tmp_path, events):
    """Make another host, with these options."""
    def make_other(**options):
        config.config(state_path=str(tmp_path / 'other'), **options)
        vbox = fake.FakeVBox()
        client = faulty.FaultyClient(vbox)
        made = factory.make_parts(conf.CONF, nova_fake.FakeVirtAPI(),
                                  events.append, client)
        (tmp_path / 'other').mkdir()
        made.files.make()
        return types.SimpleNamespace(parts=made, vbox=vbox, client=client,
                                     live=made.live_migrations)
    return make_other


@pytest.fixture
def there(make_other):
    """The other host; it has the same folder of servers."""
    return make_other(host='there')


@pytest.fixture(scope='session')
def small_disk(tmp_path_factory):
    path = tmp_path_factory.mktemp('disk') / 'small.vdi'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'vdi', str(path), '1M'],
                   check=True)
    return path


@pytest.fixture
def cached(parts, small_disk):
    """Have an image in the cache, at some sizes too; return its ID."""
    def cached(suffix='.vdi', sizes_gb=(1,)):
        image_id = str(uuid.uuid4())
        names = [image_id, *(f'{image_id}_{size}' for size in sizes_gb
                             if suffix == '.vdi')]
        for name in names:
            target = parts.files.image_cache / f'{name}{suffix}'
            target.write_bytes(small_disk.read_bytes())
        return image_id
    return cached


@pytest.fixture
def asked(cached):
    """Make what Nova asks for when it wants a server."""
    def asked(instance=None, vifs=(), block_device_info=None, power_on=True,
              image_meta=None, **properties):
        instance = instance or builders.instance(cached(), **properties)
        return request.SpawnRequest(
            builders.admin_context(), instance,
            image_meta or builders.image_meta(), list(vifs),
            block_device_info or {}, power_on)
    return asked


@pytest.fixture
def spawn(parts, asked):
    """Spawn a server; its instance is returned."""
    def spawn(*args, **kwargs):
        wanted = asked(*args, **kwargs)
        parts.vms.spawn(wanted)
        return wanted.instance
    return spawn


@pytest.fixture
def machine(vbox, tmp_path):
    """Have a machine, ours if it is claimed; return its UUID."""
    def machine(state=api.MachineState.OFF, **changes):
        spec = api.MachineSpec(**{
            'uuid': str(uuid.uuid4()), 'name': 'a machine',
            'folder': tmp_path / str(uuid.uuid4()), 'vcpus': 1,
            'memory_mb': 64, **changes})
        vbox.create_machine(spec)
        vbox.machines[spec.uuid].state = state
        return spec.uuid
    return machine


@pytest.fixture
def nic():
    """An adapter, for a machine of which more is not asked."""
    return api.Nic(1, 'fa:16:3e:00:00:01', 'virtio',
                   api.Attachment(api.AttachmentKind.NAT))


@pytest.fixture
def unplugged(nic):
    return dataclasses.replace(nic, slot=2, mac='fa:16:3e:00:00:02',
                               attachment=api.UNPLUGGED)


@pytest.fixture
def install(vbox):
    """Give VirtualBox these extension packs and no others."""
    def install(*packs):
        vbox.extension_packs = lambda *candidates: list(packs)
    return install


@pytest.fixture
def make_consoles(config, make_parts):
    """Make consoles that are running, with some options."""
    with contextlib.ExitStack() as stack:
        def make_consoles(**options):
            config.config(group='virtualbox', **options)
            consoles = make_parts().consoles
            stack.callback(consoles.stop)
            consoles.start()
            return consoles
        yield make_consoles


@pytest.fixture
def consoles(make_consoles):
    return make_consoles()


@pytest.fixture
def taken():
    """A port on which somebody listens."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield server.getsockname()[1]
