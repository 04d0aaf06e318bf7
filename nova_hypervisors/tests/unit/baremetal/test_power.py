# SPDX-License-Identifier: Apache-2.0
import threading

import pytest

from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import powerops
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.baremetal.power import fake as fake_power
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.tests import baremetalnodes

ON, OFF, ERROR = api.Power.ON, api.Power.OFF, api.Power.ERROR
SERVER = 'c0ffee00-0000-4000-8000-000000000000'


class Slow(fake_power.FakePower):
    """A machine that takes some looks to change.

    :ivar slept: seconds
    """

    def __init__(self, services, looks=3):
        super().__init__(services)
        self.slept = 0.0
        self._looks = looks
        self.sleep = self._sleep
        self.clock = lambda: self.slept

    def _sleep(self, seconds):
        self.slept += seconds

    def machine(self, node):
        return _Late(super().machine(node), self)


class _Late:
    def __init__(self, machine, power):
        self._machine = machine
        self._power = power

    def __getattr__(self, name):
        return getattr(self._machine, name)

    def power(self):
        seen = self._machine.power()
        late = self._power.slept < self._power._looks
        return {ON: OFF, OFF: ON}[seen] if late and self._asked else seen

    @property
    def _asked(self):
        return bool(self._machine.boots)


class TestInterface:
    def test_it_waits_until_the_machine_is_there(self, here):
        power = Slow(here.services)
        power.set_power(here.add(), ON, timeout_s=10)
        assert power.slept == 3

    def test_it_does_not_wait_for_ever(self, here):
        power = Slow(here.services, looks=100)
        with pytest.raises(errors.TimedOut, match='node node-1: its power is '
                                                  'off, and not on'):
            power.set_power(here.add(), ON, timeout_s=5)
        assert power.slept == 5

    def test_what_is_so_already_is_no_work(self, here):
        power, node = fake_power.FakePower(here.services), here.add()
        power.machine(node).fail_next['power_off'] = errors.Unreachable('x')
        power.set_power(node, OFF)

    def test_a_reboot_switches_on_what_is_off(self, here):
        power, node = fake_power.FakePower(here.services), here.add()
        power.reboot(node)
        assert power.power(node) is ON
        power.reboot(node)
        assert len(power.machine(node).boots) == 2


class Many(fake_power.FakePower):
    """Answers for those that it knows, in one go."""

    known: dict

    def power_of_all(self, found):
        return {node.uuid: self.known[node.name] for node in found
                if node.name in self.known}


@pytest.fixture
def poller(here):
    def find(kind, name):
        return Many if name == 'many' else interfaces.load(kind, name)
    make = tasks.Tasks(interfaces.Registry(here.services, find),
                       here.services)
    host = hostops.HostOps(here.store, baremetalnodes.HOST)
    return powerops.Poller(here.store, host, make, workers=4)


class TestPoller:
    def test_servers_are_told_and_all_nodes_are_kept(self, here, poller):
        node, other = here.add('a'), here.add('b')
        here.store.reserve(node.uuid, SERVER, baremetalnodes.HOST)
        fake_power.machine_of(here.services, node).power_on()
        assert poller.look() == {SERVER: ON}
        assert here.store.get_node(node.uuid).power_state == 'on'
        assert here.store.get_node(other.uuid).power_state == 'off'

    def test_one_that_does_not_answer_is_in_error_and_others_are_not(
            self, here, poller):
        bad, good = here.add('a'), here.add('b')
        fake_power.machine_of(here.services, bad).fail_next['power'] = (
            errors.Unreachable('no answer'))
        poller.look()
        assert [node.power_state for node in here.store.list_nodes()] == [
            'error', 'off']
        poller.look()
        assert here.store.get_node(bad.uuid).power_state == 'off'
        assert here.store.get_node(good.uuid).power_state == 'off'

    def test_those_that_are_told_in_one_go_are_not_asked(self, here, poller):
        for name in ('a', 'b'):
            here.add(name, power_interface='many')
        Many.known = {'a': ON}
        poller.look()
        # One that a cloud does not name any more is not well.
        assert [node.power_state for node in here.store.list_nodes()] == [
            'on', 'error']

    def test_another_service_s_nodes_are_not_asked(self, here, poller):
        node = here.add(service_host='there')
        poller.look()
        assert here.store.get_node(node.uuid).power_state is None

    def test_one_in_maintenance_is_left_alone(self, here, poller):
        node = here.add(maintenance=True, power_state='on')
        machine = fake_power.machine_of(here.services, node)
        machine.fail_next['power'] = errors.Unreachable('in pieces')
        assert poller.look() == {}
        assert machine.fail_next
        assert here.store.get_node(node.uuid).power_state == 'on'

    def test_nodes_are_asked_at_the_same_time(self, here, poller):
        together = threading.Barrier(4)

        class Waits(fake_power.FakePower):
            def power(self, node):
                together.wait(30)
                return ON

        for number in range(4):
            here.add(f'n{number}', power_interface='waits')
        poller._tasks.registry._find = lambda kind, name: Waits
        poller.look()
        assert {node.power_state for node in here.store.list_nodes()} == {
            'on'}
