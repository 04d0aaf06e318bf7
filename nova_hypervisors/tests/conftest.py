# SPDX-License-Identifier: Apache-2.0
"""What every test run begins with."""

import os
import shutil

import pytest

# What Nova 34 does by itself; other releases are told so where they can.
os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', 'true')

# Before anything of Nova: it decides between threads and eventlet.
from nova import monkey_patch

monkey_patch.patch()

from nova_hypervisors.tests import peers  # noqa: E402


@pytest.fixture(scope='session')
def real_virtualbox():
    """One registry for all tests of a run; they clear it themselves."""
    folder = peers.short_folder('v')
    real = peers.RealVirtualBox(folder)
    yield real
    real.clear()
    real.restart_vboxsvc()
    shutil.rmtree(folder)
