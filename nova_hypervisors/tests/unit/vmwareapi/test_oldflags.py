# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from nova_hypervisors import conf
from nova_hypervisors.vmwareapi import oldflags

# From the README of the first driver.
FORMER = {
    'connection_type', 'vmwareapi_host_ip', 'vmwareapi_host_username',
    'vmwareapi_host_password', 'network_driver', 'vlan_interface',
    'network_manager', 'flat_network_bridge', 'console_manager',
    'console_driver', 'image_service', 'glance_host', 'vmwareapi_wsdl_loc'}


def test_all_of_the_first_driver_s_are_told():
    assert set(oldflags.BY_NAME) == FORMER
    assert len(oldflags.FLAGS) == len(FORMER)


@pytest.mark.parametrize('flag', oldflags.FLAGS, ids=lambda flag: flag.name)
def test_each_has_a_successor_that_is_there_or_a_reason(flag):
    text = f'{flag.successor} {flag.reason}'
    assert flag.successor or flag.reason
    for group, name in re.findall(r'\[(\w+)\] (\w+)', text):
        if group == 'ml2':
            assert name == 'mechanism_drivers'
        else:
            assert name in conf.CONF[group] if group != 'DEFAULT' else (
                name in conf.CONF)
