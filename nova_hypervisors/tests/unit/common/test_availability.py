# SPDX-License-Identifier: Apache-2.0
"""The service of a host whose hypervisor comes and goes."""

import datetime
import socket
import types

import pytest
from nova import exception
from nova import objects

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import probing
from nova_hypervisors.common import availability
from nova_hypervisors.common import locks
from nova_hypervisors.common import watcher
from nova_hypervisors.tests import peers

LOST = errors.NotListening('192.0.2.20: Connection refused')
REASON = ('AUTO: the hypervisor does not answer: '
          '192.0.2.20: Connection refused')


class Nova:
    """A service, a compute node, and what Placement knows of it."""

    def __init__(self):
        self.disabled = False
        self.disabled_reason = None
        self.saved = 0
        self.away = False
        self.placement = True
        self.placement_away = False

    def save(self):
        self.saved += 1

    def find(self, context, host):
        if self.away:
            raise exception.ComputeHostNotFound(host=host)
        assert host == 'here'
        return self

    def update_compute_provider_status(self, context, uuid, enabled):
        if self.placement_away:
            raise exception.ResourceProviderUpdateFailed(
                url=uuid, error='it is gone')
        self.placement = enabled


@pytest.fixture
def nova(monkeypatch):
    nova = Nova()
    # Nova's objects are found by their class, in no other way.
    monkeypatch.setattr(objects.Service, 'get_by_compute_host', nova.find)
    monkeypatch.setattr(objects.ComputeNodeList, 'get_all_by_host',
                        lambda *_: [types.SimpleNamespace(uuid='node')])
    return nova


@pytest.fixture
def host(nova):
    return availability.Availability(nova, 'here')


def test_gone_and_back(host, nova):
    host.is_gone(LOST)
    assert (nova.disabled, nova.disabled_reason) == (True, REASON)
    assert nova.placement is False
    host.answers()
    assert (nova.disabled, nova.disabled_reason) == (False, None)
    assert nova.placement is True


def test_nova_is_told_once_for_each_change(host, nova):
    for _ in range(3):
        host.is_gone(LOST)
    for _ in range(3):
        host.answers()
    assert nova.saved == 2


def test_what_an_operator_has_disabled_stays_so(host, nova):
    nova.disabled, nova.disabled_reason = True, 'a fan is broken'
    host.is_gone(LOST)
    host.answers()
    assert (nova.disabled, nova.disabled_reason) == (True, 'a fan is broken')
    assert nova.saved == 0


def test_what_an_operator_enables_meanwhile_stays_so(host, nova):
    host.is_gone(LOST)
    nova.disabled = False
    host.is_gone(LOST)
    assert nova.disabled is False


def test_another_reason_that_is_given_meanwhile_counts(host, nova):
    host.is_gone(LOST)
    nova.disabled_reason = 'I have seen it'
    host.answers()
    assert nova.disabled is True


def test_what_the_last_nova_compute_has_disabled_is_enabled(host, nova):
    nova.disabled, nova.disabled_reason = True, REASON
    host.answers()
    assert nova.disabled is False


def test_a_nova_that_is_away_is_told_later(host, nova):
    nova.away = True
    host.is_gone(LOST)
    assert nova.disabled is False
    nova.away = False
    host.is_gone(LOST)
    assert nova.disabled is True


def test_a_placement_that_is_away_is_no_reason_to_wait(host, nova):
    nova.placement_away = True
    host.is_gone(LOST)
    assert nova.disabled is True


def test_a_long_reason_fits_into_the_data_base(host, nova):
    host.is_gone(errors.NotListening('x' * 1000))
    assert len(nova.disabled_reason) == 255


def test_the_thread_that_watches_machines_tells(host, nova):
    answers = [LOST]

    def look():
        if answers:
            raise answers[0]
        return {}

    watch = watcher.Watcher(look, {}, locks.InstanceLocks(), 0.01, print,
                            host=host)
    watch.start()
    peers.wait_until(lambda: nova.disabled)
    answers.clear()
    peers.wait_until(lambda: not nova.disabled)
    watch.stop()


def test_a_host_that_does_not_listen_is_gone_at_once(host, nova):
    """Whatever is remembered of it, and however often calls are tried."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
        watch = watcher.Watcher(
            dict, {}, locks.InstanceLocks(), 0.01, print, host=host,
            probe=lambda: probing.connect('127.0.0.1', port, 3))
        nova.disabled, nova.disabled_reason = True, REASON
        watch.start()
        peers.wait_until(lambda: not nova.disabled)
    peers.wait_until(lambda: nova.disabled)
    watch.stop()
    assert nova.disabled_reason == (
        'AUTO: the hypervisor does not answer: '
        f'127.0.0.1, port {port}: Connection refused')


NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)

State = availability.State


class Clock:
    """Says how late it is, in both ways."""

    def __init__(self):
        self.seconds = 0

    def now(self):
        return NOON + datetime.timedelta(seconds=self.seconds)

    def monotonic(self):
        return 1000.0 + self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watched(nova, clock):
    """One that is looked at every ten seconds."""
    return availability.Availability(nova, 'here', 10, now=clock.now,
                                     monotonic=clock.monotonic)


class TestStanding:
    def test_before_the_first_look_nothing_is_known(self, watched):
        assert watched.standing() == availability.Standing(
            State.UNKNOWN, NOON, 'the hypervisor was not looked at yet')

    def test_gone_and_back(self, watched, clock):
        clock.seconds = 1
        watched.is_gone(LOST)
        assert watched.standing() == availability.Standing(
            State.GONE, clock.now(), '192.0.2.20: Connection refused')
        clock.seconds = 2
        watched.answers()
        assert watched.standing() == availability.Standing(
            State.ANSWERS, clock.now(), None)

    def test_it_is_so_since_the_first_look_that_found_it_so(self, watched,
                                                            clock):
        watched.is_gone(LOST)
        clock.seconds = 10
        watched.is_gone(errors.TimedOut('no answer'))
        assert watched.standing() == availability.Standing(
            State.GONE, NOON, 'no answer')

    def test_what_was_heard_long_ago_is_not_known(self, watched, clock):
        watched.answers()
        clock.seconds = 80
        assert watched.standing().state is State.ANSWERS
        clock.seconds = 81
        assert watched.standing() == availability.Standing(
            State.UNKNOWN, NOON,
            'nothing was heard of the hypervisor for 81 seconds; before, its '
            'state was: answers')
        watched.answers()
        assert watched.standing().state is State.ANSWERS

    def test_a_nova_that_is_away_changes_nothing(self, watched, nova):
        nova.away = True
        watched.is_gone(LOST)
        assert watched.standing().state is State.GONE
