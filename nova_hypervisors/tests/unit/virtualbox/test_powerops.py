# SPDX-License-Identifier: Apache-2.0
import pytest
from nova.compute import power_state

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.common import locks
from nova_hypervisors.common import ports
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import vbox as fake
from nova_hypervisors.virtualbox import networkops
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import watcher

State = api.MachineState
Boot = api.BootDevice

SOFT_REBOOT_S = 20


class Time:
    """Goes on only when somebody sleeps."""

    def __init__(self):
        self.now_s = 1000.0
        self.clock = powerops.Clock(lambda: self.now_s, self._sleep)

    def _sleep(self, seconds):
        assert seconds > 0
        self.now_s += seconds


class Guests(fake.FakeVBox):
    """Machines whose guests take their time to shut down.

    :ivar presses: when the power button was pressed
    :ivar off_after: by how many presses a guest is convinced, and how many
        seconds it takes then
    """

    def __init__(self, time):
        super().__init__()
        self.time = time
        self.presses = []
        self.off_after = (1, 0.0)
        self._off_at = None

    def press_power_button(self, uuid):
        self._alive(uuid)
        self.presses.append(self.time.now_s - 1000)
        presses, seconds = self.off_after
        if len(self.presses) == presses:
            self._off_at = self.time.now_s + seconds

    def machine_state(self, uuid):
        if self._off_at is not None and self.time.now_s >= self._off_at:
            self.machines[uuid].state = State.OFF
            self._off_at = None
        return super().machine_state(uuid)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def vbox(time):
    return Guests(time)


@pytest.fixture
def watch(client, parts):
    return watcher.Watcher(client, parts.machines, locks.InstanceLocks(),
                           3600, lambda event: None, lambda uuid: None)


@pytest.fixture
def power(client, parts, time, watch):
    networks = networkops.NetworkOps(
        client, parts.machines, list, ports.Ports())
    return powerops.PowerOps(
        client, parts.machines, parts.files, networks, parts.consoles,
        locks.InstanceLocks(), watch, soft_reboot_s=SOFT_REBOOT_S,
        clock=time.clock)


@pytest.fixture
def server(machine, parts):
    """Have a server in a state; return its instance."""
    def server(state, **changes):
        extra_specs = changes.pop('extra_specs', None)
        instance = builders.instance(
            uuid=machine(state, boot_order=(Boot.DISK, Boot.DVD), **changes),
            extra_specs=extra_specs)
        parts.machines.claim(instance.uuid)
        parts.files.instance(instance.uuid).make()
        return instance
    return server


@pytest.fixture
def state(vbox):
    return lambda instance: vbox.machines[instance.uuid].state


class TestPowerOff:
    def test_a_guest_that_is_asked_shuts_down(self, power, server, state,
                                              time, vbox):
        instance = server(State.RUNNING)
        power.power_off(instance, timeout_s=60, retry_interval_s=10)
        assert state(instance) is State.OFF
        assert vbox.presses == [0]
        assert time.now_s < 1001

    def test_it_may_take_some_time(self, power, server, state, time, vbox):
        vbox.off_after = 1, 35.0
        instance = server(State.RUNNING)
        power.power_off(instance, timeout_s=60, retry_interval_s=0)
        assert state(instance) is State.OFF
        assert vbox.presses == [0]
        assert time.now_s == 1035

    def test_it_is_asked_again(self, power, server, state, time, vbox):
        vbox.off_after = 3, 1.0
        instance = server(State.RUNNING)
        power.power_off(instance, timeout_s=60, retry_interval_s=10)
        assert state(instance) is State.OFF
        assert vbox.presses == [0, 10, 20]
        assert time.now_s == 1021

    def test_if_it_does_not_listen_the_plug_is_pulled(self, power, server,
                                                      state, time, vbox):
        vbox.off_after = 99, 0.0
        instance = server(State.RUNNING)
        power.power_off(instance, timeout_s=30, retry_interval_s=10)
        assert state(instance) is State.OFF
        assert vbox.presses == [0, 10, 20]
        assert time.now_s == 1030

    def test_without_a_timeout_it_is_not_asked(self, power, server, state,
                                               time, vbox):
        instance = server(State.RUNNING)
        power.power_off(instance, timeout_s=0, retry_interval_s=10)
        assert state(instance) is State.OFF
        assert vbox.presses == []
        assert time.now_s == 1000

    @pytest.mark.parametrize(('before', 'after'), [
        (State.PAUSED, State.OFF), (State.SAVED, State.OFF),
        (State.OFF, State.OFF), (State.ABORTED, State.ABORTED)])
    def test_what_does_not_run_is_not_asked(self, power, server, state, time,
                                            vbox, before, after):
        instance = server(before)
        power.power_off(instance, timeout_s=60, retry_interval_s=10)
        assert state(instance) is after
        assert vbox.presses == []
        assert time.now_s == 1000

    def test_a_guest_may_go_off_just_before_it_is_asked(self, power, server,
                                                        state, vbox):
        instance = server(State.RUNNING)

        def too_late(uuid):
            vbox.machines[uuid].state = State.OFF
            raise errors.InvalidState(f'{uuid} does not run')

        vbox.press_power_button = too_late
        power.power_off(instance, timeout_s=60, retry_interval_s=10)
        assert state(instance) is State.OFF

    def test_or_just_before_the_plug_is_pulled(self, power, server, state,
                                               vbox):
        instance = server(State.RUNNING)

        def too_late(uuid):
            vbox.machines[uuid].state = State.OFF
            raise errors.InvalidState(f'{uuid} does not run')

        vbox.power_off = too_late
        power.power_off(instance, timeout_s=0, retry_interval_s=0)
        assert state(instance) is State.OFF

    def test_a_guest_that_crashes_meanwhile_is_ended(self, power, server,
                                                     vbox):
        ended = []
        instance = server(State.RUNNING)
        vbox.press_power_button = vbox.crash
        vbox.power_off = ended.append
        power.power_off(instance, timeout_s=60, retry_interval_s=0)
        assert ended == [instance.uuid]


def refuse(uuid):
    raise errors.InvalidState('no VT-x')


class TestPowerOn:
    @pytest.mark.parametrize('before', list(State)[:5])
    def test_it_runs_whatever_it_did_before(self, power, server, state,
                                            before):
        instance = server(before)
        power.power_on(instance)
        assert state(instance) is State.RUNNING

    def test_what_runs_is_not_started_anew(self, power, server, vbox):
        instance = server(State.RUNNING)
        before = vbox.machines[instance.uuid].started_at
        power.power_on(instance)
        assert vbox.machines[instance.uuid].started_at == before

    def test_it_boots_as_the_flavor_says_now(self, power, server, vbox):
        instance = server(State.OFF, extra_specs={
            'virtualbox:boot': 'network'})
        power.power_on(instance)
        found = vbox.machines[instance.uuid].spec.boot_order
        assert found == (Boot.NETWORK, Boot.DISK)

    def test_once_it_boots_otherwise(self, power, server, parts, vbox):
        instance = server(State.OFF, extra_specs={
            'virtualbox:boot_once': 'network'})
        parts.files.instance(instance.uuid).boot_once.touch()
        order = []
        for _ in range(2):
            power.power_on(instance)
            order.append(vbox.machines[instance.uuid].spec.boot_order[0])
            power.power_off(instance, 0, 0)
        assert order == [Boot.NETWORK, Boot.DISK]

    def test_a_start_that_fails_was_not_that_once(self, power, server, parts,
                                                  vbox):
        instance = server(State.OFF)
        once = parts.files.instance(instance.uuid).boot_once
        once.touch()
        vbox.start = refuse
        with pytest.raises(errors.InvalidState):
            power.power_on(instance)
        assert once.exists()

    @pytest.mark.parametrize(('before', 'macs'), [
        (State.OFF, ['fa:16:3e:00:00:01']),
        (State.ABORTED, ['fa:16:3e:00:00:01']),
        # What is saved knows its adapters.
        (State.SAVED, ['fa:16:3e:00:00:01', 'fa:16:3e:00:00:02'])])
    def test_what_was_detached_is_gone_then(self, power, server, vbox, nic,
                                            unplugged, before, macs):
        instance = server(before, nics=(nic, unplugged))
        power.power_on(instance)
        found = vbox.machine_settings(instance.uuid).nics
        assert [adapter.mac for adapter in found] == macs

    def test_its_serial_port_is_logged(self, power, server, parts):
        instance = server(State.OFF)
        followed = []
        parts.consoles.follow_serial = followed.append
        power.power_on(instance)
        assert followed == [instance.uuid]


class TestReboot:
    def test_soft_asks_the_guest(self, power, server, state, vbox):
        instance = server(State.RUNNING)
        power.reboot(instance, soft=True)
        assert state(instance) is State.RUNNING
        assert vbox.presses == [0]
        assert vbox.machines[instance.uuid].started_at > 0

    def test_and_is_hard_if_the_guest_does_not_listen(
            self, power, server, state, time, vbox):
        vbox.off_after = 99, 0.0
        instance = server(State.RUNNING)
        power.reboot(instance, soft=True)
        assert state(instance) is State.RUNNING
        assert vbox.presses == [0]
        assert time.now_s == 1000 + SOFT_REBOOT_S
        assert vbox.machines[instance.uuid].started_at > 0

    def test_hard_does_not(self, power, server, state, time, vbox):
        instance = server(State.RUNNING)
        power.reboot(instance, soft=False)
        assert state(instance) is State.RUNNING
        assert vbox.presses == []
        assert time.now_s == 1000
        assert vbox.machines[instance.uuid].started_at > 0

    @pytest.mark.parametrize('soft', [False, True])
    @pytest.mark.parametrize('before', [
        State.PAUSED, State.SAVED, State.OFF, State.ABORTED])
    def test_it_runs_anew_whatever_it_did_before(
            self, power, server, vbox, before, soft):
        instance = server(before)
        discarded = []
        discard = vbox.discard_state
        vbox.discard_state = lambda uuid: (discarded.append(uuid),
                                           discard(uuid))
        power.reboot(instance, soft)
        machine = vbox.machines[instance.uuid]
        assert machine.state is State.RUNNING
        assert machine.started_at > 0
        # What was saved is not gone on with.
        assert bool(discarded) is (before is State.SAVED)


class TestPauseAndSuspend:
    @pytest.mark.parametrize(('operation', 'before', 'after'), [
        ('pause', State.RUNNING, State.PAUSED),
        ('pause', State.PAUSED, State.PAUSED),
        ('unpause', State.PAUSED, State.RUNNING),
        ('unpause', State.RUNNING, State.RUNNING),
        ('suspend', State.RUNNING, State.SAVED),
        ('suspend', State.PAUSED, State.SAVED),
        ('suspend', State.SAVED, State.SAVED),
    ])
    def test_it_is_as_it_was_asked_for(self, power, server, state, operation,
                                       before, after):
        instance = server(before)
        getattr(power, operation)(instance)
        assert state(instance) is after

    @pytest.mark.parametrize(('operation', 'before'), [
        ('pause', State.OFF), ('pause', State.SAVED),
        ('unpause', State.OFF), ('unpause', State.ABORTED),
        ('suspend', State.OFF), ('inject_nmi', State.OFF)])
    def test_what_cannot_be_is_refused(self, power, server, state, operation,
                                       before):
        instance = server(before)
        with pytest.raises(errors.InvalidState):
            getattr(power, operation)(instance)
        assert state(instance) is before

    def test_an_nmi_reaches_the_guest(self, power, server, vbox):
        instance = server(State.RUNNING)
        power.inject_nmi(instance)
        assert vbox.machines[instance.uuid].nmis == 1

    @pytest.mark.parametrize('operation', [
        'power_on', 'pause', 'unpause', 'suspend', 'inject_nmi', 'examine'])
    def test_what_is_not_there_is_not_found(self, power, operation):
        with pytest.raises(errors.MachineNotFound):
            getattr(power, operation)(builders.instance())


class TestInfo:
    @pytest.mark.parametrize(('before', 'expected'), [
        (State.RUNNING, power_state.RUNNING),
        (State.PAUSED, power_state.PAUSED),
        (State.SAVED, power_state.SUSPENDED),
        (State.OFF, power_state.SHUTDOWN),
        (State.ABORTED, power_state.CRASHED),
        (State.INACCESSIBLE, power_state.NOSTATE)])
    def test_every_state_has_nova_s_name(self, power, server, before,
                                         expected):
        found = power.info(server(before), use_cache=False)
        assert found.state == expected

    def test_one_whose_process_died_of_it_is_off_as_was_wanted(
            self, power, server, vbox):
        instance = server(State.RUNNING)
        vbox.power_off = vbox.crash
        power.power_off(instance, timeout_s=0, retry_interval_s=0)
        assert power.info(instance, False).state == power_state.SHUTDOWN
        power.power_on(instance)
        vbox.crash(instance.uuid)
        assert power.info(instance, False).state == power_state.CRASHED

    def test_every_state_is_among_them(self):
        assert set(powerops.POWER_STATES) == set(State)

    def test_what_was_seen_last_will_do_if_nova_says_so(self, power, server,
                                                        watch, vbox):
        instance = server(State.RUNNING)
        watch.look()
        vbox.power_off(instance.uuid)
        assert power.info(instance, True).state == power_state.RUNNING
        assert power.info(instance, False).state == power_state.SHUTDOWN

    def test_what_was_never_seen_is_asked_for(self, power, server):
        instance = server(State.PAUSED)
        assert power.info(instance, True).state == power_state.PAUSED


class TestExamine:
    @pytest.mark.parametrize('before', list(State)[:5])
    def test_only_what_is_alive_has_statistics(self, power, server, before):
        found = power.examine(server(before, memory_mb=96))
        assert found.state is before
        assert found.settings.memory_mb == 96
        assert (found.statistics is not None) is (before in powerops.ALIVE)
