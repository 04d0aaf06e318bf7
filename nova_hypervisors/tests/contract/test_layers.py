# SPDX-License-Identifier: Apache-2.0
"""What may import what: the rings of doc/source/contributor/architecture."""

import ast
from pathlib import Path

import pytest

import nova_hypervisors

PACKAGE = Path(nova_hypervisors.__file__).parent
DRIVERS = ('virtualbox', 'vmwareapi', 'baremetal')

NAMES_THAT_SAY_NOTHING = {'util', 'utils', 'misc', 'helpers', 'constants'}
LONGEST_FILE = 400


def modules(*folders):
    """Return our own modules, tests left out, by their path."""
    roots = [PACKAGE / folder for folder in folders] or [PACKAGE]
    return sorted(path for root in roots for path in root.rglob('*.py')
                  if 'tests' not in path.relative_to(PACKAGE).parts)


def imports(path):
    """Return the modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f'{node.module}.{alias.name}' for alias in node.names}
    return found


def ids(path):
    return str(path.relative_to(PACKAGE))


def test_there_is_something_to_look_at():
    assert len(modules('clients')) > 10
    assert len(modules('virtualbox')) > 10
    assert 'nova.virt' in imports(PACKAGE / 'virtualbox/driver.py')


@pytest.mark.parametrize('path', modules('clients', 'consoles', 'redfish',
                                         'transfer'),
                         ids=ids)
def test_clients_know_neither_nova_nor_its_configuration(path):
    for name in imports(path):
        assert name.split('.')[0] not in ('nova', 'oslo_config'), name
        assert not name.startswith('nova_hypervisors.conf'), name
        if name.startswith('nova_hypervisors.'):
            assert name.split('.')[1] in (
                'clients', 'consoles', 'redfish', 'transfer'), name


@pytest.mark.parametrize('path', modules(), ids=ids)
def test_drivers_do_not_know_one_another(path):
    own = path.relative_to(PACKAGE).parts[0]
    if own in DRIVERS:
        others = {f'nova_hypervisors.{name}' for name in DRIVERS} - {
            f'nova_hypervisors.{own}'}
        assert not {name for name in imports(path)
                    if name.startswith(tuple(others))}


@pytest.mark.parametrize('path', modules('common', 'conf', 'capabilities'),
                         ids=ids)
def test_what_is_shared_knows_no_driver(path):
    drivers = tuple(f'nova_hypervisors.{name}' for name in DRIVERS)
    assert not {name for name in imports(path) if name.startswith(drivers)}


@pytest.mark.parametrize('path', modules(*DRIVERS), ids=ids)
def test_only_the_factory_and_the_driver_read_the_configuration(path):
    if path.stem not in ('factory', 'driver'):
        assert 'nova_hypervisors.conf' not in imports(path)
        assert 'nova.conf' not in imports(path)


@pytest.mark.parametrize('path', modules(), ids=ids)
def test_ironic_has_no_nova_and_nova_no_ironic(path):
    roots = {name.split('.')[0] for name in imports(path)}
    if path.relative_to(PACKAGE).parts[0] == 'ironic':
        assert not roots & {'nova', 'oslo_config'}
        assert not {name for name in imports(path)
                    if name.startswith('nova_hypervisors.conf')}
    else:
        assert 'ironic' not in roots
        assert 'nova_hypervisors.ironic' not in imports(path)


@pytest.mark.parametrize('path', modules(), ids=ids)
def test_nobody_imports_eventlet(path):
    assert not {name for name in imports(path)
                if name.split('.')[0] in ('eventlet', 'greenlet')}


@pytest.mark.parametrize('path', modules(), ids=ids)
def test_files_are_short_and_have_a_name(path):
    if path.stem != 'registry':
        assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert path.stem not in NAMES_THAT_SAY_NOTHING
    assert not path.stem.startswith('common_')
