# SPDX-License-Identifier: Apache-2.0
import types

import pytest

from nova_hypervisors.baremetal import cleaning
from nova_hypervisors.baremetal import deployops
from nova_hypervisors.baremetal import hostops
from nova_hypervisors.baremetal import networkops
from nova_hypervisors.baremetal import powerops
from nova_hypervisors.baremetal import tasks
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.tests import baremetalnodes
from nova_hypervisors.tests import builders
from nova_hypervisors.tests.fakes import neutron as fake_neutron

HOST = baremetalnodes.HOST


@pytest.fixture
def here(tmp_path):
    """A nova-compute's part of bare metal, with an empty database."""
    made = baremetalnodes.make_service(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def ops(here, tmp_path):
    """All that makes and deletes servers, on machines in memory."""
    neutron = fake_neutron.FakeNeutron()
    host = hostops.HostOps(here.store, HOST)
    make = tasks.Tasks(here.registry, here.services)
    instance_locks = locks.InstanceLocks()
    networks = networkops.NetworkOps(here.store, lambda: neutron)
    cleaner = cleaning.Cleaner(
        here.store, host, make,
        lambda: cleaning.load(['power_off', 'eject_media', 'erase']), 1)
    watch = powerops.Watcher(dict, {}, instance_locks, 60, print)
    power = powerops.PowerOps(here.store, host, make, instance_locks, watch,
                              timeout_s=0, soft_s=0)
    deploys = deployops.DeployOps(
        here.store, host, make, instance_locks, networks, cleaner, power,
        deployops.Settings(tmp_path, HOST, 'ext4', automated_clean=True))
    return types.SimpleNamespace(deploys=deploys, cleaner=cleaner,
                                 neutron=neutron, power=power)


@pytest.fixture
def wanted(here, ops):
    """A server that is to be made on the one node, with a port."""
    node = here.add()
    instance = builders.instance(
        'image', kernel_id='', ramdisk_id='', node=node.uuid)
    vif = builders.vif()
    ops.neutron.add(vif)
    return request.SpawnRequest(
        builders.admin_context(), instance, builders.image_meta(), [vif], {})
