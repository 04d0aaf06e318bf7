# SPDX-License-Identifier: Apache-2.0
"""Each dependency has a reason."""

import json
import subprocess
import sys

import pytest

from lab import dependencies
from lab import layout

PROJECT = """
[project]
dependencies = ["cliff>=4.0.0", "psutil"]
[project.optional-dependencies]
vmware = ["lxml>=4.9.0"]
baremetal = ["cliff>=5.0"]
"""


@pytest.fixture
def wanted(tmp_path):
    path = tmp_path / 'pyproject.toml'
    path.write_text(PROJECT)
    return dependencies.wanted(path)


def test_who_wants_what_is_read(wanted):
    assert wanted == {
        'cliff': {'always': '>=4.0.0', '[baremetal]': '>=5.0'},
        'psutil': {'always': ''}, 'lxml': {'[vmware]': '>=4.9.0'}}


def test_one_without_a_reason_and_one_too_many_are_faults(wanted):
    assert dependencies.faults(wanted, {
        'cliff': {'why': 'commands'}, 'psutil': {'why': ' '},
        'six': {'why': 'once'}}) == [
        'lxml: say in dependencies.json why it is there',
        'psutil: say in dependencies.json why it is there',
        'six: dependencies.json has it, and the project does not']


def test_the_page_has_each(wanted):
    text = dependencies.text(wanted, {'seen': '2026-11-25', 'packages': {
        'cliff': {'why': 'commands', 'newest': '5.1'}}})
    assert 'looked up on 2026-11-25' in text
    assert ('   * - cliff\n     - always, [baremetal]\n'
            '     - >=4.0.0 or >=5.0\n     - 5.1\n     - commands\n') in text
    assert '   * - psutil\n     - always\n     - any\n     - unknown' in text


def test_this_project_has_no_fault():
    kept = json.loads(dependencies.KEPT.read_text())
    assert dependencies.faults(dependencies.wanted(), kept['packages']) == []
    assert subprocess.run(
        [sys.executable, layout.CHECKOUT / 'tools/dependencies.py',
         '--check'], check=False, timeout=60).returncode == 0


def test_a_missing_reason_ends_the_check_with_1(tmp_path, monkeypatch,
                                                capsys):
    kept = json.loads(dependencies.KEPT.read_text())
    del kept['packages']['cliff']
    path = tmp_path / 'dependencies.json'
    path.write_text(json.dumps(kept))
    monkeypatch.setattr(dependencies, 'KEPT', path)
    assert dependencies.main(['--check']) == 1
    assert 'cliff: say in' in capsys.readouterr().err
