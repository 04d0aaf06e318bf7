# SPDX-License-Identifier: Apache-2.0
"""What a failure on the real VirtualBox leaves, and what can be made of it."""

from pathlib import Path

import pytest
from nova import exception
from nova.virt import fake as nova_fake

from nova_hypervisors import conf
from nova_hypervisors.clients import bundles
from nova_hypervisors.clients import replaying
from nova_hypervisors.tests import builders

CONTEXT = builders.admin_context()


@pytest.fixture
def incidents(config, tmp_path):
    folder = tmp_path / 'incidents'
    config.config(group='incidents', directory=str(folder))
    return folder


@pytest.fixture
def driver(incidents, make_driver):
    return make_driver()


def only(folder):
    path, = folder.iterdir()
    return bundles.load(path)


def is_reproduced(folder, operation, instance, kind, seam):
    bundle = only(folder)
    assert (bundle.operation, bundle.server) == (operation, instance.uuid)
    assert bundle.error.kind == kind
    assert bundle.calls[bundle.call].seam == seam
    replayed = replaying.replay(bundle)
    assert replayed.error == bundle.error
    assert all(call.is_same for call in replayed.calls)


def fails_to_start_what_is_missing(driver, folder, seam):
    instance = builders.instance()
    with pytest.raises(exception.InstanceNotFound):
        driver.power_on(CONTEXT, instance, [])
    is_reproduced(folder, 'power_on', instance, 'MachineNotFound', seam)


def fails_to_pause_what_is_off(driver, spawn, folder, seam):
    instance = spawn(power_on=False)
    with pytest.raises(exception.InstanceInvalidState):
        driver.pause(instance)
    is_reproduced(folder, 'pause', instance, 'InvalidState', seam)


def test_a_machine_that_is_missing(driver, incidents):
    fails_to_start_what_is_missing(driver, incidents, 'vboxmanage')


def test_one_that_is_off(driver, spawn, incidents):
    fails_to_pause_what_is_off(driver, spawn, incidents, 'vboxmanage')


@pytest.mark.by_web_service
def test_a_machine_that_the_web_service_misses(driver, incidents):
    fails_to_start_what_is_missing(driver, incidents, 'virtualbox-soap')


@pytest.mark.by_web_service
def test_a_start_that_the_web_service_sees_fail(config, driver, spawn,
                                                incidents):
    instance = spawn(power_on=False)
    disk, = (Path(conf.CONF.instances_path) / instance.uuid).rglob('*.vdi')
    disk.write_bytes(b'no disk')
    with pytest.raises(exception.NovaException):
        driver.power_on(CONTEXT, instance, [])
    is_reproduced(incidents, 'power_on', instance, 'ClientError',
                  'virtualbox-progress')


@pytest.mark.by_web_service
def test_a_service_that_is_gone(config, driver, incidents):
    instance = builders.instance()
    config.config(group='virtualbox', webservice_url='http://127.0.0.1:9')
    other = type(driver)(nova_fake.FakeVirtAPI())
    with pytest.raises(exception.HypervisorUnavailable):
        other.unpause(instance)
    is_reproduced(incidents, 'unpause', instance, 'Unreachable',
                  'virtualbox-soap')
