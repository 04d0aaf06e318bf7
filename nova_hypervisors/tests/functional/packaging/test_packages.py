# SPDX-License-Identifier: Apache-2.0
"""What is built of this tree, as users install it and take it away.

The packages are of what is committed.
"""

import json
import subprocess
import tarfile
import zipfile

import pytest

from lab import layout
from lab import packages
from lab import progress
from lab import testing
from nova_hypervisors.tests import peers

NOVA = testing.RELEASES[testing.NEWEST][0]
CONSTRAINTS = layout.CHECKOUT / f'lab/constraints/{testing.NEWEST}.txt'

# Beside the sources in Git, pbr and setuptools put these into an sdist.
MADE = ('AUTHORS', 'ChangeLog', 'PKG-INFO', 'setup.cfg')

LOAD = """
import sys
from nova import conf
from nova.virt import driver
conf.CONF([], project='nova', default_config_files=[])
conf.CONF.set_override('state_path', sys.argv[1])
found = type(driver.load_compute_driver(None, sys.argv[2]))
print(found.__module__, found.__name__)
"""

# Imports each module; prints those that cannot be, with what they lack.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
import nova_hypervisors
lacking = {}
for module in pkgutil.walk_packages(nova_hypervisors.__path__,
                                    'nova_hypervisors.', lambda name: None):
    if '.tests' in module.name or '.migrations' in module.name:
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        lacking[module.name] = (error.name or str(error)).partition('.')[0]
print(json.dumps(lacking))
"""

#: What there is without an extra: nobody gets these with Nova.
LACKING = {
    'baremetal': {'pyghmi', 'sushy', 'swiftclient'},
    'ilo4': {'proliantutils'},
    'ironic': {'ironic'},
    'neutron': {'neutron_lib'},
    'vmware': {'oslo_vmware', 'suds'},
}


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The folder with an sdist and a wheel, and the sources of both."""
    folder = tmp_path_factory.mktemp('packages')
    lab, sources = peers.lab(), folder / 'sources'
    progress.run(('git', 'clone', '-q', layout.CHECKOUT, sources),
                 folder / 'log')
    progress.run((lab.tools / 'bin/uv', 'build', '--out-dir',
                  folder / 'dist', sources), folder / 'log')
    return folder


@pytest.fixture(scope='module')
def wheel(built):
    found, = (built / 'dist').glob('*.whl')
    return found


@pytest.fixture
def venv(tmp_path):
    """Make a virtual environment with what is wanted in it."""
    lab = peers.lab()

    def venv(*wanted):
        path = tmp_path / 'venv'
        packages.make_venv(lab, path, wanted, tmp_path / 'log', CONSTRAINTS)
        return path
    return venv


def python(venv, *words):
    return subprocess.run(
        (venv / 'bin/python', '-W', 'ignore', *words), check=True, text=True,
        stdout=subprocess.PIPE, cwd=venv, timeout=120).stdout


def files_of(venv):
    return {str(path.relative_to(venv)) for path in venv.rglob('*')
            if '__pycache__' not in path.parts}


def test_the_sdist_has_all_that_git_has(built):
    archive, = (built / 'dist').glob('*.tar.gz')
    with tarfile.open(archive) as opened:
        found = {name.partition('/')[2] for name in opened.getnames()
                 if not opened.getmember(name).isdir()}
    tracked = set(subprocess.run(
        ('git', 'ls-files'), cwd=built / 'sources', check=True, text=True,
        stdout=subprocess.PIPE).stdout.splitlines())
    assert tracked - found == {'.gitignore'}
    assert {name for name in found - tracked
            if '.egg-info/' not in name and name not in MADE} == set()


def test_the_wheel_has_one_file_in_nova(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert [name for name in names if name.startswith('nova/')] == [
        'nova/virt/nova_hypervisors/__init__.py']
    tops = {name.partition('/')[0] for name in names}
    assert {top for top in tops if not top.endswith('.dist-info')} == {
        'nova', 'nova_hypervisors'}
    assert 'nova_hypervisors/py.typed' in names


def test_nova_loads_the_driver_and_nothing_is_left_of_it(wheel, venv,
                                                         tmp_path):
    path = venv('pip', NOVA, str(wheel))
    python(path, '-m', 'pip', 'uninstall', '-q', '-y', 'nova-hypervisors')
    before = files_of(path)
    assert not (path / 'bin/nova-hypervisors').exists()
    python(path, '-m', 'pip', 'install', '-q', '--no-deps', str(wheel))
    assert python(path, '-c', LOAD, str(tmp_path),
                  'nova_hypervisors.VirtualBoxDriver').split() == [
        'nova_hypervisors.virtualbox.driver', 'VirtualBoxDriver']
    assert 'matrix' in python(path, path / 'bin/nova-hypervisors', '--help')
    assert files_of(path) - before
    python(path, '-m', 'pip', 'uninstall', '-q', '-y', 'nova-hypervisors')
    assert files_of(path) == before
    # Nova itself is whole.
    python(path, '-c', 'from nova.virt import driver, fake')


def lacking(path):
    return json.loads(python(path, '-c', IMPORT_ALL))


def test_what_needs_no_extra_is_there_without(wheel, venv):
    found = lacking(venv(NOVA, str(wheel)))
    assert set(found.values()) == set().union(*LACKING.values())
    for part in ('virtualbox', 'clients.vbox', 'common', 'conf', 'consoles',
                 'transfer', 'capabilities'):
        assert not [name for name in found
                    if name.startswith(f'nova_hypervisors.{part}')], part


@pytest.mark.long
@pytest.mark.parametrize('extra', ['baremetal', 'ilo4', 'vmware'])
def test_an_extra_has_all_that_its_modules_need(wheel, venv, extra):
    missing = set(lacking(venv(NOVA, f'{wheel}[{extra}]')).values())
    assert missing.isdisjoint(LACKING[extra])
    # sushy comes with proliantutils, too.
    others = set().union(*LACKING.values()) - LACKING[extra]
    assert others - {'sushy'} <= missing <= others


@pytest.mark.long
def test_neutron_s_needs_no_nova(wheel, venv):
    path = venv(f'{wheel}[neutron]')
    assert not list(path.glob('lib/*/site-packages/nova-*.dist-info'))
    assert not [name for name in lacking(path)
                if name.startswith('nova_hypervisors.neutron')]
