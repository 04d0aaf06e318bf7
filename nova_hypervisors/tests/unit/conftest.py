# SPDX-License-Identifier: Apache-2.0
import tempfile
from pathlib import Path

import pytest
from nova.virt import images as nova_images
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import glance
from nova_hypervisors.tests.fakes import vboxmanage as recorded


@pytest.fixture
def short_path():
    """A folder in which sockets can be."""
    with tempfile.TemporaryDirectory(dir='/tmp') as path:
        yield Path(path)


@pytest.fixture
def config(short_path):
    """Options as an operator might have set them; a test may change them."""
    fixture = config_fixture.Config(conf.CONF)
    fixture.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    builders.configure(fixture, short_path)
    yield fixture
    fixture.cleanUp()


@pytest.fixture
def image_api(tmp_path, monkeypatch):
    """Glance, without images."""
    api = glance.FakeImageAPI(tmp_path)
    # Nova has it in a module, and hands it to nobody.
    monkeypatch.setattr(nova_images, 'IMAGE_API', api)
    return api


@pytest.fixture
def vboxmanage(tmp_path):
    """A program that says what VBoxManage has said."""
    return recorded.RecordedVBoxManage(tmp_path)
