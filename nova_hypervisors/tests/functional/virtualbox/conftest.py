# SPDX-License-Identifier: Apache-2.0
"""The driver on the real VirtualBox, with a running test guest."""

import os
import shutil
import subprocess
import uuid

import pytest
from oslo_config import fixture as config_fixture

from nova_hypervisors import conf
from nova_hypervisors.tests import builders
from nova_hypervisors.tests import peers


@pytest.fixture
def folder(real_virtualbox):
    path = real_virtualbox.folder / uuid.uuid4().hex[:6]
    path.mkdir()
    yield path
    shutil.rmtree(path)


def pytest_configure(config):
    config.addinivalue_line(
        'markers', 'by_web_service: runs with that backend only')
    config.addinivalue_line(
        'markers', 'full(need): what the lab has not, see test_full.py')


def pytest_collection_modifyitems(config, items):
    """Leave out what needs more than the lab has, unless it is named."""
    there = set(os.environ.get('NOVA_HYPERVISORS_FULL', '').split(','))
    left_out = [item for item in items for mark in item.iter_markers('full')
                if mark.args[0] not in there]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_generate_tests(metafunc):
    """Run the tests that prove a row of the matrix with each backend.

    So are those that are long.  The others run with VBoxManage, and those
    that are marked so with the web service only.
    """
    if 'backend' in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        proves = 'feature' in marks or any(
            mark.name == 'feature'
            for parametrize in metafunc.definition.iter_markers('parametrize')
            for values in parametrize.args[1]
            for mark in getattr(values, 'marks', ()))
        if 'by_web_service' in marks and not proves:
            backends = ['webservice']
        elif proves or 'long' in marks:
            backends = ['vboxmanage', 'webservice']
        else:
            backends = ['vboxmanage']
        metafunc.parametrize('backend', backends, indirect=True)


@pytest.fixture
def backend(request):
    return request.param


@pytest.fixture
def config(request, folder, real_virtualbox, backend):
    """Options; a test may change them before it makes a driver."""
    fixture = config_fixture.Config(conf.CONF)
    fixture.setUp()
    conf.CONF([], project='nova', default_config_files=[])
    builders.configure(fixture, folder, real_virtualbox.lab.vboxmanage,
                       real_virtualbox.home,
                       vrde_port=peers.as_text(peers.DISPLAY_PORTS))
    if backend == 'webservice':
        service = request.getfixturevalue('web_service')
        fixture.config(group='virtualbox', backend=backend,
                       webservice_url=service.url)
    yield fixture
    fixture.cleanUp()


@pytest.fixture
def image(image_api):
    return image_api.add('raw', peers.lab().guest)


@pytest.fixture
def driver_class(real_virtualbox):
    from nova_hypervisors.virtualbox import driver as virtualbox
    yield virtualbox.VirtualBoxDriver
    real_virtualbox.clear()


@pytest.fixture
def make_client(config):
    """Make a client of the backend, as the driver does."""
    from nova_hypervisors.virtualbox import factory
    return lambda: factory.make_client(conf.CONF)


@pytest.fixture
def left_over(folder, real_virtualbox):
    """List what there still is of servers: nothing, if all are deleted."""
    def left_over():
        client = real_virtualbox.client
        return [*client.list_machines(), *client.list_media(),
                *client.get_extradata('nova_hypervisors/'),
                *(path for path in (folder / 'i').iterdir()
                  if path.name not in ('_base', 'snapshots')),
                *(folder / 'i/snapshots/here').iterdir()]
    return left_over


@pytest.fixture
def hears(driver):
    """Wait until a server's guest has said something on its console."""

    def hears(instance, text, driver=driver):
        def said():
            output = driver.get_console_output(builders.admin_context(),
                                               instance)
            return text in output

        peers.wait_until(said, timeout_s=60)

    return hears


@pytest.fixture
def convert(folder):
    """Write the test guest in another format."""

    def convert(qemu_format, *options):
        path = folder / f'guest.{qemu_format}{uuid.uuid4().hex[:4]}'
        subprocess.run(
            ['qemu-img', 'convert', '-f', 'raw', '-O', qemu_format, *options,
             str(peers.lab().guest), str(path)], check=True)
        return path

    return convert
