# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a node is said in Ironic's errors, by its fields."""

import pytest
from ironic.common import driver_factory
from ironic.common import exception

from nova_hypervisors.ironic import families
from nova_hypervisors.tests.ironic import conftest

REQUIRED = {'ilo4': {'ilo_address', 'ilo_username', 'ilo_password'},
            'openstack': {'openstack_cloud', 'openstack_server'},
            'vbox': {'vbox_vmname', 'vbox_address'}}


def validate(conductor, driver, **driver_info):
    """Return the error of each interface that reads the fields."""
    with conductor.task(conductor.enroll(driver, **driver_info)) as task:
        found = []
        for interface in (task.driver.power, task.driver.management):
            with pytest.raises(exception.InvalidParameterValue) as caught:
                interface.validate(task)
            found.append(caught.value)
    assert str(found[0]) == str(found[1])
    return found[0]


def test_ironic_finds_the_types(conductor):
    assert set(driver_factory.hardware_types()) == set(conftest.TYPES)
    for name, hardware in driver_factory.hardware_types().items():
        assert driver_factory.default_interface(
            hardware, 'power') == name
        assert driver_factory.default_interface(
            hardware, 'boot') == f'{name}-virtual-media'


@pytest.mark.parametrize('driver', conftest.TYPES)
def test_all_that_is_missing(conductor, driver):
    error = validate(conductor, driver)
    assert isinstance(error, exception.MissingParameterValue)
    for field in REQUIRED[driver]:
        assert f'driver_info {field}: it is required' in str(error)


def test_all_that_is_wrong(conductor):
    error = validate(conductor, 'ilo4', ilo_address='192.0.2.1',
                     client_port='many', client_timeout='long',
                     ilo_verify_ca='/no/such/file')
    assert not isinstance(error, exception.MissingParameterValue)
    for text in ("client_port: 'many' is not an integer",
                 "client_timeout: 'long' is not an integer",
                 'ilo_username: it is required and missing',
                 "ilo_verify_ca: '/no/such/file' is neither"):
        assert text in str(error)


def test_a_machine_that_is_fine(conductor, node):
    with conductor.task(node) as task:
        task.driver.power.validate(task)
        task.driver.management.validate(task)


@pytest.mark.parametrize('driver', conftest.TYPES)
def test_what_the_api_shows_of_the_fields(conductor, driver):
    hardware = driver_factory.hardware_types()[driver]
    properties = driver_factory.get_interface(
        hardware, 'power', driver).get_properties()
    assert properties.keys() >= REQUIRED[driver]
    for field in REQUIRED[driver] - {'vbox_address'}:
        assert 'Required.' in properties[field]


@pytest.mark.parametrize(('changes', 'text'), [
    ({'ilo_password': 'wrong'}, 'ilo_username, ilo_password'),
    ({'ilo_verify_ca': 'true'}, 'ilo_verify_ca, ilo_tls_legacy'),
    ({'client_port': 1}, 'ilo_address, client_port')])
def test_an_error_names_the_fields(conductor, ilo4_machine, changes, text):
    node = conductor.enroll('ilo4', **{**ilo4_machine.driver_info, **changes})
    with (conductor.task(node) as task,
          pytest.raises(exception.DriverOperationError) as caught):
        task.driver.power.get_power_state(task)
    assert f'(see driver_info {text})' in str(caught.value)
    assert node in str(caught.value)
    assert conftest.PASSWORD not in str(caught.value)


@pytest.mark.parametrize(('driver', 'field'), [
    ('vbox', 'vbox_vmname'), ('openstack', 'openstack_server')])
def test_no_such_machine(conductor, request, driver, field):
    machine = request.getfixturevalue(f'{driver}_machine')
    node = conductor.enroll(driver, **{**machine.driver_info, field: 'none'})
    with (conductor.task(node) as task,
          pytest.raises(exception.DriverOperationError,
                        match=f'see driver_info {field}')):
        task.driver.power.get_power_state(task)


def test_a_cloud_that_there_is_not(conductor):
    node = conductor.enroll('openstack', openstack_cloud='nowhere',
                            openstack_server='one')
    with (conductor.task(node) as task,
          pytest.raises(exception.InvalidParameterValue,
                        match="openstack_cloud 'nowhere' cannot be used")):
        task.driver.power.get_power_state(task)


def test_a_password_is_no_reference_to_a_file(conductor, ilo4_machine,
                                              tmp_path):
    """Else who writes driver_info could have the conductor's files."""
    secret = tmp_path / 'secret'
    secret.write_text(conftest.PASSWORD)
    node = conductor.enroll('ilo4', **{
        **ilo4_machine.driver_info, 'ilo_password': f'file:{secret}'})
    with (conductor.task(node) as task,
          pytest.raises(exception.DriverOperationError, match='log on')):
        task.driver.power.get_power_state(task)


def test_interfaces_of_a_node_share_its_machine(conductor, ilo4_machine):
    node = conductor.enroll('ilo4', **ilo4_machine.driver_info)
    with conductor.task(node) as task:
        ours = families.node_of(task)
        assert task.driver.power._ours.machine(
            ours) is task.driver.management._ours.machine(ours)
