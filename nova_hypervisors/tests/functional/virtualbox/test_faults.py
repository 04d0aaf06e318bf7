# SPDX-License-Identifier: Apache-2.0
"""What is left when something fails in the middle, on the real VirtualBox."""

import json
import signal
import subprocess
import sys

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import daemon
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import faulty

CONTEXT = builders.admin_context()

# What a plain spawn asks of VirtualBox, in order.
STEPS = ('host', 'set_extradata', 'create_machine', 'create_child_disk',
         'attach_disk', 'start')

BLANK = {'ephemerals': [{'size': 1, 'device_name': '/dev/sdb'}]}


@pytest.fixture
def client(real_virtualbox):
    return faulty.FaultyClient(real_virtualbox.client)


@pytest.fixture
def driver(config, make_driver, client):
    # Only what the tests do is to be counted.
    config.config(group='virtualbox', state_poll_interval=3600)
    return make_driver(client=client)


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
def test_a_spawn_that_fails_at_any_call_leaves_nothing(
        driver, client, spawn, left_over, after):
    """Each call in turn fails, before or after it was done."""
    vifs = [builders.vif()]
    for _ in range(2):  # the first one asks for the host, too
        client.arm(0)
        instance = spawn(vifs=vifs, block_device_info=BLANK)
        steps = tuple(client.calls)
        driver.destroy(CONTEXT, instance, [])
    for number in range(1, len(steps) + 1):
        client.arm(number, after)
        with pytest.raises(exception.NovaException, match='injected fault'):
            spawn(vifs=vifs, block_device_info=BLANK)
        assert left_over() == []
    client.arm(0)
    spawn(vifs=vifs, block_device_info=BLANK)


def test_the_steps_are_all(client, spawn):
    client.arm(0)
    spawn()
    assert tuple(client.calls) == STEPS


_SPAWN_AND_HANG = '''
import json, sys
from pathlib import Path
from oslo_config import fixture as config_fixture
from nova import monkey_patch
monkey_patch.patch()
from nova.virt import fake as nova_fake
from nova.virt import images as nova_images
from nova_hypervisors import conf
from nova_hypervisors.clients.vbox import daemon
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import faulty
from nova_hypervisors.tests.fakes import glance
from nova_hypervisors.tests.fakes import records
from nova_hypervisors.common import devices
from nova_hypervisors.virtualbox import driver, factory

told = json.loads(sys.argv[1])
folder = Path(told['folder'])
fixture = config_fixture.Config(conf.CONF)
fixture.setUp()
conf.CONF([], project='nova', default_config_files=[])
builders.configure(fixture, folder, told['vboxmanage'], told['home'],
                   state_poll_interval=3600)
api = glance.FakeImageAPI(folder)
nova_images.IMAGE_API = api
devices.Records = records.FakeRecords
image = api.add('raw', Path(told['guest']))
client = faulty.FaultyClient(factory.make_client(conf.CONF), hang=True)
made = driver.VirtualBoxDriver(nova_fake.FakeVirtAPI(), client=client)
made.init_host('here')
made.cache_image(builders.admin_context(), image)
client.fail(told['step'], after=True)
import threading
threading.Thread(target=lambda: made.spawn(
    builders.admin_context(), builders.instance(image),
    builders.image_meta(), [], '', {}), daemon=True).start()
print('hanging' if client.hanging.wait(told['limit_s']) else 'not asked',
      flush=True)
sys.stdin.read()
'''


@pytest.mark.parametrize('step', STEPS[1:])
def test_a_spawn_that_was_killed_is_undone_at_the_next_start(
        make_driver, kill_spawn, left_over, step):
    """The process is killed after each of a spawn's steps in turn."""
    kill_spawn(step)
    driver = make_driver()
    assert left_over() == []
    assert driver.list_instances() == []


@pytest.mark.feature('operation.crash-recovery')
def test_so_it_is_however_virtualbox_is_reached(make_driver, kill_spawn,
                                                left_over):
    kill_spawn('attach_disk')
    driver = make_driver()
    assert left_over() == []
    assert driver.list_instances() == []


@pytest.fixture
def kill_spawn(real_virtualbox, folder):
    def kill_spawn(step):
        _kill_spawn(real_virtualbox, folder, step)
    return kill_spawn


def _kill_spawn(real_virtualbox, folder, step):
    told = {'folder': str(folder), 'home': str(real_virtualbox.home),
            'vboxmanage': str(real_virtualbox.lab.vboxmanage),
            'guest': str(peers.lab().guest), 'step': step, 'limit_s': 60}
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', _SPAWN_AND_HANG,
         json.dumps(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)
    try:
        assert process.stdout.readline() == 'hanging\n'
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(folder.glob('state/**/spawning/*'))


def test_an_interrupted_snapshot_is_cleaned_up(make_driver, spawn,
                                               real_virtualbox, folder):
    driver = make_driver()
    instance = spawn(driver=driver)
    real_virtualbox.client.take_snapshot(instance.uuid, 'nova-interrupted')
    (folder / 'i/snapshots/here/leftover.vdi').touch()
    driver = make_driver()
    found = real_virtualbox.client.machine_settings(instance.uuid)
    assert found.snapshots == ()
    assert list((folder / 'i/snapshots/here').iterdir()) == []


def test_a_machine_that_cannot_be_read_does_not_stop_the_start(
        make_driver, spawn, real_virtualbox):
    driver = make_driver()
    lost, fine = spawn(driver=driver), spawn(driver=driver)
    driver.power_off(lost)
    driver.power_off(fine)
    real_virtualbox.lose_settings(lost.uuid)
    driver = make_driver()
    assert len(driver.list_instances()) == 2
    driver.power_on(CONTEXT, fine, [])


def test_a_daemon_that_hangs_is_ended(config, make_driver, real_virtualbox,
                                      monkeypatch):
    config.config(group='virtualbox', command_timeout=2, retry_count=0,
                  state_poll_interval=3600)
    driver = make_driver()
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    hanging = real_virtualbox.daemon()
    hanging.suspend()
    with pytest.raises(exception.NovaException, match='within 2 seconds'):
        driver.list_instances()
    assert driver.list_instances() == []
    assert real_virtualbox.daemon().pid != hanging.pid
    # The web service of other tests has lost it too.
    real_virtualbox.restart_vboxsvc()


@pytest.mark.long
def test_it_is_not_while_a_machine_runs(config, make_driver, spawn,
                                        real_virtualbox, monkeypatch):
    config.config(group='virtualbox', command_timeout=15, retry_count=0,
                  state_poll_interval=3600)
    driver = make_driver()
    spawn(driver=driver)
    monkeypatch.setattr(daemon, '_SETTLED_S', 0)
    hanging = real_virtualbox.daemon()
    hanging.suspend()
    with pytest.raises(exception.NovaException, match='within 15 seconds'):
        driver.list_instances()
    hanging.resume()

    def goes_on():
        try:
            return len(driver.list_instances()) == 1
        except exception.NovaException:
            return False  # it has some catching up to do

    peers.wait_until(goes_on, timeout_s=60)
    assert real_virtualbox.daemon().pid == hanging.pid


def test_a_hypervisor_that_is_not_there_is_named(config, make_driver):
    config.config(group='virtualbox', vboxmanage_cmd='/no/such/VBoxManage')
    with pytest.raises(exception.HypervisorUnavailable,
                       match='/no/such/VBoxManage'):
        make_driver()
