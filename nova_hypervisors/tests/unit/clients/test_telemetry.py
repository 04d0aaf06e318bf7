# SPDX-License-Identifier: Apache-2.0
"""Who wants to know of calls is told, and changes nothing."""

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import telemetry


@pytest.fixture
def told():
    return []


@pytest.fixture
def observed(told):
    def observe(operation, seconds, error):
        assert 0 <= seconds < 5
        told.append((operation, error))

    return lambda function, **more: telemetry.observed(
        observe, 'startvm', function, **more)


def test_a_call_that_went_well(observed, told):
    assert observed(lambda: 'done') == 'done'
    assert told == [('startvm', '')]


def test_one_that_failed(observed, told):
    def fail():
        raise errors.Busy('locked')

    with pytest.raises(errors.Busy):
        observed(fail)
    assert told == [('startvm', 'Busy')]


def test_an_error_may_have_another_name(observed, told):
    def fail():
        raise errors.Busy('locked')

    with pytest.raises(errors.Busy):
        observed(fail, name=str)
    assert told == [('startvm', 'locked')]


def test_nobody_need_be_told():
    assert telemetry.observed(None, 'startvm', lambda: 1) == 1
