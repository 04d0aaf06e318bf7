# SPDX-License-Identifier: Apache-2.0
"""The documentation's page of what was run with which release of Nova."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from lab import layout
from lab import releases

PAGE = layout.CHECKOUT / 'doc/source/contributor/releases.rst'

_WIDTH = 79

_INTRODUCTION = """\
========
Releases
========

..
   Made by "make generate" from releases.json: do not edit.

What was run with which release of Nova, on what Python, and when.  Each is
installed with the upper constraints of its OpenStack (``lab/constraints``).
``make releases`` does it all, ``python3 -m lab releases 34 3.14 rest`` a part.
The oldest Python is that of the host, the newest that of the lab's Debian.  A
package that the constraints name, and that has no wheel for the newest, is not
built: the lab has no headers of it.

nova-compute of Nova 31 and 32 has green threads (eventlet) only, that of 33
has both, and that of 34 threads.

==================  ==========================================================
``contract``        Nova's interface of drivers, its own suite for drivers on
                    VirtualBox and on bare metal, and the way to nova-conductor
``contract-esx``    Nova's suite for drivers, on a fake ESX host
``rest``            Nova whole in one process, by its API: ESX, bare metal
``virtualbox``      the same with a real VirtualBox: a server's life
==================  ==========================================================

"""

_HEAD = ('Nova', 'Python', 'Mode', *releases.SUITES)


def page() -> str:
    """Return the page, of what is kept of the runs."""
    return text(releases.load())


def text(outcomes: Iterable[releases.Outcome]) -> str:
    lines: dict[tuple[str, str, str], dict[str, releases.Outcome]] = {}
    for outcome in outcomes:
        lines.setdefault((outcome.release, outcome.python, outcome.mode), {})[
            outcome.suite] = outcome
    reasons: list[str] = []
    rows = [_HEAD]
    for (release, python, mode), found in sorted(lines.items()):
        version = max(outcome.nova for outcome in found.values())
        rows.append((version or release, python, mode, *(
            _cell(found.get(suite), reasons) for suite in releases.SUITES)))
    return _INTRODUCTION + _table(rows) + _why(reasons)


def _cell(outcome: releases.Outcome | None, reasons: list[str]) -> str:
    if outcome is None:
        return 'not run'
    if not outcome.failed:
        said = f'{outcome.passed} passed'
    else:
        reasons.append(outcome.reason or 'see the log')
        said = (f'**{outcome.failed} failed** ({len(reasons)}), '
                f'{outcome.passed} passed')
    if outcome.skipped:
        said += f', {outcome.skipped} skipped'
    return f'{said}, {outcome.date}'


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = ['.. list-table::', '   :header-rows: 1', '']
    for row in rows:
        for number, cell in enumerate(row):
            lines.append(f'   {"  " if number else "* "}- {cell}')
    return '\n'.join(lines) + '\n'


def _why(reasons: list[str]) -> str:
    if not reasons:
        return ''
    return '\nWhat failed, in one line each:\n\n.. code-block:: text\n\n' + (
        ''.join(textwrap.fill(
            reason, _WIDTH, initial_indent=f'   {number}. ',
            subsequent_indent='      ', break_on_hyphens=False) + '\n'
            for number, reason in enumerate(reasons, 1)))
