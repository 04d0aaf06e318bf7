# SPDX-License-Identifier: Apache-2.0
import threading

import pytest
from nova.virt import event as virtevent

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import locks
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import watcher

State = api.MachineState

STARTED = virtevent.EVENT_LIFECYCLE_STARTED
STOPPED = virtevent.EVENT_LIFECYCLE_STOPPED
PAUSED = virtevent.EVENT_LIFECYCLE_PAUSED
RESUMED = virtevent.EVENT_LIFECYCLE_RESUMED
SUSPENDED = virtevent.EVENT_LIFECYCLE_SUSPENDED


@pytest.fixture
def machine_map(vbox):
    return machines.Machines(vbox)


@pytest.fixture
def instance_locks():
    return locks.InstanceLocks()


@pytest.fixture
def started():
    """The instances of which it was said that they came up."""
    return []


@pytest.fixture
def make_watcher(vbox, machine_map, instance_locks, events, started):
    def make_watcher(interval_s=3600):
        return watcher.Watcher(vbox, machine_map, instance_locks, interval_s,
                               events.append, started.append)
    return make_watcher


@pytest.fixture
def watch(make_watcher):
    return make_watcher()


@pytest.fixture
def server(machine, machine_map):
    """Have a server in a state; return its UUID."""
    def server(state=State.RUNNING):
        uuid = machine(state)
        machine_map.claim(uuid)
        return uuid
    return server


def told(events):
    found = [(event.get_instance_uuid(), event.get_transition())
             for event in events]
    events.clear()
    return found


class TestEvents:
    @pytest.mark.parametrize(('before', 'after', 'transition'), [
        (State.OFF, State.RUNNING, STARTED),
        (State.SAVED, State.RUNNING, STARTED),
        (State.ABORTED, State.RUNNING, STARTED),
        (State.PAUSED, State.RUNNING, RESUMED),
        (State.RUNNING, State.PAUSED, PAUSED),
        (State.RUNNING, State.SAVED, SUSPENDED),
        (State.PAUSED, State.SAVED, SUSPENDED),
        (State.RUNNING, State.OFF, STOPPED),
        (State.PAUSED, State.OFF, STOPPED),
        (State.RUNNING, State.ABORTED, STOPPED),
    ])
    def test_a_change_outside_nova_is_told_once(
            self, watch, server, vbox, events, before, after, transition):
        uuid = server(before)
        watch.look()
        assert told(events) == []
        vbox.machines[uuid].state = after
        watch.look()
        assert told(events) == [(uuid, transition)]
        watch.look()
        assert told(events) == []

    def test_settings_that_get_lost_are_no_event(self, watch, server, vbox,
                                                 events):
        uuid = server()
        watch.look()
        vbox.lose_settings(uuid)
        watch.look()
        assert events == []

    def test_strangers_are_not_nova_s(self, watch, machine, vbox, events):
        uuid = machine(State.RUNNING)
        watch.look()
        vbox.power_off(uuid)
        watch.look()
        assert events == []

    def test_the_machine_may_have_another_uuid(self, watch, machine, vbox,
                                               machine_map, events):
        uuid = machine(State.RUNNING)
        vbox.set_extradata(f'nova_hypervisors/machine/{uuid}', 'the server')
        machine_map.load()
        watch.look()
        vbox.power_off(uuid)
        watch.look()
        assert told(events) == [('the server', STOPPED)]

    def test_each_server_has_its_own(self, watch, server, vbox, events):
        first, second, third = server(), server(), server()
        watch.look()
        vbox.power_off(first)
        vbox.pause(third)
        watch.look()
        assert set(told(events)) == {(first, STOPPED), (third, PAUSED)}
        vbox.power_off(second)
        watch.look()
        assert told(events) == [(second, STOPPED)]

    def test_one_that_was_deleted_is_forgotten(self, watch, server, machine,
                                               vbox, events):
        uuid = server()
        watch.look()
        vbox.power_off(uuid)
        vbox.delete_machine(uuid)
        watch.look()
        # Made anew, as Nova does when it rebuilds a server.
        machine(State.OFF, uuid=uuid)
        watch.look()
        assert events == []

    def test_what_nova_wrongly_believes_is_told(self, watch, server, events):
        uuid = server(State.OFF)
        watch.expect(uuid, State.RUNNING)
        watch.look()
        assert told(events) == [(uuid, STOPPED)]

    def test_it_is_told_several_times_for_nova_may_not_listen_yet(
            self, watch, server, events):
        uuid = server(State.OFF)
        watch.expect(uuid, State.RUNNING)
        for _ in range(20):
            watch.look()
        assert 3 <= len(events) <= 15
        assert set(told(events)) == {(uuid, STOPPED)}

    def test_what_happens_meanwhile_is_told_all_the_same(
            self, watch, server, vbox, events):
        uuid = server(State.RUNNING)
        watch.expect(uuid, State.RUNNING)
        vbox.pause(uuid)
        watch.look()
        vbox.resume(uuid)
        watch.look()
        assert told(events) == [
            (uuid, virtevent.EVENT_LIFECYCLE_PAUSED),
            (uuid, virtevent.EVENT_LIFECYCLE_RESUMED)]

    def test_what_nova_rightly_believes_is_not(self, watch, server, events):
        watch.expect(server(State.RUNNING), State.RUNNING)
        watch.look()
        assert events == []

    def test_what_comes_up_is_told_to_the_console_too(self, watch, server,
                                                      vbox, started):
        uuid = server(State.OFF)
        watch.look()
        assert started == []
        vbox.start(uuid)
        watch.look()
        assert started == [uuid]


class TestOperations:
    def test_what_changes_meanwhile_is_not_told(self, watch, server, vbox,
                                                events, instance_locks):
        uuid = server()
        watch.look()
        with instance_locks.hold(uuid):
            vbox.power_off(uuid)
            watch.look()
            vbox.start(uuid)
        watch.look()
        assert events == []

    def test_an_operation_during_the_look_counts_too(
            self, watch, server, vbox, events, instance_locks):
        uuid = server()
        watch.look()
        states = vbox.machine_states

        def look():
            found = {**states(), uuid: State.OFF}
            with instance_locks.hold(uuid):
                pass
            return found

        vbox.machine_states = look
        watch.look()
        assert events == []

    def test_what_an_operation_has_left_is_told_once_at_most(
            self, watch, server, vbox, events, instance_locks):
        uuid = server()
        watch.look()
        with instance_locks.hold(uuid):
            vbox.power_off(uuid)
        watch.look()
        assert len(told(events)) <= 1
        watch.look()
        assert events == []

    def test_others_are_told_meanwhile(self, watch, server, vbox, events,
                                       instance_locks):
        busy, other = server(), server()
        watch.look()
        with instance_locks.hold(busy):
            vbox.power_off(other)
            watch.look()
        assert told(events) == [(other, STOPPED)]


class TestLastLook:
    def test_it_answers_for_some_time(self, watch, server, vbox):
        uuid = server()
        watch.look()
        vbox.power_off(uuid)
        assert watch.state(uuid) is State.RUNNING

    def test_and_then_no_more(self, make_watcher, server):
        watch = make_watcher(interval_s=0)
        uuid = server()
        watch.look()
        assert watch.state(uuid) is None

    def test_nor_after_an_operation(self, watch, server, instance_locks):
        uuid = server()
        watch.look()
        with instance_locks.hold(uuid):
            assert watch.state(uuid) is None
        assert watch.state(uuid) is None
        watch.look()
        assert watch.state(uuid) is State.RUNNING

    def test_nor_of_what_it_has_not_seen(self, watch, server):
        assert watch.state(server()) is None
        watch.look()
        assert watch.state('unknown') is None

    def test_all_of_it_can_be_had(self, watch, server):
        first, second = server(), server(State.OFF)
        assert watch.states() == {}
        watch.look()
        assert watch.states() == {first: State.RUNNING, second: State.OFF}

    def test_and_then_nothing_of_it(self, make_watcher, server):
        watch = make_watcher(interval_s=0)
        server()
        watch.look()
        assert watch.states() == {}


class TestThread:
    """It looks again and again, whatever happens."""

    @pytest.fixture
    def looks(self, vbox):
        """Fail as told, one error a look; an event says that all were."""
        def looks(*failures):
            left, done = list(failures), threading.Event()

            def machine_states():
                if left:
                    raise left.pop(0)
                done.set()
                return {}

            vbox.machine_states = machine_states
            return done
        return looks

    @pytest.mark.parametrize('failures', [
        [], [errors.Unreachable('no answer')] * 2, [RuntimeError('a bug')]])
    def test_a_look_that_fails_is_not_the_last(self, make_watcher, looks,
                                               failures):
        done = looks(*failures)
        watch = make_watcher(interval_s=0.001)
        watch.start()
        assert done.wait(10)
        watch.stop()

    def test_that_it_fails_is_said_once(self, make_watcher, looks, caplog):
        done = looks(*[errors.Unreachable('no answer')] * 3)
        watch = make_watcher(interval_s=0.001)
        watch.start()
        assert done.wait(10)
        watch.stop()
        warnings = [record for record in caplog.records
                    if record.levelname == 'WARNING']
        assert len(warnings) == 1
        assert 'no answer' in warnings[0].getMessage()

    def test_it_ends_when_told(self, make_watcher, looks):
        done = looks()
        watch = make_watcher(interval_s=0.001)
        watch.start()
        assert done.wait(10)
        watch.stop()
        for thread in threading.enumerate():
            if thread.name == 'machine-watcher':
                thread.join(10)
                assert not thread.is_alive()
