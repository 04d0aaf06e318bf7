# SPDX-License-Identifier: Apache-2.0
"""What happens to servers from outside: no room, no daemon, no machine."""

import shutil
import subprocess

import pytest
from nova import exception
from nova.compute import power_state

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers

CONTEXT = builders.admin_context()

_MB = 1 << 20


@pytest.fixture
def small_file_system(request, folder, real_virtualbox, backend):
    """Have the servers' files on a file system of their own."""
    path = folder / 'i'
    path.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={8 * _MB}', 'none',
                    str(path)], check=True)
    if backend == 'webservice':
        request.getfixturevalue('web_service')
    # Those that run already do not see it.
    real_virtualbox.restart_vboxsvc()
    yield path
    subprocess.run(['umount', '-l', str(path)], check=True)


@pytest.mark.feature('operation.launch')
@pytest.mark.parametrize('room', [_MB // 4, _MB * 5 // 4],
                         ids=['for nothing', 'for the image only'])
def test_a_host_without_room(small_file_system, driver, spawn, left_over,
                             room):
    """A spawn fails with what sends Nova to another host."""
    filler = small_file_system / '_base/filler'
    filler.write_bytes(bytes(
        shutil.disk_usage(small_file_system).free - room))
    with pytest.raises(exception.ComputeResourcesUnavailable,
                       match=r'(?i)space|full'):
        spawn()
    assert left_over() == []
    filler.unlink()
    spawn()


@pytest.mark.feature('operation.reboot')
def test_the_daemon_dies_and_every_guest_with_it(driver, spawn, left_over,
                                                 real_virtualbox):
    instance = spawn()
    real_virtualbox.restart_vboxsvc()

    def is_known():
        try:
            state = driver.get_info(instance).state
        except exception.NovaException:
            return False  # it is just being started
        return state in (power_state.CRASHED, power_state.SHUTDOWN)

    peers.wait_until(is_known, timeout_s=60)
    driver.reboot(CONTEXT, instance, [], 'HARD')
    assert driver.get_info(instance).state == power_state.RUNNING
    driver.destroy(CONTEXT, instance, [])
    assert left_over() == []


@pytest.mark.feature('operation.terminate')
def test_a_machine_that_somebody_has_deleted(driver, spawn, left_over,
                                             real_virtualbox):
    instance = spawn(vifs=[builders.vif()])
    real_virtualbox.power_off(instance.uuid)
    peers.wait_until(lambda: real_virtualbox.client.machine_state(
        instance.uuid) in (api.MachineState.OFF, api.MachineState.ABORTED))
    real_virtualbox.manage('unregistervm', instance.uuid)
    with pytest.raises(exception.InstanceNotFound):
        driver.get_info(instance, use_cache=False)
    assert not driver.instance_exists(instance)
    driver.destroy(CONTEXT, instance, [])
    driver.cleanup(CONTEXT, instance, [])
    assert left_over() == []
    spawn(instance)
    assert driver.get_info(instance).state == power_state.RUNNING
