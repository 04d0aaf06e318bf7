# SPDX-License-Identifier: Apache-2.0
import threading
import time

import pytest

from nova_hypervisors.common import locks


@pytest.fixture
def held():
    return locks.InstanceLocks()


class Holder:
    """Another thread that holds a lock until it is told."""

    def __init__(self, held, uuid):
        self.has_it = threading.Event()
        self.let_go = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(held, uuid))
        self._thread.start()

    def _run(self, held, uuid):
        with held.hold(uuid):
            self.has_it.set()
            assert self.let_go.wait(10)

    def end(self):
        self.let_go.set()
        self._thread.join()


class TestHolding:
    def test_one_after_another(self, held):
        first = Holder(held, 'a')
        assert first.has_it.wait(10)
        second = Holder(held, 'a')
        assert not second.has_it.wait(0.05)
        first.end()
        assert second.has_it.wait(10)
        second.end()

    def test_instances_do_not_wait_for_one_another(self, held):
        holders = [Holder(held, uuid) for uuid in 'abc']
        assert all(holder.has_it.wait(10) for holder in holders)
        for holder in holders:
            holder.end()

    def test_an_error_lets_go(self, held):
        with pytest.raises(KeyError), held.hold('a'):
            raise KeyError
        assert not held.is_busy('a')
        other = Holder(held, 'a')
        assert other.has_it.wait(10)
        other.end()


class TestBusy:
    def test_while_it_is_held(self, held):
        assert not held.is_busy('a')
        with held.hold('a'):
            assert held.is_busy('a')
            assert not held.is_busy('b')
        assert not held.is_busy('a')

    def test_as_long_as_somebody_waits(self, held):
        with held.hold('a'):
            waiting = Holder(held, 'a')
        assert waiting.has_it.wait(10)
        assert held.is_busy('a')
        waiting.end()
        assert not held.is_busy('a')


class TestQuiet:
    def test_always_if_nothing_ever_happened(self, held):
        assert held.quiet_since('a', time.monotonic())

    def test_not_while_it_is_held(self, held):
        with held.hold('a'):
            assert not held.quiet_since('a', time.monotonic())

    def test_not_if_it_was_held_since(self, held):
        before = time.monotonic()
        with held.hold('a'):
            pass
        assert not held.quiet_since('a', before)
        assert held.quiet_since('b', before)

    def test_again_afterwards(self, held):
        with held.hold('a'):
            pass
        after = time.monotonic() + 1e-6
        assert held.quiet_since('a', after)
