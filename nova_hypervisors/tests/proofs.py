# SPDX-License-Identifier: Apache-2.0
"""Which test proves which row of the support matrix.

A test says ``@pytest.mark.feature('operation.pause')``.  While it runs, the
driver's methods are watched, so that a test cannot be a proof of a row whose
methods it never goes through.  At the end of a complete run,

    python -m nova_hypervisors.tests.proofs check FILE...
    python -m nova_hypervisors.tests.proofs write FILE...

compares what was proven with what the registry says, or writes it down for
``nova-hypervisors matrix``.  While a row is being worked on,

    python -m nova_hypervisors.tests.proofs add FILE...

adds the proofs of a part of the tests to those that are written down.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from nova_hypervisors.capabilities import proofs
from nova_hypervisors.capabilities import registry
from nova_hypervisors.tests import drivers

#: Where a run keeps what it has proven; unset: nowhere.
VARIABLE = 'NOVA_HYPERVISORS_PROOFS'

_MARK = 'feature'
_CALLED = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line(
        'markers', f'{_MARK}(*keys): proves rows of the support matrix')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    keys = [key for mark in item.iter_markers(_MARK) for key in mark.args]
    if not keys:
        return (yield)
    with watching() as called:
        item.stash[_CALLED] = keys, called
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    # A failure of a unittest.TestCase is known no earlier.
    report = yield
    if report.when == 'call' and report.passed and _CALLED in item.stash:
        keys, called = item.stash[_CALLED]
        for column, methods in called.items():
            _keep({'keys': keys, 'column': column, 'test': item.nodeid,
                   'methods': sorted(methods)})
    return report


def _keep(record):
    if VARIABLE in os.environ:
        with Path(os.environ[VARIABLE]).open('a', encoding='utf-8') as file:
            file.write(json.dumps(record) + '\n')


@contextlib.contextmanager
def watching():
    """Yield the driver's methods that are called meanwhile, by column."""
    called: dict[str, set[str]] = collections.defaultdict(set)
    with contextlib.ExitStack() as watched:
        for cls in _driver_classes():
            watched.enter_context(_watching(cls, called))
        yield called


def _driver_classes():
    from nova_hypervisors.baremetal import driver as baremetal
    from nova_hypervisors.virtualbox import driver as virtualbox
    from nova_hypervisors.vmwareapi import driver as vmwareapi
    return (virtualbox.VirtualBoxDriver, vmwareapi.VMwareESXDriver,
            baremetal.BareMetalDriver)


@contextlib.contextmanager
def _watching(cls, called):
    lock = threading.Lock()
    originals = drivers.methods(cls)
    own = dict(vars(cls))

    def watched(name, method):
        @functools.wraps(method)
        def wrapper(self, *args, **kwargs):
            with lock:
                called[self.column].add(name)
            return method(self, *args, **kwargs)
        return wrapper

    for name, method in originals.items():
        setattr(cls, name, watched(name, method))
    try:
        yield
    finally:
        for name in originals:
            if name in own:
                setattr(cls, name, own[name])
            else:
                delattr(cls, name)


def read(paths):
    """Return the tests of each cell, and the methods that they went through.

    :returns: ({(key, column): {test, ...}}, {(key, column): {method, ...}})
    """
    tests = collections.defaultdict(set)
    methods = collections.defaultdict(set)
    for path in paths:
        for line in Path(path).read_text().splitlines():
            record = json.loads(line)
            for key in record['keys']:
                cell = key, record['column']
                tests[cell].add(record['test'])
                methods[cell].update(record['methods'])
    return tests, methods


def faults(tests, methods):
    """Return what the registry claims and no test has proven."""
    found = []
    rows = {feature.key: feature for feature in registry.FEATURES}
    found += [f'{key} ({column}): proven by {", ".join(sorted(names))}, but '
              'there is no such row'
              for (key, column), names in tests.items() if key not in rows]
    for feature in registry.FEATURES:
        for column, support in feature.support.items():
            cell = feature.key, column
            if not support.level.is_there:
                if cell in tests:
                    found.append(f'{feature.key} ({column}) is '
                                 f'{support.level.value} and has proofs')
                continue
            if cell not in tests:
                found.append(f'{feature.key} ({column}) is '
                             f'{support.level.value} and no test proves it')
                continue
            missing = set(feature.methods) - methods[cell]
            if missing:
                found.append(f'{feature.key} ({column}): its proofs do not go '
                             f'through {", ".join(sorted(missing))}')
    return found


def as_data(tests):
    """Return what is kept for ``nova-hypervisors matrix``."""
    data = collections.defaultdict(dict)
    for (key, column), names in sorted(tests.items()):
        data[key][column] = sorted(names)
    return dict(data)


def main(arguments):
    command, *paths = arguments
    tests, methods = read(paths)
    found = faults(tests, methods) if command != 'add' else []
    if command == 'add':
        for key, columns in proofs.load().items():
            for column, names in columns.items():
                tests[key, column].update(names)
    if command in ('add', 'write'):
        proofs.PATH.write_text(json.dumps(as_data(tests), indent=1) + '\n')
    elif as_data(tests) != proofs.load():
        found.append(f'{proofs.PATH.name} is stale: run "make proofs"')
    print(*found, sep='\n')
    print(f'{len(tests)} cells of the support matrix are proven by '
          f'{len(set().union(*tests.values()))} tests; {len(found)} faults')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
