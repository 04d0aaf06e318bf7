# SPDX-License-Identifier: Apache-2.0
"""What every test run begins with."""

import shutil

import pytest

from nova_hypervisors.tests import peers
from nova_hypervisors.tests import realvirtualbox
from nova_hypervisors.tests import skips
from nova_hypervisors.tests import storage as real_storage

pytest_runtest_makereport = skips.pytest_runtest_makereport
real_virtualbox = realvirtualbox.real_virtualbox
web_service = realvirtualbox.web_service


@pytest.fixture(scope='session')
def storage(real_virtualbox):
    """A storage with iSCSI targets."""
    folder = peers.short_folder('s')
    made = real_storage.RealStorage(real_virtualbox.lab, folder)
    peers.RealVirtualBox.sees_storage = True
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture(scope='session')
def other_virtualbox():
    """Another one, which is another host."""
    yield from realvirtualbox.registry('w')


@pytest.fixture(scope='session')
def other_web_service(other_virtualbox):
    yield from realvirtualbox.service(other_virtualbox)


@pytest.fixture
def only(audit):
    """Return the one finding of an audit."""
    def only(**changes):
        found, = audit(**changes)
        return found
    return only
