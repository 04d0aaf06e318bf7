# SPDX-License-Identifier: Apache-2.0
"""What is run with which release of Nova, and the table of it."""

import dataclasses
import subprocess
import sys

import pytest

from lab import progress
from lab import releases
from lab import releasetable

PYTHONS = ('3.11', '3.14')

GOOD = releases.Outcome('34', '34.0.0', '3.11', 'threads', 'rest',
                        '2026-11-25', passed=7, seconds=3)


def chosen(*words):
    choice = releases.Choice.of(words, PYTHONS)
    return {(cell.release, cell.python, cell.mode, suite)
            for cell in releases.cells(PYTHONS) for suite in releases.SUITES
            if choice.takes(cell.release, cell.python, cell.mode, suite)}


class TestChoice:
    def test_without_words_it_is_all(self):
        assert len(chosen()) == 5 * len(PYTHONS) * len(releases.SUITES)
        assert {(release, mode) for release, _, mode, _ in chosen()} == {
            ('31', 'eventlet'), ('32', 'eventlet'), ('33', 'eventlet'),
            ('33', 'threads'), ('34', 'threads')}

    def test_of_each_kind_what_is_named(self):
        assert chosen('33', '34', '3.14', 'threads', 'rest') == {
            ('33', '3.14', 'threads', 'rest'),
            ('34', '3.14', 'threads', 'rest')}

    def test_a_word_that_names_nothing_is_said(self):
        with pytest.raises(progress.LabError, match='30: there is no such'):
            chosen('30', 'rest')


class TestCounting:
    """What pytest itself writes is read."""

    @pytest.fixture
    def counted(self, tmp_path):
        def counted(text):
            (tmp_path / 'test_it.py').write_text(text)
            report, log = tmp_path / 'report.xml', tmp_path / 'log'
            with log.open('w') as output:
                subprocess.run(
                    [sys.executable, '-m', 'pytest', '-q', '-c', '/dev/null',
                     '--rootdir', tmp_path, '--junitxml', report, tmp_path],
                    stdout=output, check=False, timeout=60)
            return releases.counted(report, log)
        return counted

    def test_passed_failed_and_skipped(self, counted):
        found = counted(
            'import pytest\n'
            'def test_good(): pass\n'
            'def test_bad(): raise OSError("no /tmp/a/b/file.txt\\nmore")\n'
            '@pytest.fixture\n'
            'def broken(): 1 / 0\n'
            'def test_broken(broken): pass\n'
            'def test_skipped(): pytest.skip("it is late")\n')
        found.pop('seconds')
        assert found == {
            'passed': 1, 'failed': 2, 'skipped': 1,
            'reason': 'test_bad: OSError: no file.txt'}

    def test_all_good_has_no_reason(self, counted):
        found = counted('def test_good(): pass\n')
        assert (found['passed'], found['failed'], found['reason']) == (
            1, 0, '')

    def test_no_test_is_a_failure(self, counted):
        found = counted('')
        assert (found['failed'], found['reason'][:12]) == (1, 'no tests ran')

    def test_no_report_is_a_failure(self, tmp_path):
        log = tmp_path / 'log'
        log.write_text('begun\nrest was not done in 900 s\n')
        assert releases.counted(tmp_path / 'none.xml', log) == {
            'failed': 1, 'reason': 'rest was not done in 900 s'}


def test_a_later_run_takes_the_former_ones_place(tmp_path):
    path = tmp_path / 'results.json'
    other = dataclasses.replace(GOOD, suite='contract')
    later = dataclasses.replace(GOOD, date='2026-12-24', passed=8)
    for outcome in (GOOD, other, later):
        releases.keep(outcome, path)
    assert releases.load(path) == [other, later]


class TestTable:
    def test_a_row_is_a_release_in_a_mode(self):
        text = releasetable.text([GOOD])
        assert ('   * - 34.0.0\n     - 3.11\n     - threads\n'
                '     - not run\n     - not run\n'
                '     - 7 passed, 2026-11-25\n     - not run\n') in text
        assert 'What failed' not in text

    def test_what_failed_says_why(self):
        bad = dataclasses.replace(GOOD, failed=1, skipped=2, reason='no ssl')
        text = releasetable.text([bad])
        assert ('**1 failed** (1), 7 passed, 2 skipped, 2026-11-25') in text
        assert text.endswith('   1. no ssl\n')

    def test_what_could_not_be_installed_has_its_release(self):
        bad = dataclasses.replace(GOOD, nova='', passed=0, failed=1,
                                  reason='cannot be installed: no wheel')
        assert '   * - 34\n' in releasetable.text([bad])


def test_each_release_has_constraints_of_its_own():
    for release, wanted in releases.testing.RELEASES.items():
        lines = (releases.layout.CHECKOUT
                 / f'lab/constraints/{release}.txt').read_text().splitlines()
        assert lines[0].startswith('# OpenStack 20')
        names = {line.partition('==')[0] for line in lines}
        assert {'SQLAlchemy', 'oslo.policy', 'keystoneauth1'} - names <= {
            'keystoneauth1'}
        assert wanted[0].startswith(f'nova>={release}.')


def test_what_cannot_be_built_is_named(tmp_path):
    log = tmp_path / 'log'
    log.write_text('$ uv pip install\nerror: Failed to build `six==1`\n'
                   '  cause: no headers\n  error: gcc ended with 1\n')
    assert releases._last_words(log) == 'error: Failed to build `six==1`'
    log.write_text('error: No solution found\n  cause: a wants b<5\n')
    assert releases._last_words(log) == (
        'error: No solution found cause: a wants b<5')
