# SPDX-License-Identifier: Apache-2.0
"""Ironic's conductor in this process, and machines of each type."""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from ironic import objects
from ironic.common import context
from ironic.common import driver_factory
from ironic.conductor import task_manager
from ironic.conf import CONF
from ironic.db import migration

from nova_hypervisors.clients.bmc import openstack as client
from nova_hypervisors.ironic import families
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import imageserver
from nova_hypervisors.tests import realvirtualbox
from nova_hypervisors.tests import skips
from nova_hypervisors.tests.fakes import cloud as fakecloud
from nova_hypervisors.tests.fakes.ribcl import server as fakeilo

TYPES = ('ilo4', 'openstack', 'vbox')
PASSWORD = 'se cret'

pytest_runtest_makereport = skips.pytest_runtest_makereport
real_virtualbox = realvirtualbox.real_virtualbox
web_service = realvirtualbox.web_service


class Conductor:
    """What Ironic's conductor works with, without its services."""

    def __init__(self) -> None:
        self.context = context.get_admin_context()

    def enroll(self, driver: str, **driver_info: Any) -> str:
        """Return the UUID of a new node."""
        node = objects.Node(self.context, uuid=str(uuid.uuid4()),
                            driver=driver, driver_info=driver_info)
        driver_factory.check_and_update_node_interfaces(node)
        node.create()
        return node.uuid

    def task(self, node: str) -> task_manager.TaskManager:
        """Lock a node, as every action of Ironic's does."""
        return task_manager.acquire(self.context, node, purpose='a test')


@pytest.fixture(scope='session')
def conductor(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ironic')
    CONF([], project='ironic', default_config_files=[])
    media = [f'{name}-virtual-media' for name in TYPES]
    for group, name, value in (
            (None, 'host', 'here'),
            ('database', 'connection', f'sqlite:///{folder}/ironic.sqlite'),
            ('deploy', 'http_root', str(folder)),
            (None, 'enabled_hardware_types', list(TYPES)),
            (None, 'enabled_power_interfaces', list(TYPES)),
            (None, 'enabled_management_interfaces', list(TYPES)),
            (None, 'enabled_boot_interfaces', media),
            (None, 'enabled_deploy_interfaces', ['ramdisk']),
            (None, 'enabled_network_interfaces', ['noop']),
            (None, 'default_network_interface', 'noop')):
        CONF.set_override(name, value, group)
    migration.create_schema()
    objects.register_all()
    return Conductor()


@dataclasses.dataclass
class Machine:
    """A machine of some type, and what is seen of it from behind.

    :ivar is_on: asks the machine itself
    """

    driver: str
    driver_info: dict[str, Any]
    is_on: Callable[[], bool]
    modes: bool = False
    drives: tuple[str, ...] = ('cdrom', 'floppy')
    sensors: bool = False


@pytest.fixture(params=TYPES)
def machine(request):
    return request.getfixturevalue(f'{request.param}_machine')


@pytest.fixture
def node(conductor, machine):
    return conductor.enroll(machine.driver, **machine.driver_info)


@pytest.fixture(scope='session')
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture
def ilo(authority):
    running = fakeilo.Ilo4(authority.server(), 'admin', PASSWORD)
    yield running
    running.close()


@pytest.fixture
def ilo4_machine(ilo, authority):
    return Machine(
        'ilo4', {'ilo_address': '127.0.0.1', 'client_port': ilo.port,
                 'ilo_username': 'admin', 'ilo_password': PASSWORD,
                 'ilo_verify_ca': str(authority.path)},
        lambda: ilo.machine.power == 'ON', sensors=True)


@pytest.fixture
def cloud():
    return fakecloud.Cloud()


@pytest.fixture
def openstack_machine(cloud):
    server = cloud.compute.add('one')
    name = str(uuid.uuid4())
    # As the first call would have made it of clouds.yaml.
    families.access().machines.get(('openstack', name, None),
                                   lambda: client.Cloud(cloud))
    return Machine(
        'openstack', {'openstack_cloud': name, 'openstack_server': 'one',
                      'openstack_ipxe_image': str(uuid.uuid4())},
        lambda: server.power_state == 1, drives=('cdrom',))


@pytest.fixture(scope='session')
def bare_machine(real_virtualbox):
    name = f'bare-{uuid.uuid4().hex[:8]}'
    realvirtualbox.make_bare_machine(real_virtualbox, name)
    yield name
    real_virtualbox.clear()


@pytest.fixture
def vbox_machine(real_virtualbox, web_service, bare_machine):
    def is_on() -> bool:
        return 'VMState="running"' in real_virtualbox.manage(
            'showvminfo', bare_machine, '--machinereadable')

    yield Machine('vbox', {'vbox_url': web_service.url,
                           'vbox_vmname': bare_machine},
                  is_on, modes=True)
    if is_on():
        real_virtualbox.manage('controlvm', bare_machine, 'poweroff')


@pytest.fixture(scope='session')
def images(tmp_path_factory):
    server = imageserver.ImageServer(tmp_path_factory.mktemp('images'))
    yield server
    server.close()
