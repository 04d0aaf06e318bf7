# SPDX-License-Identifier: Apache-2.0
"""What a failure on the real VirtualBox leaves, and what can be made of it."""

from pathlib import Path

import pytest
from nova import exception
from nova.virt import fake as nova_fake

from nova_hypervisors import conf
from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import replaying
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import incidents as tests

CONTEXT = builders.admin_context()


def only(folder):
    path, = folder.iterdir()
    return bundles.load(path)


def is_reproduced(folder, operation, instance, kind, seam):
    replayed = replaying.replay(only(folder))
    tests.is_reproduced(replayed, kind, seam)
    assert (replayed.bundle.operation, replayed.bundle.server) == (
        operation, instance.uuid)


def fails_to_start_what_is_missing(driver, folder, seam):
    instance = builders.instance()
    with pytest.raises(exception.InstanceNotFound):
        driver.power_on(CONTEXT, instance, [])
    is_reproduced(folder, 'power_on', instance, errors.MachineNotFound, seam)


def test_a_machine_that_is_missing(incident_folder, driver):
    fails_to_start_what_is_missing(driver, incident_folder, 'vboxmanage')


def test_one_that_is_off(incident_folder, driver, spawn):
    instance = spawn(power_on=False)
    with pytest.raises(exception.InstanceInvalidState):
        driver.pause(instance)
    is_reproduced(incident_folder, 'pause', instance, errors.InvalidState,
                  'vboxmanage')


@pytest.mark.by_web_service
def test_a_machine_that_the_web_service_misses(incident_folder, driver):
    fails_to_start_what_is_missing(driver, incident_folder, 'virtualbox-soap')


@pytest.mark.by_web_service
def test_a_start_that_the_web_service_sees_fail(incident_folder, driver,
                                                spawn):
    instance = spawn(power_on=False)
    disk, = (Path(conf.CONF.instances_path) / instance.uuid).rglob('*.vdi')
    disk.write_bytes(b'no disk')
    with pytest.raises(exception.NovaException):
        driver.power_on(CONTEXT, instance, [])
    is_reproduced(incident_folder, 'power_on', instance, errors.ClientError,
                  'virtualbox-progress')


@pytest.mark.by_web_service
def test_a_service_that_is_gone(incident_folder, config, driver):
    instance = builders.instance()
    config.config(group='virtualbox', webservice_url='http://127.0.0.1:9')
    other = type(driver)(nova_fake.FakeVirtAPI())
    with pytest.raises(exception.HypervisorUnavailable):
        other.unpause(instance)
    is_reproduced(incident_folder, 'unpause', instance, errors.Unreachable,
                  'virtualbox-soap')
