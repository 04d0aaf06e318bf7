# SPDX-License-Identifier: Apache-2.0
"""Servers of a cloud as nodes: what they have to be told."""

import pytest

from nova_hypervisors.baremetal.access import openstack
from nova_hypervisors.clients import errors
from nova_hypervisors.tests import baremetalnodes

_CLOUDS = """\
clouds:
  one:
    auth: {auth_url: "http://127.0.0.1:1/v3", username: u, password: p,
           project_name: x, user_domain_id: d, project_domain_id: d}
    region_name: r
"""


@pytest.fixture
def clouds(tmp_path):
    path = tmp_path / 'clouds.yaml'
    path.write_text(_CLOUDS)
    return str(path)


@pytest.fixture
def power(here):
    return here.registry.get('power', 'openstack')


def node(name='node-1', **driver_info):
    return baremetalnodes.make_node(name, driver_info=driver_info)


def test_what_is_required(power):
    assert [str(fault).split()[1] for fault in power.validate(node())] == [
        'openstack_cloud:', 'openstack_server:']


def test_two_servers_share_a_cloud(here, power, clouds):
    given = [power.values(node(
        openstack_cloud='one', openstack_clouds_file=clouds,
        openstack_server=name)) for name in 'ab']
    first, second = (openstack.cloud_of(here.services, one) for one in given)
    assert first is second


def test_power_and_management_share_a_machine(here, power, clouds):
    one = node(openstack_cloud='one', openstack_clouds_file=clouds,
               openstack_server='a')
    assert power.machine(one) is here.registry.get(
        'management', 'openstack').machine(one)


def test_a_cloud_that_is_not_there(power, clouds):
    with pytest.raises(errors.InvalidArgument, match='two'):
        power.power(node(openstack_cloud='two', openstack_server='a',
                         openstack_clouds_file=clouds))


def test_a_cloud_that_cannot_be_reached(power, clouds):
    one = node(openstack_cloud='one', openstack_clouds_file=clouds,
               openstack_server='6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f11')
    with pytest.raises(errors.Unreachable):
        power.power(one)
    assert power.power_of_all([one, node('other')]) == {}
