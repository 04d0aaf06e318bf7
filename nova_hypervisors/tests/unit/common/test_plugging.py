# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from nova import exception
from nova.virt import fake as nova_fake

from nova_hypervisors.common import plugging
from nova_hypervisors.tests import builders


class Neutron(nova_fake.FakeVirtAPI):
    """Says what became of ports.

    :ivar failed: whether it reports that plugging in has failed
    :ivar comes: whether it says anything at all
    :ivar expected: the events that were waited for, and for how long
    """

    def __init__(self):
        super().__init__()
        self.failed = False
        self.comes = True
        self.expected = None

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, seconds,
                                error_callback=None):
        self.expected = events, seconds
        yield
        if events and not self.comes:
            raise getattr(exception, 'InstanceEventTimeout', TimeoutError)
        if self.failed:
            for name, _ in events:
                error_callback(name, instance)


@pytest.fixture
def neutron():
    return Neutron()


@pytest.fixture
def make_plugs(neutron):
    def make_plugs(timeout_s=300, fatal=True):
        return plugging.PlugEvents(neutron, timeout_s, fatal)
    return make_plugs


@pytest.fixture
def wait(make_plugs):
    """Wait for a port that is down; return what was done meanwhile."""
    def wait(power_on=True, **options):
        done = []
        with make_plugs(**options).waited_for(
                builders.instance(), [builders.vif(active=False)],
                power_on):
            done.append('spawned')
        return done
    return wait


def test_a_port_that_is_down_is_waited_for(wait, neutron):
    assert wait(timeout_s=7) == ['spawned']
    ((name, _),), seconds = neutron.expected
    assert (name, seconds) == ('network-vif-plugged', 7)


@pytest.mark.parametrize('options', [
    {'timeout_s': 0}, {'power_on': False}])
def test_or_not(wait, neutron, options):
    neutron.comes = False
    assert wait(**options) == ['spawned']
    assert neutron.expected[0] == []


@pytest.mark.parametrize('reason', ['comes', 'failed'])
def test_without_it_the_server_is_not_made(wait, neutron, reason):
    setattr(neutron, reason, reason == 'failed')
    with pytest.raises(exception.VirtualInterfaceCreateException):
        wait()


@pytest.mark.parametrize('reason', ['comes', 'failed'])
def test_or_it_is_if_that_is_wanted(wait, neutron, reason):
    setattr(neutron, reason, reason == 'failed')
    assert wait(fatal=False) == ['spawned']


def test_what_fails_meanwhile_is_what_is_told(make_plugs):
    with (pytest.raises(KeyError),
          make_plugs().waited_for(builders.instance(), [], True)):
        raise KeyError
