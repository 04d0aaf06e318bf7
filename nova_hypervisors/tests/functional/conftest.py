# SPDX-License-Identifier: Apache-2.0
"""What the tests of the drivers have in common.

A driver's own folder says what ``folder`` is, which ``image`` there is, what
``config`` has to say, and which ``driver_class`` it is.
"""

import pytest
from nova.image import glance as nova_glance
from nova.virt import fake as nova_fake
from nova.virt import images as nova_images

from nova_hypervisors.common import devices
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import glance
from nova_hypervisors.tests.fakes import records as fake_records


@pytest.fixture
def image_api(folder, monkeypatch):
    """Glance, with no image in it."""
    api = glance.FakeImageAPI(folder)
    monkeypatch.setattr(nova_images, 'IMAGE_API', api)
    monkeypatch.setattr(nova_glance, 'API', lambda: api)
    return api


@pytest.fixture
def records(monkeypatch):
    """Nova's database, of which there is none here."""
    found = fake_records.FakeRecords()
    monkeypatch.setattr(devices, 'Records', lambda: found)
    return found


@pytest.fixture
def make_driver(driver_class, config, image_api, records):
    """Make drivers as nova-compute does, one after another."""
    drivers = []

    def make(virtapi=None, client=None):
        if drivers:
            drivers[-1].cleanup_host('here')
        made = driver_class(virtapi or nova_fake.FakeVirtAPI(), client)
        made.events = []
        made.register_event_listener(made.events.append)
        made.init_host('here')
        drivers.append(made)
        return made

    yield make
    for made in drivers:
        made.cleanup_host('here')


@pytest.fixture
def incident_folder(config, tmp_path):
    """Where incidents are left; has to be named before the driver."""
    folder = tmp_path / 'incidents'
    config.config(group='incidents', directory=str(folder))
    return folder


@pytest.fixture
def driver(make_driver):
    return make_driver()


@pytest.fixture
def spawn(driver, image):
    """Spawn a server; its instance is returned."""

    def spawn(instance=None, vifs=(), driver=driver, image_meta=None,
              **arguments):
        instance = instance or builders.instance(image)
        driver.spawn(builders.admin_context(), instance,
                     image_meta or builders.image_meta(), [], 'secret', {},
                     network_info=list(vifs), **arguments)
        return instance

    return spawn
