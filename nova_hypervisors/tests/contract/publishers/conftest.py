# SPDX-License-Identifier: Apache-2.0
"""Both publishers, each with its real server."""

import uuid

import pytest

from nova_hypervisors.clients import httppublisher
from nova_hypervisors.tests import swiftserver
from nova_hypervisors.tests import webserver


@pytest.fixture(scope='session')
def swift_server():
    with swiftserver.running() as server:
        yield server


@pytest.fixture(scope='session')
def web_server(tmp_path_factory):
    """A web server, of busybox, and the folder that it hands out."""
    with webserver.running(tmp_path_factory.mktemp('served')) as server:
        yield server


@pytest.fixture(params=['swift', 'http'])
def publisher(request, tmp_path):
    if request.param == 'http':
        server = request.getfixturevalue('web_server')
        return httppublisher.HTTPPublisher(tmp_path / 'store', server.folder,
                                           server.url)
    return swiftserver.make(request.getfixturevalue('swift_server'))


@pytest.fixture
def container(publisher, tmp_path):
    """A container with one object, "there"."""
    name = f'images {uuid.uuid4()}'
    path = tmp_path / 'there'
    path.write_bytes(b'what is there')
    publisher.upload_object(name, 'there.iso', path, create_container=True)
    return name
