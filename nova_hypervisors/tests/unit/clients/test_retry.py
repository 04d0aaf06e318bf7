# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import retry


class Flaky:
    """Fails with the given errors, one a call, and then does not."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return 'done'


@pytest.fixture
def slept():
    return []


@pytest.fixture
def policy(slept):
    return retry.Policy(2, 1.5, slept.append)


def test_what_can_go_away_is_tried_again(policy, slept):
    flaky = Flaky(errors.Busy('locked'), errors.Unreachable('ending'))
    assert policy.call(flaky) == 'done'
    assert slept == [1.5, 1.5]


def test_only_so_often(policy, slept):
    flaky = Flaky(*(errors.Busy('locked') for _ in range(5)))
    with pytest.raises(errors.Busy):
        policy.call(flaky)
    assert flaky.calls == 3
    assert slept == [1.5, 1.5]


def test_a_disk_is_waited_for_longer(policy, slept):
    flaky = Flaky(*(errors.MediumBusy('locked') for _ in range(12)))
    assert policy.call(flaky) == 'done'
    assert len(slept) == 12


@pytest.mark.parametrize(('policy', 'calls'), [
    (retry.NEVER, 1), (retry.Policy(1, 0), 16), (retry.Policy(20, 0), 21)])
def test_but_not_for_ever(policy, calls):
    flaky = Flaky(*(errors.MediumBusy('locked') for _ in range(30)))
    with pytest.raises(errors.MediumBusy):
        policy.call(flaky)
    assert flaky.calls == calls


def test_what_stays_is_not(policy, slept):
    flaky = Flaky(errors.NotFound('gone'))
    with pytest.raises(errors.NotFound):
        policy.call(flaky)
    assert flaky.calls == 1
    assert slept == []


def test_not_at_all_if_that_is_wanted():
    flaky = Flaky(errors.Busy('locked'))
    with pytest.raises(errors.Busy):
        retry.NEVER.call(flaky)
    assert flaky.calls == 1
