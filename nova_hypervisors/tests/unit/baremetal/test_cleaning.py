# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.baremetal import cleaning
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.baremetal.power import fake as fake_power
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests import baremetalnodes

ALL = ['power_off', 'eject_media', 'erase', 'boot_order']


@pytest.fixture
def cleaner(here):
    def cleaner(steps):
        host = hostops.HostOps(here.store, baremetalnodes.HOST)
        return cleaning.Cleaner(
            here.store, host, tasks.Tasks(here.registry, here.services),
            lambda: steps, workers=2)
    return cleaner


@pytest.fixture
def node(here):
    return here.add(provision_state=states.CLEANING)


def test_a_cleaned_node_is_off_empty_and_boots_from_its_disk(here, cleaner,
                                                             node):
    machine = fake_power.machine_of(here.services, node)
    machine.power_on()
    machine.insert_media(api.MediaKind.FLOPPY, 'http://x/y')
    machine.set_boot(api.BootDevice.PXE, persistent=True)
    cleaner(cleaning.load(ALL)).clean(node)
    assert machine.power() is api.Power.OFF
    assert not any(one.inserted for one in machine.media())
    assert machine.boot() == api.Boot(api.BootDevice.DISK, persistent=True)
    found = here.store.get_node(node.uuid)
    assert found.provision_state == states.AVAILABLE
    names = [step.name for step in here.store.list_steps(node.uuid)]
    assert names == ['power_off', 'eject_media', 'erase', 'wipe nothing',
                     'boot_order']


@pytest.mark.parametrize('error', [
    errors.Unreachable('no answer'), RuntimeError('a bug')])
def test_one_that_fails_says_where_and_is_not_handed_out(here, cleaner, node,
                                                         error):
    def fails(task):
        raise error
    cleaner([('scrub', fails)]).clean(node)
    found = here.store.get_node(node.uuid)
    assert found.provision_state == states.CLEAN_FAILED
    assert str(error) in found.last_error
    step, = here.store.list_steps(node.uuid)
    assert step.name == 'scrub'
    assert str(error) in step.error


def test_one_that_was_taken_back_stays_to_be_cleaned(here, cleaner, node):
    def cancelled(task):
        task.cancel()
        task.check()
    cleaner([('scrub', cancelled)]).clean(node)
    assert here.store.get_node(node.uuid).provision_state == states.CLEANING


def test_a_step_that_is_not_there_is_named():
    with pytest.raises(errors.NotFound, match='no clean step nothing'):
        cleaning.load(['power_off', 'nothing'])


def test_steps_keep_their_order():
    assert [name for name, _ in cleaning.load(ALL[::-1])] == ALL[::-1]
