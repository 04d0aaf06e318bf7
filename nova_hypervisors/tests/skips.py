# SPDX-License-Identifier: Apache-2.0
"""Nothing is skipped: what every suite's conftest has."""

import pytest

#: What may be skipped, by its name, and why.  Any other skip is a failure.
MAY_SKIP: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.skipped and item.originalname not in MAY_SKIP:
        report.outcome = 'failed'
        report.longrepr = f'{item.nodeid} was skipped: {report.longrepr}'
    return report
