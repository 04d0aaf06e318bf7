# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.common import undo as undoing


class Failure(Exception):
    pass


def cannot():
    raise RuntimeError('this cannot be undone')


@pytest.fixture
def undone():
    return []


def do_and_fail(*steps):
    """Do some steps, each with what takes it back, and fail then."""
    with undoing.Undo() as undo:
        for function, *args in steps:
            undo.add(function, *args)
        raise Failure('why it began')


def test_the_last_step_is_taken_back_first(undone):
    with pytest.raises(Failure):
        do_and_fail(*((undone.append, step) for step in 'abc'))
    assert undone == ['c', 'b', 'a']


def test_nothing_is_if_all_went_well(undone):
    with undoing.Undo() as undo:
        undo.add(undone.append, 'a')
        undo.pop_all()
    assert undone == []


def test_one_that_fails_does_not_stop_the_others(undone, caplog):
    with pytest.raises(Failure):
        do_and_fail((undone.append, 'a'), (cannot,), (undone.append, 'c'))
    assert undone == ['c', 'a']
    record, = caplog.records
    assert record.levelname == 'ERROR'
    assert 'this cannot be undone' in caplog.text


def test_the_error_that_began_it_goes_on():
    with pytest.raises(Failure, match='why it began'):
        do_and_fail((cannot,))


def test_arguments_are_handed_on():
    kept = {}
    with undoing.Undo() as undo:
        undo.add(kept.update, {'a': 1}, b=2)
    assert kept == {'a': 1, 'b': 2}
