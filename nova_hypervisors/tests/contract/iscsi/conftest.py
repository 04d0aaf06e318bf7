# SPDX-License-Identifier: Apache-2.0
"""A real tgtd, without VirtualBox."""

import shutil

import pytest

from lab import layout
from nova_hypervisors.clients import iscsi
from nova_hypervisors.clients import qemuimg
from nova_hypervisors.tests import peers
from nova_hypervisors.tests import storage as real_storage


@pytest.fixture(scope='module')
def targets():
    """A storage with iSCSI targets."""
    yield from made()


@pytest.fixture
def own_targets():
    """One that a test may break."""
    yield from made()


def made():
    folder = peers.short_folder('t')
    storage = real_storage.RealStorage(layout.Layout.from_environment(),
                                       folder)
    yield storage
    storage.close()
    shutil.rmtree(folder)


def target_of(volume, **changes):
    lun = volume.lun
    address, _, port = lun.address.server.rpartition(':')
    return iscsi.Target(**{
        'address': address, 'port': int(port), 'iqn': lun.address.target,
        'lun': lun.address.lun, 'user': lun.user, 'secret': lun.secret,
        **changes})


def disk_of(volume, *, silence_s=30, limit_s=60, thin=False, **changes):
    supervisor = qemuimg.Supervisor(
        silence_s, limit_s, **{name: changes.pop(name) for name in (
            'on_progress', 'cancelled') if name in changes})
    return iscsi.Disk(target_of(volume, **changes), supervisor, thin=thin)
