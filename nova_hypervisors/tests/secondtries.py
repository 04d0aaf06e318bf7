# SPDX-License-Identifier: Apache-2.0
"""How many tests may need a second try.

VirtualBox itself fails now and then: a program of it that takes ten seconds to
end, an assertion of its own when it saves a guest.  In a run of thousands of
tests that would be one failure too many on most days, so a test that failed is
tried once more.  More than a few of them are no accident: the run fails then.
"""

from __future__ import annotations

import pytest

#: Of one run.
ALLOWED = 3

_TRIED_AGAIN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TRIED_AGAIN] = []
    config.pluginmanager.register(_Counter(config))


class _Counter:
    def __init__(self, config: pytest.Config) -> None:
        self._tests = config.stash[_TRIED_AGAIN]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == 'rerun':
            self._tests.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if len(self._tests) > ALLOWED and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
            self, terminalreporter: pytest.TerminalReporter) -> None:
        for test in self._tests:
            terminalreporter.write_line(f'tried again: {test}')
        if len(self._tests) > ALLOWED:
            terminalreporter.write_line(
                f'{len(self._tests)} tests were tried again, {ALLOWED} may '
                'be: the run has failed', red=True)
