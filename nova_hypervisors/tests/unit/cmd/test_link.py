# SPDX-License-Identifier: Apache-2.0
"""The link into Nova, for a Nova of our own."""

import importlib.util
import os
import shutil
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


# What "pip install -e" leaves for a Nova, in short.
_EDITABLE = """
import importlib.util
import sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'nova':
            return importlib.util.spec_from_file_location(
                'nova', {nova!r} + '/__init__.py',
                submodule_search_locations=[{nova!r}])

sys.meta_path.append(Finder)
"""


@pytest.fixture
def wheel(tmp_path):
    """A folder in which a wheel of ours is beside such a Nova."""
    wheel = tmp_path / 'wheel'
    shutil.copytree(SHIM, wheel / 'nova/virt/nova_hypervisors')
    shutil.copytree(CHECKOUT / 'nova_hypervisors', wheel / 'nova_hypervisors',
                    ignore=shutil.ignore_patterns('tests', '__pycache__'))
    # All of cliff that the command needs to be imported.
    (wheel / 'cliff').mkdir()
    (wheel / 'cliff/command.py').write_text('class Command: pass')
    (wheel / 'editable.py').write_text(
        _EDITABLE.format(nova=str(tmp_path / 'nova')))
    return wheel


def test_a_checkout_of_nova_is_found_where_our_own_folder_hides_it(
        wheel, site, target):
    def python(code):
        # Without the Nova that these tests run with.
        return subprocess.run(
            [sys.executable, '-S', '-c', f'import editable; {code}'],
            cwd=wheel, capture_output=True, text=True, check=True,
            env={'PATH': os.environ['PATH']}).stdout.strip()

    link = 'from nova_hypervisors.cmd import link; print(link.{})'
    shim = wheel / 'nova_hypervisors/shim'
    assert python('import nova; print(nova.__file__)') == 'None'
    for _ in range(2):
        assert python(link.format('link()')) == f'{target} -> {shim}'
    assert python('import nova; print(nova.__file__)') == str(
        site / 'nova/__init__.py')
    assert (target / '__init__.py').samefile(shim / '__init__.py')
    assert python(link.format('unlink()')) == f'{target} removed'
    assert python(link.format('link()')) == f'{target} -> {shim}'
