# SPDX-License-Identifier: Apache-2.0
"""Many servers are made and deleted, several at once: nothing accumulates.

SOAK_CYCLES says how many; ``make soak`` makes a thousand with each backend.
"""

import concurrent.futures
import gc
import os
import sys
import threading

import psutil
import pytest

from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()

CYCLES = int(os.environ.get('SOAK_CYCLES', '16'))
AT_ONCE = 8

# Python's own allocator does not give everything back.
GROWTH_PER_CYCLE_KB = 20
SLACK_KB = 8192


class Figures:
    """What a process holds on to."""

    def __init__(self):
        gc.collect()
        process = psutil.Process()
        self.memory_kb = process.memory_info().rss // 1024
        self.files = process.num_fds()
        self.threads = threading.active_count()


@pytest.fixture
def cycle(driver, spawn, image):
    def cycle(number):
        instance = builders.instance(image, display_name=f'soak-{number}')
        spawn(instance, vifs=[builders.vif()])
        assert driver.get_info(instance).state == 1
        driver.destroy(CONTEXT, instance, [])
        driver.cleanup(CONTEXT, instance, [])
    return cycle


@pytest.fixture
def many(cycle):
    def many(count):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(cycle, range(count)))
    return many


@pytest.mark.long
@pytest.mark.feature('operation.terminate')
def test_nothing_accumulates(many, left_over, real_virtualbox, backend):
    many(max(AT_ONCE, CYCLES // 10))
    before = Figures()
    many(CYCLES)
    after = Figures()
    sys.stdout.write(
        f'\n{backend}: {CYCLES} servers, {AT_ONCE} at once; '
        f'memory {before.memory_kb} -> {after.memory_kb} KB, '
        f'files {before.files} -> {after.files}, '
        f'threads {before.threads} -> {after.threads}\n')
    assert left_over() == []
    # The watcher may just be asking.
    assert after.files <= before.files + 8
    assert after.threads <= before.threads + 8
    assert after.memory_kb - before.memory_kb <= (
        SLACK_KB + GROWTH_PER_CYCLE_KB * CYCLES)
    assert _guests(real_virtualbox) == []


def _guests(real_virtualbox):
    """List the processes of machines, which would hold a port of a display."""
    home = str(real_virtualbox.home)
    return [process for process in psutil.process_iter(['name', 'environ'])
            if process.info['name'] == 'VBoxHeadless'
            and home in (process.info['environ'] or {}).values()]
