# SPDX-License-Identifier: Apache-2.0
"""Every way to reach a bare machine, each with a peer to talk to."""

import dataclasses
import time
import uuid
from typing import Any

import pytest

from nova_hypervisors.clients.bmc import api
from nova_hypervisors.clients.bmc import fake
from nova_hypervisors.clients.bmc import ipmi
from nova_hypervisors.clients.bmc import openstack
from nova_hypervisors.clients.bmc import redfish
from nova_hypervisors.clients.bmc import ribcl
from nova_hypervisors.clients.bmc import virtualbox
from nova_hypervisors.tests import certificates
from nova_hypervisors.tests import imageserver
from nova_hypervisors.tests import ipmisim
from nova_hypervisors.tests import realvirtualbox
from nova_hypervisors.tests import redfishfront
from nova_hypervisors.tests import sushyemulator
from nova_hypervisors.tests.fakes import cloud as fakecloud
from nova_hypervisors.tests.fakes import redfish as fakeredfish
from nova_hypervisors.tests.fakes.ribcl import server as fakeilo


@dataclasses.dataclass
class Peer:
    """A machine and what a test must know of its hardware.

    :param patience_s: how long a change may take to be seen
    :param images: URLs from which images can be fetched, by their kind
    :param once: whether a boot for once is told apart, and over
    """

    machine: Any
    images: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(
        api.MediaKind, 'http://192.0.2.1/image'))
    patience_s: float = 5
    drives: frozenset = frozenset(api.MediaKind)
    once: bool = True
    boot_modes: bool = True
    secure_boot: bool = True
    nmi: bool = True
    sensors: bool = True
    soft_reset: bool = True

    #: how to look what it boots from, if the machine does not tell it
    look: Any = None
    #: what the client would set, and the peer does not know
    unknown: frozenset = frozenset()

    def device(self):
        """Return what the machine boots from the next time."""
        return self.look() if self.look else self.machine.boot().device

    def wait_for(self, power):
        """Wait until a machine's power is as it is wanted."""
        end = time.monotonic() + self.patience_s
        while self.machine.power() is not power:
            assert time.monotonic() < end, f'power is not {power}'
            time.sleep(0.1)


def clean(machine):
    """Leave a machine as a test finds it."""
    machine.power_off()
    for kind in api.MediaKind:
        machine.eject_media(kind)
    machine.set_boot(api.BootDevice.DISK, persistent=True)


@pytest.fixture(params=['fake', 'virtualbox', 'redfish', 'sushy_tools',
                        'ribcl', 'ipmi', 'front', 'openstack'])
def peer(request):
    return request.getfixturevalue(f'{request.param}_peer')


@pytest.fixture
def machine(peer):
    return peer.machine


@pytest.fixture
def fake_peer():
    return Peer(fake.FakeMachine())


@pytest.fixture(scope='session')
def image_server(tmp_path_factory):
    server = imageserver.ImageServer(tmp_path_factory.mktemp('images'))
    yield server
    server.close()


@pytest.fixture(scope='session')
def virtualbox_machine(real_virtualbox, web_service):
    """A machine as somebody may have made it, with both drives."""
    name = f'bare-{uuid.uuid4().hex[:8]}'
    realvirtualbox.make_bare_machine(real_virtualbox, name)
    host = virtualbox.VirtualBoxHost(web_service.url, '', lambda: '')
    yield host.machine(name)
    host.close()
    real_virtualbox.clear()


@pytest.fixture
def virtualbox_peer(image_server, virtualbox_machine):
    # This lab's VirtualBox runs on a hypervisor that gives no NMI.
    yield Peer(virtualbox_machine, images=image_server.urls, sensors=False,
               soft_reset=False, nmi=False)
    clean(virtualbox_machine)


@pytest.fixture(scope='session')
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture
def ilo5(authority):
    """What an iLO 5 shows, with a little behind it."""
    bmc = fakeredfish.RedfishBMC(authority.server())
    yield bmc
    bmc.close()


@pytest.fixture
def make_redfish(authority):
    """Make clients, with what is to be otherwise than usual."""
    made = []

    def make(url, **changes):
        machine = redfish.RedfishMachine(redfish.Access(**{
            'url': url, 'user': 'admin', 'password': 'se cret',
            'verify': str(authority.path), 'timeout_s': 5.0, **changes}))
        made.append(machine)
        return machine

    yield make
    for machine in made:
        machine.close()


@pytest.fixture
def redfish_peer(ilo5, make_redfish):
    return Peer(make_redfish(ilo5.url))


@pytest.fixture(scope='session')
def emulator(authority, tmp_path_factory):
    running = sushyemulator.Emulator(tmp_path_factory.mktemp('emulator'),
                                     *authority.make('emulator'))
    yield running
    running.close()


@pytest.fixture
def sushy_tools_peer(emulator, make_redfish, image_server):
    """OpenStack's own emulator of a BMC, which forgets what is for once."""
    machine = make_redfish(emulator.url)
    yield Peer(machine, images=image_server.urls, once=False,
               nmi=False)
    clean(machine)


@pytest.fixture
def ilo4(authority):
    ilo = fakeilo.Ilo4(authority.server())
    yield ilo
    ilo.close()


@pytest.fixture
def make_ribcl(authority):
    """Make clients, with what is to be otherwise than usual."""
    def make(ilo, **changes):
        return ribcl.RibclMachine(ribcl.Access(**{
            'host': '127.0.0.1', 'port': ilo.port, 'user': 'admin',
            'password': 'se cret', 'verify': str(authority.path),
            'timeout_s': 5.0, **changes}))

    return make


@pytest.fixture
def ribcl_peer(ilo4, make_ribcl):
    """A Gen8: BIOS only, and nothing but RIBCL."""
    return Peer(make_ribcl(ilo4), boot_modes=False, secure_boot=False,
                nmi=False, soft_reset=False)


@pytest.fixture(scope='session')
def simulator(tmp_path_factory):
    running = ipmisim.Simulator(tmp_path_factory.mktemp('ipmi'))
    yield running
    running.close()


@pytest.fixture
def ipmi_peer(simulator):
    """OpenIPMI's, which does not tell that a boot device is valid."""
    machine = ipmi.IpmiMachine(ipmi.Access(
        '127.0.0.1', 'admin', 'secret', simulator.port, timeout_s=20))
    yield Peer(machine, drives=frozenset(), boot_modes=False, once=False,
               secure_boot=False, sensors=False, soft_reset=False, nmi=False,
               look=simulator.boot_device,
               unknown=frozenset({api.BootDevice.FLOPPY}))
    simulator.reset()


@pytest.fixture
def front(authority):
    """Our own Redfish service."""
    running = redfishfront.Front(authority.server())
    yield running
    running.close()


@pytest.fixture
def front_peer(front, make_redfish):
    """A machine in memory, behind our own service."""
    front.machines['one'] = front.system('one')
    return Peer(make_redfish(front.url, system='one'), sensors=False)


@pytest.fixture
def cloud():
    return fakecloud.Cloud()


@pytest.fixture
def openstack_peer(cloud, image_server):
    """See functional/nova/test_bare_servers.py for the real one."""
    cloud.compute.add('one')
    machine = openstack.OpenStackMachine(
        cloud, 'one', '6f8a7a8a-0d0c-4a3f-9a4e-0d2a6f6c8f11')
    return Peer(machine, images=image_server.urls, boot_modes=False,
                drives=frozenset({api.MediaKind.CDROM}), secure_boot=False,
                sensors=False)
