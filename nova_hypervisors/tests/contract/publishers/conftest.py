# SPDX-License-Identifier: Apache-2.0
"""Both publishers, each with its real server."""

import shutil
import socket
import subprocess
import tempfile
import time
import types
import uuid
from pathlib import Path

import pytest

from lab import layout
from lab import progress
from lab.baremetal import swift as real_swift
from nova_hypervisors.clients import httppublisher
from nova_hypervisors.clients import swift


@pytest.fixture(scope='session')
def swift_server():
    """A whole Swift."""
    # Extended attributes: not in every /tmp.
    lab = layout.Layout.from_environment()
    (lab.top / 'tests').mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=lab.top / 'tests', prefix='swift-'))
    try:
        server = real_swift.Swift(lab, folder)
    except progress.LabError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


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


def credentials(server):
    return {'user': real_swift.USER, 'tenant_name': real_swift.ACCOUNT,
            'key': real_swift.KEY, 'authurl': server.auth_url}


@pytest.fixture(params=['swift', 'http'])
def publisher(request, tmp_path):
    if request.param == 'http':
        server = request.getfixturevalue('web_server')
        return httppublisher.HTTPPublisher(tmp_path / 'store', server.folder,
                                           server.url)
    server = request.getfixturevalue('swift_server')
    return swift.SwiftAPI(
        swift.Settings(set_temp_url_key=True, retries=0, timeout_s=20),
        **credentials(server))


@pytest.fixture
def container(publisher, tmp_path):
    """A container with one object, "there"."""
    name = f'images {uuid.uuid4()}'
    path = tmp_path / 'there'
    path.write_bytes(b'what is there')
    publisher.upload_object(name, 'there.iso', path, create_container=True)
    return name
