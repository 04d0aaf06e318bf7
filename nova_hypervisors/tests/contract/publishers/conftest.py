# SPDX-License-Identifier: Apache-2.0
"""Both publishers, each with its real server."""

import socket
import subprocess
import time
import types
import uuid

import pytest

from nova_hypervisors.clients import httppublisher
from nova_hypervisors.tests import swiftserver


@pytest.fixture(scope='session')
def swift_server():
    with swiftserver.running() as server:
        yield server


@pytest.fixture(scope='session')
def web_server(tmp_path_factory):
    """A web server, of busybox, and the folder that it hands out."""
    folder = tmp_path_factory.mktemp('served')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ['busybox', 'httpd', '-f', '-p', f'127.0.0.1:{port}', '-h', folder])
    for _ in range(100):
        with socket.socket() as probe:
            if not probe.connect_ex(('127.0.0.1', port)):
                break
        time.sleep(0.05)
    yield types.SimpleNamespace(folder=folder,
                                url=f'http://127.0.0.1:{port}')
    process.kill()
    process.wait()


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
