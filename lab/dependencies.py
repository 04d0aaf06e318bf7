# SPDX-License-Identifier: Apache-2.0
"""What this package stands on: each dependency, and why it is there.

The reasons are in a file, for tools to read; that each has one is checked.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from lab import layout

KEPT = layout.CHECKOUT / 'doc/source/contributor/dependencies.json'
PAGE = layout.CHECKOUT / 'doc/source/contributor/dependencies.rst'

_PROJECT = layout.CHECKOUT / 'pyproject.toml'
_CORE = 'always'
_NAME = re.compile(r'[A-Za-z0-9._-]+')

_INTRODUCTION = """\
============
Dependencies
============

..
   Made by "make generate" from dependencies.json: do not edit.

What has to be there beside Nova, and why.  Nova itself is not among them: a
host has it already.  "Newest" was looked up on {seen}, by
``tools/dependencies.py --newest``.  A dependency without a reason is a fault
(``tools/dependencies.py --check``).

.. list-table::
   :header-rows: 1
   :widths: 20 16 22 12 30

   * - Package
     - Wanted by
     - At least
     - Newest
     - Why
"""


def wanted(project: Path = _PROJECT) -> dict[str, dict[str, str]]:
    """Return which versions are wanted, by package and by who wants it."""
    table = tomllib.loads(project.read_text())['project']
    lists = {_CORE: table['dependencies'],
             **{f'[{extra}]': names for extra, names
                in table['optional-dependencies'].items()}}
    found: dict[str, dict[str, str]] = {}
    for who, texts in lists.items():
        for text in texts:
            name = _name(text)
            found.setdefault(name, {})[who] = text.removeprefix(name)
    return found


def _name(text: str) -> str:
    match = _NAME.match(text)
    if match is None:
        raise ValueError(f'{text!r} names no package')
    return match.group()


def faults(found: dict[str, dict[str, str]],
           packages: dict[str, dict[str, str]]) -> list[str]:
    """Return what is wrong between the project and the reasons."""
    lacking = [f'{name}: say in {KEPT.name} why it is there'
               for name in sorted(found)
               if not packages.get(name, {}).get('why', '').strip()]
    left = [f'{name}: {KEPT.name} has it, and the project does not'
            for name in sorted(set(packages) - set(found))]
    return lacking + left


def page() -> str:
    """Return the page of the documentation."""
    return text(wanted(), json.loads(KEPT.read_text()))


def text(found: dict[str, dict[str, str]], kept: dict[str, Any]) -> str:
    lines = [_INTRODUCTION.format(seen=kept['seen'])]
    for name in sorted(found, key=str.lower):
        package = kept['packages'].get(name, {})
        limits = ' or '.join(dict.fromkeys(
            version or 'any' for version in found[name].values()))
        lines.append(
            f'   * - {name}\n     - {", ".join(found[name])}\n'
            f'     - {limits}\n     - {package.get("newest") or "unknown"}\n'
            f'     - {package.get("why", "")}\n')
    return ''.join(lines)


def look_up(names: list[str], uv: Path) -> dict[str, str]:
    """Return the newest version of packages on the index that is set up.

    :raises CalledProcessError: the index does not answer
    """
    said = subprocess.run(
        [uv, 'pip', 'compile', '--quiet', '--no-deps', '--no-header',
         '--no-annotate', '-'], input='\n'.join(names), text=True, check=True,
        stdout=subprocess.PIPE, timeout=300).stdout
    plain = {_plain(name): name for name in names}
    return {plain[_plain(line.partition('==')[0])]:
            line.partition('==')[2].strip()
            for line in said.splitlines() if '==' in line}


def _plain(name: str) -> str:
    return re.sub('[-_.]+', '-', name).lower()


def renew() -> None:
    """Write down the newest versions, and keep the reasons."""
    kept = json.loads(KEPT.read_text())
    found = wanted()
    uv = layout.Layout.from_environment().tools / 'bin/uv'
    newest = look_up(sorted(found), uv)
    kept['seen'] = datetime.datetime.now(datetime.UTC).date().isoformat()
    for name in found:
        kept['packages'].setdefault(name, {'why': ''})['newest'] = (
            newest.get(name, ''))
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + '\n')
    PAGE.write_text(page())


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--check', action='store_true',
                        help='say what has no reason; end with 1 then')
    parser.add_argument('--newest', action='store_true',
                        help='look up the newest versions, and keep them')
    arguments = parser.parse_args(words)
    if arguments.newest:
        renew()
    kept = json.loads(KEPT.read_text())
    if arguments.check:
        found = faults(wanted(), kept['packages'])
        print(*found, sep='\n', end='\n' if found else '', file=sys.stderr)
        return min(1, len(found))
    for name, who in sorted(wanted().items()):
        package = kept['packages'].get(name, {})
        print(f'{name:22} {",".join(who):24} {package.get("newest", ""):10} '
              f'{package.get("why", "")}')
    return 0
