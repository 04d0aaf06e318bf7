# SPDX-License-Identifier: Apache-2.0
import pytest

from nova_hypervisors.common import portgroups


@pytest.mark.parametrize(('network', 'name'), [
    ('physnet1', 'nova-physnet1-105'),
    ('x' * 64, f'nova-{"x" * 64}-105'),
    ('x' * 90, f'nova-{"x" * 71}-105'),
])
def test_the_vlan_is_always_in_the_name(network, name):
    found = portgroups.vlan_name('nova-', network, 105)
    assert found == name
    assert len(found) <= portgroups.LONGEST
