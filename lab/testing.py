# SPDX-License-Identifier: Apache-2.0
"""Every test, with every release of Nova that is supported."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

_PACKAGE = 'nova_hypervisors'
_TESTS = f'{_PACKAGE}/tests'

#: What every virtual environment of a test has.
REQUIREMENTS = packages.requirements('test-requirements.txt')

# Several times what the longest suite takes.
_SUITE_S = 2400
_SOAK_S = 6 * 3600

#: The release that everything is tested with.
NEWEST = '34'

#: Nova's releases, with the Placement and the Neutron of the same OpenStack.
#: The test fixtures of the older ones set an option that oslo.policy had then.
RELEASES = {
    '31': ('nova>=31.0.0,<32', 'openstack-placement>=13.0.0,<14',
           'neutron>=26.0.0,<27', 'oslo.policy<5'),
    '32': ('nova>=32.0.0,<33', 'openstack-placement>=14.0.0,<15',
           'neutron>=27.0.0,<28', 'oslo.policy<5'),
    '33': ('nova>=33.0.0,<34', 'openstack-placement>=15.0.0,<16',
           'neutron>=28.0.0,<29', 'oslo.policy<5'),
    '34': ('nova>=34.0.0,<35', 'openstack-placement>=16.0.0,<17',
           'neutron>=29.0.0,<30'),
}

#: Ironic, in a Python without Nova: its options have the same names.
IRONIC = 'ironic-39'
_IRONIC_REQUIREMENTS = ('ironic>=39.0.0,<40', 'pytest',
                        'pytest-rerunfailures', 'pytest-xdist')

# What depends on Nova's release.
_NOVA_TESTS = (f'{_TESTS}/contract/test_signatures.py',
               f'{_TESTS}/contract/test_nova_virt_drivers.py',
               *(f'{_TESTS}/functional/nova/test_servers.py::ServersTest::'
                 f'test_{name}' for name in (
                     'the_life_of_a_server',
                     'diagnostics_pass_the_schema_of_the_api')))


@dataclasses.dataclass(frozen=True, slots=True)
class Suite:
    """One run of pytest.

    :param threads: Nova's services run in threads, else in green threads
    :param workers: processes at once: much of a guest's life is waiting;
        green threads and the workers' own do not go together
    :param marked: which tests, in pytest's words
    :param tries: of a test that fails: see tests/secondtries.py
    :param first_worker: the workers' numbers, by which they share out ports,
        begin with it
    :param words: more of pytest's own
    """

    name: str
    release: str
    paths: tuple[str, ...]
    threads: bool = True
    workers: int = 3
    marked: str = 'not long'
    tries: int = 1
    first_worker: int = 0
    limit_s: int = _SUITE_S
    words: tuple[str, ...] = ()

    def venv(self, lab: layout.Layout) -> Path:
        """Return the virtual environment that it runs in."""
        if self.release == IRONIC:
            return lab.top / 'venvs' / IRONIC
        return lab.nova_venv(self.release)


SUITES = (
    Suite('unit', NEWEST, (f'{_TESTS}/unit',)),
    Suite('contract', NEWEST, (f'{_TESTS}/contract',), workers=4, tries=2),
    Suite('functional', NEWEST, (f'{_TESTS}/functional',), workers=4,
          tries=2),
)

#: What runs beside these, with one worker: what depends on Nova with its older
#: releases, as these run nova-compute if nobody says otherwise; and what
#: Ironic gets from us.
BESIDE = (
    *(Suite(f'nova-{release}', release, _NOVA_TESTS, threads=False, workers=0,
            tries=2, first_worker=8)
      for release in RELEASES if release != NEWEST),
    Suite('ironic', IRONIC, (f'{_TESTS}/ironic',), workers=0, tries=2,
          first_worker=8, words=(f'--confcutdir={_TESTS}/ironic',)))

#: What takes long; its rows are proven by shorter tests too.
LONG = Suite('long', NEWEST, tuple(path for suite in SUITES
                                   for path in suite.paths),
             marked='long', limit_s=2 * _SUITE_S)


def make_venv(lab: layout.Layout, release: str) -> Path:
    """Make the virtual environment of a release, with this package in it."""
    venv = lab.nova_venv(release)
    log = lab.logs / f'pip-nova-{release}.log'
    requirements = (*REQUIREMENTS, *RELEASES[release])
    packages.make_venv(lab, venv, requirements, log)
    packages.pip_install(
        lab, venv, ('--reinstall-package', 'nova-hypervisors', *requirements,
                    str(layout.CHECKOUT)), log)
    return venv


def make_ironic_venv(lab: layout.Layout) -> None:
    """Make the virtual environment of what Ironic gets from us."""
    log = lab.logs / 'pip-ironic-types.log'
    venv = lab.top / 'venvs' / IRONIC
    packages.make_venv(lab, venv, _IRONIC_REQUIREMENTS, log)
    packages.pip_install(
        lab, venv, ('--reinstall-package', 'nova-hypervisors',
                    *_IRONIC_REQUIREMENTS, f'{layout.CHECKOUT}[ironic]'), log)


def run(lab: layout.Layout, suite: Suite, words: tuple[str, ...] = (),
        log: Path | None = None) -> int:
    """Run a suite with its output on ours; return pytest's exit status.

    :param words: more of pytest's own
    :param log: for the output
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open('w')) if log else sys.stdout
        print(f'\n=== {suite.name}: {suite.venv(lab).name}, '
              f'{"threads" if suite.threads else "eventlet"}', file=output,
              flush=True)
        try:
            return subprocess.run(
                _command(lab, suite, words), env=_environment(lab, suite),
                cwd=layout.CHECKOUT, check=False, timeout=suite.limit_s,
                stdout=output if log else None,
                stderr=subprocess.STDOUT if log else None).returncode
        except subprocess.TimeoutExpired:
            print(f'{suite.name} was not done in {suite.limit_s} s',
                  file=output, flush=True)
            return 1


def _command(lab: layout.Layout, suite: Suite,
             words: tuple[str, ...]) -> list[str]:
    workers = (('-n', str(suite.workers), '--dist', 'worksteal')
               if suite.workers else ())
    return [f'{suite.venv(lab)}/bin/python', '-m', 'pytest', '-q',
            '--durations=40', '-m', suite.marked,
            f'--reruns={suite.tries - 1}', *workers, *suite.words,
            *suite.paths, *words]


def _environment(lab: layout.Layout, suite: Suite) -> dict[str, str]:
    records = proofs_file(lab, suite)
    records.unlink(missing_ok=True)
    return {
        **os.environ, 'LAB_DIR': str(lab.top),
        'PATH': f'{suite.venv(lab)}/bin:{os.environ["PATH"]}',
        'OS_NOVA_DISABLE_EVENTLET_PATCHING': str(suite.threads).lower(),
        'NOVA_HYPERVISORS_FIRST_WORKER': str(suite.first_worker),
        'NOVA_HYPERVISORS_PROOFS': str(records)}


def soak(lab: layout.Layout) -> int:
    """Return pytest's exit status."""
    os.environ.setdefault('SOAK_CYCLES', '1000')
    suite = Suite('soak', NEWEST, (
        f'{_TESTS}/functional/virtualbox/test_soak.py',), workers=0,
        marked='long', limit_s=_SOAK_S)
    return run(lab, suite, ('-s',))


def proofs_file(lab: layout.Layout, suite: Suite) -> Path:
    return lab.run / f'proofs-{suite.name}.jsonl'


def check_proofs(lab: layout.Layout, command: str) -> int:
    """Compare what was proven with the support matrix, or write it down.

    :param command: check or write
    """
    print('\n=== the support matrix and its proofs', flush=True)
    files = [proofs_file(lab, suite) for suite in SUITES]
    return subprocess.run(
        [lab.nova_venv(NEWEST) / 'bin/python', '-W', 'ignore', '-m',
         f'{_TESTS.replace("/", ".")}.proofs', command,
         *(path for path in files if path.exists())],
        cwd=layout.CHECKOUT, check=False).returncode


def lint(lab: layout.Layout) -> int:
    """Return how many of the checkers complain."""
    programs = lab.nova_venv(NEWEST) / 'bin'
    failed = 0
    for words in (('ruff', 'check'), ('mypy',)):
        print(f'\n=== {" ".join(words)}', flush=True)
        failed += bool(subprocess.run(
            [programs / words[0], *words[1:]], cwd=layout.CHECKOUT,
            check=False).returncode)
    return failed


def run_all(lab: layout.Layout, show: progress.Progress,
            proofs: str = 'check') -> int:
    """Run every suite; return 0 if all of them passed.

    Those with one worker each run beside the others.
    """
    results = [_result('lint', lambda: lint(lab))]
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        others = [beside.submit(_logged, lab, suite) for suite in BESIDE]
        results += [_result(suite.name, functools.partial(run, lab, suite))
                    for suite in SUITES]
        results += [future.result() for future in others]
    for suite in BESIDE:
        print(_log(lab, suite).read_text())
    results.append(_result('proofs', lambda: check_proofs(lab, proofs)))
    print()
    for name, passed, seconds in results:
        print(f'{"passed" if passed else "FAILED":8}{name:20}'
              f'{seconds:6.0f} s')
    failed = sum(not passed for _, passed, _ in results)
    show.say(f'{len(results) - failed} suites passed, {failed} failed')
    return 1 if failed else 0


def _result(name: str, act: Callable[[], int]) -> tuple[str, bool, float]:
    begun = time.monotonic()
    status = act()
    return name, status == 0, time.monotonic() - begun


def _log(lab: layout.Layout, suite: Suite) -> Path:
    return lab.logs / f'tests-{suite.name}.log'


def _logged(lab: layout.Layout, suite: Suite) -> tuple[str, bool, float]:
    return _result(suite.name, functools.partial(run, lab, suite,
                                                 log=_log(lab, suite)))
