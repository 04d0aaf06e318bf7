# SPDX-License-Identifier: Apache-2.0
"""Every supported release of Nova with the constraints of its OpenStack.

More than fits into the continuous integration: with this host's Python and
with that of the lab's root, in threads and in green threads.  What came out,
and when, is kept in a file, of which the documentation makes its table.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import re
import shlex
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lab import layout
from lab import packages
from lab import progress
from lab import testing

RESULTS = layout.CHECKOUT / 'doc/source/contributor/releases.json'

_CONSTRAINTS = layout.CHECKOUT / 'lab/constraints'
_TESTS = 'nova_hypervisors/tests'
_NOVA = f'{_TESTS}/functional/nova'

#: What is run, by the name of its column.
SUITES: dict[str, tuple[str, ...]] = {
    'contract': tuple(f'{_TESTS}/contract/test_{name}.py' for name in (
        'signatures', 'conductor', 'nova_virt_drivers',
        'nova_baremetal_driver')),
    # Slow in green threads.
    'contract-esx': (f'{_TESTS}/contract/test_nova_esx_driver.py',),
    'rest': tuple(f'{_NOVA}/test_{name}.py' for name in (
        'esx_servers', 'baremetal_servers')),
    'virtualbox': tuple(
        f'{_NOVA}/test_servers.py::ServersTest::test_{name}' for name in (
            'the_life_of_a_server',
            'diagnostics_pass_the_schema_of_the_api')),
}

_THREADS = 'threads'
_EVENTLET = 'eventlet'

# How nova-compute of a release can be run: that of 31 and 32 knows green
# threads only, and 34's threads, unless one insists.
_MODES = {'31': (_EVENTLET,), '32': (_EVENTLET,),
          '33': (_THREADS, _EVENTLET), '34': (_THREADS,)}

# No other suite's workers have this number.
_WORKER = 18

# Several times what the longest one takes.
_SUITE_S = 900

# What is built from source is built by the environment's own Python: that of
# the root has no other way to be started on this host.
_BUILDERS = ('setuptools', 'pbr', 'wheel')

_LONGEST_REASON = 200
_COMPLAINT = re.compile('error:|cause:')

# What is known of failures that are not this package's.
_KNOWN = {
    "'NoneType' object has no attribute 'parent'":
    "Nova's own fixture for notifications (nova/tests/fixtures/notifications) "
    'finds the test by its green threads: in threads it fails'}

_EXCEPTION = re.compile(r'(?:E +)?[\w.]*(?:Error|Exception)\b.*: ')
_PATHS = re.compile(r'(?<![\w/])(?:/[\w.+-]+){2,}/')


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """:param python: 3.11"""

    release: str
    python: str
    mode: str

    @property
    def environment(self) -> str:
        """What Layout.nova_venv makes a path of."""
        return f'{self.release}-py{self.python}'


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one suite in one cell.

    :param nova: the version that was installed; '' if none could be
    :param date: of the run, 2026-11-25
    :param reason: why something failed, in one line
    """

    release: str
    nova: str
    python: str
    mode: str
    suite: str
    date: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0
    reason: str = ''

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.release, self.python, self.mode, self.suite


def cells(pythons: Iterable[str],
          releases: Iterable[str] = testing.RELEASES) -> Iterator[Cell]:
    for python in pythons:
        for release in releases:
            for mode in _MODES[release]:
                yield Cell(release, python, mode)


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """Which cells are run: of each kind one that is named, or any if none is.

    :param kinds: releases (34), Pythons (3.11), modes (threads), suites (rest)
    """

    words: frozenset[str]
    kinds: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, words: Iterable[str], pythons: Iterable[str]) -> Choice:
        """:raises LabError: a word names nothing"""
        kinds = tuple(map(frozenset, (
            testing.RELEASES, pythons, (_THREADS, _EVENTLET), SUITES)))
        chosen = frozenset(words)
        strange = chosen.difference(*kinds)
        if strange:
            raise progress.LabError(
                f'{", ".join(sorted(strange))}: there is no such release, '
                'Python, mode or suite, but '
                + '; '.join(', '.join(sorted(kind)) for kind in kinds))
        return cls(chosen, kinds)

    def takes(self, *names: str) -> bool:
        return all(not self.words & kind or not self.words.isdisjoint(
            kind.intersection(names)) for kind in self.kinds)


def own_python() -> str:
    return '.'.join(platform.python_version_tuple()[:2])


def root_python(lab: layout.Layout) -> str:
    """:raises LabError: the root has none"""
    found = [path.name.removeprefix('python')
             for path in (lab.root / 'usr/bin').glob('python3.*')
             if path.name.removeprefix('python3.').isdecimal()]
    if not found:
        raise progress.LabError(f'{lab.root} has no Python')
    return max(found, key=lambda text: int(text.partition('.')[2]))


def make_venv(lab: layout.Layout, cell: Cell, log: Path) -> Path:
    """Make a virtual environment with this package in it.

    :raises LabError: what is wanted cannot be installed together
    """
    venv = lab.nova_venv(cell.environment)
    options: tuple[str, ...] = ()
    if cell.python != own_python():
        _write_root_venv(lab, venv, cell.python)
        packages.pip_install(lab, venv, _BUILDERS, log)
        options = ('--no-build-isolation',)
    # Of oslo.policy the constraints have the one that fits.
    wanted = (*options, *testing.REQUIREMENTS,
              *(name for name in testing.RELEASES[cell.release]
                if not name.startswith('oslo.policy')))
    constraints = _CONSTRAINTS / f'{cell.release}.txt'
    packages.make_venv(lab, venv, wanted, log, constraints)
    packages.pip_install(
        lab, venv, ('--reinstall-package', 'nova-hypervisors', *wanted,
                    '-c', str(constraints), str(layout.CHECKOUT)), log)
    return venv


def _write_root_venv(lab: layout.Layout, venv: Path, python: str) -> None:
    """Write an environment of the root's Python that runs on this host.

    Its own loader starts it, with the root's libraries: it is for a newer C
    library than this host may have.
    """
    start = venv / 'bin/python'
    if start.exists():
        return
    libraries = lab.root / f'usr/lib/{platform.machine()}-linux-gnu'
    loader = next((lab.root / 'lib64').glob('ld-linux-*.so.*'))
    words = (loader, '--library-path', libraries)
    (venv / f'lib/python{python}/site-packages').mkdir(parents=True)
    start.parent.mkdir()
    start.write_text(
        '#!/bin/sh\n'
        f'exec {shlex.join(map(str, words))} --argv0 "$0" '
        f'{lab.root}/usr/bin/python{python} "$@"\n')
    start.chmod(0o755)
    (venv / 'pyvenv.cfg').write_text(
        f'home = {lab.root}/usr/bin\n'
        'include-system-site-packages = false\n'
        f'version = {python}\n')


def run(lab: layout.Layout, show: progress.Progress,
        words: Iterable[str] = ()) -> int:
    """Run the cells, and keep what came out; return how many failed.

    :param words: see Choice
    :raises LabError: a word is none of these
    """
    failed = 0
    pythons = tuple(dict.fromkeys((own_python(), root_python(lab))))
    chosen = Choice.of(words, pythons)
    for cell in cells(pythons):
        suites = [name for name in SUITES if chosen.takes(
            cell.release, cell.python, cell.mode, name)]
        if not suites:
            continue
        for outcome in _outcomes(lab, cell, suites):
            show.say(described(outcome))
            keep(outcome)
            failed += bool(outcome.failed)
    return failed


def _outcomes(lab: layout.Layout, cell: Cell,
              suites: list[str]) -> Iterator[Outcome]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    log = lab.logs / f'pip-nova-{cell.environment}.log'
    try:
        venv = make_venv(lab, cell, log)
    except progress.LabError:
        for name in suites:
            yield Outcome(cell.release, '', cell.python, cell.mode, name,
                          today, failed=1,
                          reason='cannot be installed: ' + _last_words(log))
        return
    nova = _version(venv)
    for name in suites:
        yield _run_suite(lab, cell, Outcome(
            cell.release, nova, cell.python, cell.mode, name, today))


def _last_words(log: Path) -> str:
    """Return what uv said last of why."""
    said = [line.strip() for line in log.read_text().splitlines()
            if _COMPLAINT.match(line.strip())]
    built = [line for line in said if 'Failed to build' in line]
    return _one_line(' '.join(built[-1:] or said[-2:]))


def _version(venv: Path) -> str:
    ask = 'import importlib.metadata as m; print(m.version("nova"))'
    return progress.output_of((venv / 'bin/python', '-c', ask)).strip()


def _run_suite(lab: layout.Layout, cell: Cell, empty: Outcome) -> Outcome:
    name = f'releases-{cell.environment}-{cell.mode}-{empty.suite}'
    report = lab.run / f'{name}.xml'
    report.unlink(missing_ok=True)
    log = lab.logs / f'tests-{name}.log'
    suite = testing.Suite(
        name, cell.environment, SUITES[empty.suite],
        threads=cell.mode == _THREADS, workers=0, tries=2,
        first_worker=_WORKER, limit_s=_SUITE_S)
    testing.run(lab, suite, ('--junitxml', str(report)), log)
    return dataclasses.replace(empty, **counted(report, log))


def counted(report: Path, log: Path) -> dict[str, Any]:
    """Read what pytest has written; nothing of it is a failure, too.

    :returns: the fields of an Outcome
    """
    try:
        suite = ElementTree.parse(report).getroot().find('testsuite')
    except (OSError, ElementTree.ParseError):
        suite = None
    if suite is None or not int(suite.attrib['tests']):
        last = log.read_text().splitlines() or ['it said nothing']
        return {'failed': 1, 'reason': _one_line(last[-1])}
    failed = int(suite.attrib['failures']) + int(suite.attrib['errors'])
    skipped = int(suite.attrib['skipped'])
    bad = [(case, fault) for case in suite.iter('testcase')
           for fault in (*case.iter('failure'), *case.iter('error'))]
    return {
        'passed': int(suite.attrib['tests']) - failed - skipped,
        'failed': failed, 'skipped': skipped,
        'seconds': round(float(suite.attrib['time'])),
        'reason': _one_line(f'{bad[0][0].get("name")}: {_fault(bad[0][1])}')
        if bad else ''}


def _fault(element: ElementTree.Element) -> str:
    """Return the last exception that a failure is told with.

    The message of testtools' is all that was logged.
    """
    for text, reason in _KNOWN.items():
        if text in (element.text or ''):
            return reason
    said = [line for line in (element.text or '').splitlines()
            if _EXCEPTION.match(line) and '_StringException' not in line]
    return said[-1].lstrip('E ') if said else str(element.get('message'))


def _one_line(text: str) -> str:
    """Return a text without line breaks and this machine's paths."""
    short = ' '.join(_PATHS.sub('', text).split())
    return (short if len(short) <= _LONGEST_REASON
            else f'{short[:_LONGEST_REASON]}...')


def load(path: Path = RESULTS) -> list[Outcome]:
    if not path.exists():
        return []
    return [Outcome(**fields) for fields in json.loads(path.read_text())]


def keep(outcome: Outcome, path: Path = RESULTS) -> None:
    """Write down an outcome in place of the former one of the same cell."""
    known = {former.key: former for former in load(path)}
    known[outcome.key] = outcome
    path.write_text(json.dumps(
        [dataclasses.asdict(known[key]) for key in sorted(known)],
        indent=1) + '\n')


def described(outcome: Outcome) -> str:
    return (f'Nova {outcome.release}, Python {outcome.python}, '
            f'{outcome.mode}, {outcome.suite}: {outcome.passed} passed, '
            f'{outcome.failed} failed, {outcome.skipped} skipped in '
            f'{outcome.seconds} s {outcome.reason}'.rstrip())
