# SPDX-License-Identifier: Apache-2.0
"""The link into Nova, for a Nova of our own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nova_hypervisors

CHECKOUT = Path(nova_hypervisors.__file__).parent.parent
SHIM = CHECKOUT / 'nova/virt/nova_hypervisors'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder with a Nova in it, which is the one that Python imports."""
    (tmp_path / 'nova/virt').mkdir(parents=True)
    for folder in ('nova', 'nova/virt'):
        (tmp_path / folder / '__init__.py').touch()
    spec = importlib.util.spec_from_file_location(
        'nova', tmp_path / 'nova/__init__.py')
    monkeypatch.setitem(sys.modules, 'nova',
                        importlib.util.module_from_spec(spec))
    return tmp_path


@pytest.fixture
def link(run, site):
    return lambda *words: run('link', *words)


@pytest.fixture
def target(site):
    return site / 'nova/virt/nova_hypervisors'


def test_the_file_is_found_in_nova_then(link, target):
    assert link() == (0, f'{target} -> {SHIM}\n', '')
    assert target.resolve() == SHIM


def test_nova_finds_the_drivers_then(site, target):
    """The same in a process that begins with that Nova."""
    path = os.pathsep.join((str(site), str(CHECKOUT)))
    code = ('from nova_hypervisors.cmd import app; app.main(["link"]); '
            'import nova.virt.nova_hypervisors as found; '
            'print(found.__file__)')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], cwd=site, check=True,
        env={**os.environ, 'PYTHONPATH': path}, capture_output=True,
        text=True)
    assert done.stdout.splitlines() == [
        f'{target} -> {SHIM}', f'{target}/__init__.py']


def test_linked_again_it_is_there_already(link, target):
    link()
    assert link() == (0, f'{target} is there already\n', '')
    assert target.resolve() == SHIM


def test_a_link_that_leads_elsewhere_is_replaced(link, target, site):
    target.symlink_to(site / 'gone')
    status, _, _ = link()
    assert status == 0
    assert target.resolve() == SHIM


def test_a_folder_of_somebody_else_is_not_touched(link, target):
    target.mkdir()
    (target / '__init__.py').write_text('# from a wheel')
    status, output, errors = link()
    assert (status, output) == (1, '')
    assert errors.startswith(f'{target}: is there and is not a link')
    assert 'uninstall' in errors
    assert (target / '__init__.py').read_text() == '# from a wheel'


def test_a_folder_that_cannot_be_written_is_named(link, target):
    target.parent.joinpath('__init__.py').unlink()
    target.parent.rmdir()
    target.parent.touch()
    status, output, errors = link()
    assert (status, output) == (1, '')
    assert str(target) in errors


def test_the_link_is_taken_away(link, target):
    link()
    assert link('--remove') == (0, f'{target} removed\n', '')
    assert not target.is_symlink()
    assert (SHIM / '__init__.py').exists()


@pytest.mark.parametrize('is_folder', [False, True])
def test_what_is_no_link_is_not(link, target, is_folder):
    if is_folder:
        target.mkdir()
    status, output, _ = link('--remove')
    assert status == 0
    assert 'nothing to remove' in output
    assert target.exists() is is_folder


def test_where_there_is_no_nova_that_is_said(run, monkeypatch):
    monkeypatch.setitem(sys.modules, 'nova', None)
    status, output, errors = run('link')
    assert (status, output) == (1, '')
    assert 'no Nova is installed' in errors
