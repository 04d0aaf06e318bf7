# SPDX-License-Identifier: Apache-2.0
"""Every test, with every release of Nova that is supported."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
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
    """

    name: str
    release: str
    paths: tuple[str, ...]
    threads: bool = True
    workers: int = 2
    limit_s: int = _SUITE_S


SUITES = (
    Suite('unit', NEWEST, (f'{_TESTS}/unit',)),
    Suite('contract', NEWEST, (f'{_TESTS}/contract',)),
    Suite('functional', NEWEST, (f'{_TESTS}/functional',), workers=3),
    # As these releases run nova-compute if nobody says otherwise.
    *(Suite(f'nova-{release}', release, _NOVA_TESTS, threads=False,
            workers=0)
      for release in RELEASES if release != NEWEST),
)


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


def run(lab: layout.Layout, suite: Suite, words: list[str]) -> int:
    """Run a suite with its output on ours; return pytest's exit status.

    :param words: more of pytest's own
    """
    venv = lab.nova_venv(suite.release)
    records = proofs_file(lab, suite)
    records.unlink(missing_ok=True)
    environment = {
        **os.environ, 'LAB_DIR': str(lab.top),
        'PATH': f'{venv}/bin:{os.environ["PATH"]}',
        'OS_NOVA_DISABLE_EVENTLET_PATCHING': str(suite.threads).lower(),
        'NOVA_HYPERVISORS_PROOFS': str(records)}
    print(f'\n=== {suite.name}: Nova {suite.release}, '
          f'{"threads" if suite.threads else "eventlet"}', flush=True)
    workers = (('-n', str(suite.workers), '--dist', 'worksteal')
               if suite.workers else ())
    try:
        return subprocess.run(
            [venv / 'bin/python', '-m', 'pytest', '-q', '--durations=5',
             *workers, *suite.paths, *words],
            env=environment, cwd=layout.CHECKOUT, check=False,
            timeout=suite.limit_s).returncode
    except subprocess.TimeoutExpired:
        print(f'{suite.name} was not done in {suite.limit_s} s', flush=True)
        return 1


def soak(lab: layout.Layout) -> int:
    """Return pytest's exit status."""
    os.environ.setdefault('SOAK_CYCLES', '1000')
    suite = Suite('soak', NEWEST, (
        f'{_TESTS}/functional/virtualbox/test_soak.py',), workers=0,
        limit_s=_SOAK_S)
    return run(lab, suite, ['-s'])


def proofs_file(lab: layout.Layout, suite: Suite) -> Path:
    return lab.run / f'proofs-{suite.name}.jsonl'


def check_proofs(lab: layout.Layout, command: str) -> int:
    """Compare what was proven with the support matrix, or write it down.

    :param command: check or write
    """
    print('\n=== the support matrix and its proofs', flush=True)
    files = [proofs_file(lab, suite) for suite in SUITES
             if suite.release == NEWEST]
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
    """Run every suite; return 0 if all of them passed."""
    results = [('lint', lint(lab) == 0, 0.0)]
    for suite in SUITES:
        begun = time.monotonic()
        status = run(lab, suite, [])
        results.append((suite.name, status == 0, time.monotonic() - begun))
    results.append(('proofs', check_proofs(lab, proofs) == 0, 0.0))
    print()
    for name, passed, seconds in results:
        print(f'{"passed" if passed else "FAILED":8}{name:20}'
              f'{seconds:6.0f} s')
    failed = sum(not passed for _, passed, _ in results)
    show.say(f'{len(results) - failed} suites passed, {failed} failed')
    return 1 if failed else 0
