# SPDX-License-Identifier: Apache-2.0
"""pre-commit, tox, the workflow and "make lint" run the same checks."""

import configparser
import re
import shlex

import pytest
import yaml

from lab import layout
from lab import testing

#: What is asked of each change, by the environment of tox that does it.
CHECKS = ('pep8', 'mypy', 'dependencies', 'docs', 'releasenotes')

#: What pep8 is: the hooks of pre-commit, by their program.
HOOKS = {'ruff': 'ruff', 'hacking': 'flake8', 'codespell': 'codespell',
         'doc8': 'doc8', 'sphinx-lint': 'sphinx-lint', 'reno': 'reno'}

#: Those that others have as environments of their own.
OWN = {'mypy': 'tox run -e mypy',
       'dependencies': 'python tools/dependencies.py --check'}


def read(name):
    return yaml.safe_load((layout.CHECKOUT / name).read_text())


@pytest.fixture(scope='module')
def tox():
    found = configparser.ConfigParser(interpolation=None)
    found.read(layout.CHECKOUT / 'tox.ini')
    return found


@pytest.fixture(scope='module')
def hooks():
    repo, = read('.pre-commit-config.yaml')['repos']
    return {hook['id']: hook['entry'] for hook in repo['hooks']}


@pytest.fixture(scope='module')
def jobs():
    return read('.github/workflows/checks.yaml')['jobs']


def commands(job):
    return [step['run'] for step in job['steps'] if 'run' in step]


def test_pre_commit_has_each_style(hooks):
    assert {name: shlex.split(entry)[0] for name, entry in hooks.items()
            if name not in OWN} == HOOKS
    assert {name: hooks[name] for name in OWN} == OWN


def test_tox_has_each_check_and_its_map_names_them(tox):
    label, names = tox['tox']['labels'].strip().split(' = ')
    assert (label, tuple(names.split(','))) == ('checks', CHECKS)
    assert set(CHECKS) <= set(tox['tox']['envlist'].replace(
        '{11,12,13,14}', '').split(','))
    for name in CHECKS:
        assert tox[f'testenv:{name}']['commands'].strip()
    assert 'pre-commit run --all-files' in tox['testenv:pep8']['commands']
    for name in ('docs', 'releasenotes'):
        assert 'sphinx-build -W' in tox[f'testenv:{name}']['commands']
    assert tox['testenv:dependencies']['commands'] == OWN['dependencies']
    assert tox['testenv:mypy']['commands'] == 'mypy'


def test_the_workflow_runs_the_same_commands(jobs):
    assert 'tox run -m checks' in commands(jobs['checks'])
    assert 'tox run -e py' in commands(jobs['unit'])
    assert any('bash .ci/run' in command
               for command in commands(jobs['lab']))
    for job in jobs.values():
        assert job['timeout-minutes'] > 0


def test_each_python_is_in_all_three(tox, jobs):
    text = (layout.CHECKOUT / 'pyproject.toml').read_text()
    versions = re.findall(r'Python :: (3\.\d+)"', text)
    assert jobs['unit']['strategy']['matrix']['python'] == versions
    minors = ','.join(version.partition('.')[2] for version in versions)
    assert tox['tox']['envlist'].startswith(f'py3{{{minors}}},')


def test_make_lint_is_a_part_of_it(hooks, monkeypatch, tmp_path):
    said = []

    def run(words, **arguments):
        said.append([words[0].name, *words[1:]])
        return type('Done', (), {'returncode': 0})

    monkeypatch.setattr(testing.subprocess, 'run', run)
    assert testing.lint(layout.Layout(tmp_path)) == 0
    assert said == [['ruff', 'check'], ['mypy']]
    assert hooks['ruff'].startswith('ruff check')
