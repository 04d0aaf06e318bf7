# SPDX-License-Identifier: Apache-2.0
import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders
from nova_hypervisors.virtualbox import spec

State = api.MachineState
CONTEXT = builders.admin_context()

# What is asked of VirtualBox for a rescue, in order.
STEPS = ('machine_state', 'power_off', 'machine_settings',
         'create_child_disk', 'detach_disk', 'attach_disk', 'attach_disk',
         'start')


@pytest.fixture
def server(spawn):
    return spawn()


@pytest.fixture
def rescue(parts, cached, server):
    def rescue(image=None):
        parts.rescues.rescue(CONTEXT, server, image or cached())
    return rescue


@pytest.fixture
def disks(vbox, server):
    """Return the names of a server's disks by their ports."""
    def disks():
        found = vbox.machine_settings(server.uuid).disks
        return {disk.port: disk.path.rpartition('/')[2] for disk in found}
    return disks


def test_it_boots_another_disk_with_its_own_beside_it(rescue, vbox, server,
                                                      disks):
    rescue()
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'rescue.vdi',
                       spec.RESCUED_PORT: 'root.vdi'}


def test_it_has_its_own_again(rescue, parts, vbox, server, disks):
    before = set(vbox.media)
    rescue()
    parts.rescues.unrescue(server)
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}
    assert not parts.files.instance(server.uuid).rescue_disk.exists()
    assert {path for path in set(vbox.media) - before
            if 'rescue' in path} == set()


def test_it_can_be_rescued_again(rescue, parts, server, disks):
    rescue()
    parts.rescues.unrescue(server)
    rescue()
    assert disks()[spec.RESCUED_PORT] == 'root.vdi'


def test_one_that_is_not_rescued_just_goes_on(parts, vbox, client, server):
    client.arm(0)
    parts.rescues.unrescue(server)
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert 'power_off' not in client.calls


# A machine that is off is so, whatever is said of its power-off.
@pytest.mark.parametrize(('number', 'after'), [
    (number, after) for number, name in enumerate(STEPS, 1)
    for after in (False, True) if (name, after) != ('power_off', True)])
def test_a_rescue_that_fails_gives_its_own_disk_back(
        rescue, vbox, client, parts, server, disks, cached, number, after):
    image = cached()
    client.arm(number, after)
    with pytest.raises(errors.ClientError, match='injected fault'):
        rescue(image)
    assert tuple(client.calls[:number]) == STEPS[:number]
    client.arm(0)
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}
    assert not parts.files.instance(server.uuid).rescue_disk.exists()
    rescue(image)
    assert disks()[spec.RESCUED_PORT] == 'root.vdi'


def test_a_rescued_server_can_be_destroyed(rescue, parts, vbox, server):
    rescue()
    parts.vms.destroy(server, destroy_disks=True)
    assert vbox.machines == {}
    assert not parts.files.instance(server.uuid).folder.exists()


def test_an_image_to_install_from_is_refused(rescue, cached, server, disks,
                                             vbox):
    with pytest.raises(exception.InstanceNotRescuable, match='ISO'):
        rescue(cached('.iso'))
    assert vbox.machines[server.uuid].state is State.RUNNING
    assert disks() == {spec.ROOT_PORT: 'root.vdi'}
