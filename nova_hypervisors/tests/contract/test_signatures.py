# SPDX-License-Identifier: Apache-2.0
"""What Nova sends is what our methods take, in the Nova that is installed.

``make test`` runs this with each release of Nova that is supported.
"""

import inspect

import pytest
from nova.virt import driver as nova_driver

from nova_hypervisors.baremetal import driver as baremetal
from nova_hypervisors.tests import drivers
from nova_hypervisors.virtualbox import driver as virtualbox
from nova_hypervisors.vmwareapi import driver as vmwareapi

DRIVERS = (virtualbox.VirtualBoxDriver, vmwareapi.VMwareESXDriver,
           baremetal.BareMetalDriver)

# Nova 34 sends it, and no other release has it.
NEW = {'finish_migration': {'share_info'},
       'finish_revert_migration': {'share_info'}}


def overrides():
    return [pytest.param(cls, name, id=f'{cls.__name__}.{name}')
            for cls in DRIVERS for name in sorted(drivers.methods(cls))]


@pytest.mark.parametrize('cls', DRIVERS)
def test_there_is_something_to_compare(cls):
    assert {'spawn', 'destroy', 'get_info'} <= set(drivers.methods(cls))


@pytest.mark.parametrize(('cls', 'name'), overrides())
def test_an_override_takes_what_nova_sends(cls, name):
    novas = getattr(nova_driver.ComputeDriver, name)
    ours = getattr(cls, name)
    extra = NEW.get(name, set())
    expected = inspect.signature(novas).parameters
    found = inspect.signature(ours).parameters
    assert [key for key in found if key not in extra] == [
        key for key in expected if key not in extra]
    for key, parameter in expected.items():
        has_default = parameter.default is not inspect.Parameter.empty
        assert has_default == (
            found[key].default is not inspect.Parameter.empty), key
        if has_default:
            assert found[key].default == parameter.default, key
