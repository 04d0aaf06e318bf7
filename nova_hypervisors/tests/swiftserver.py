# SPDX-License-Identifier: Apache-2.0
"""The real Swift of the lab, for tests."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest

from lab import layout
from lab import progress
from lab.baremetal import swift as real_swift
from nova_hypervisors.clients import swift


@contextlib.contextmanager
def running():
    """Yield a whole Swift that has just been started."""
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


def credentials(server):
    return {'user': real_swift.USER, 'tenant_name': real_swift.ACCOUNT,
            'key': real_swift.KEY, 'authurl': server.auth_url}


def make(server, **settings):
    return swift.SwiftAPI(
        swift.Settings(**{'set_temp_url_key': True, 'retries': 0,
                          'timeout_s': 60, **settings}),
        **credentials(server))


def names(publisher, container):
    """Return the objects of a container."""
    with publisher._connection('list') as connection:
        return {one['name'] for one in
                connection.get_container(container)[1]}
