# SPDX-License-Identifier: Apache-2.0
"""Where everything is, and which ports it has."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

#: Out of the way of what a user may run, and below the ports that the system
#: hands out for outgoing connections.  Two labs on one machine differ in
#: LAB_PORT_OFFSET.
_OFFSET = int(os.environ.get('LAB_PORT_OFFSET', '0'))
PORTS = {name: port + _OFFSET for name, port in {
    'tgtd': 23260,
    'chromedriver': 24444,
    'epmd': 24369,
    'keystone': 25000,
    'rabbitmq': 25670,
    'rabbitmq-peers': 25671,
    'novncproxy': 26080,
    'serialproxy': 26083,
    'console-relay': 26084,
    'console-relay-2': 26085,
    'transfer-2': 26086,
    'transfer-esx': 26087,
    'nova-api': 28774,
    'cinder': 28776,
    'placement': 28778,
    'vcsim': 28989,
    'metal-callback': 28990,
    'metal-media': 28991,
    'metal-iscsi': 28992,
    'metal-control': 28993,
    'glance': 29292,
    'neutron': 29696,
}.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """:param top: the one folder, LAB_DIR"""

    top: Path

    @classmethod
    def from_environment(cls) -> Layout:
        default = '/var/lib/nova-hypervisors-lab'
        return cls(Path(os.environ.get('LAB_DIR', default)).absolute())

    @property
    def root(self) -> Path:
        """A Debian with the servers, which the host itself need not have."""
        return self.top / 'root'

    @property
    def bin(self) -> Path:
        return self.top / 'bin'

    @property
    def vboxmanage(self) -> Path:
        return self.bin / 'VBoxManage'

    @property
    def vboxwebsrv(self) -> Path:
        return self.bin / 'vboxwebsrv'

    @property
    def vcsim(self) -> Path:
        """A simulated ESX host."""
        return self.bin / 'vcsim'

    @property
    def tools(self) -> Path:
        """A virtual environment with uv."""
        return self.top / 'tools'

    @property
    def cloud(self) -> Path:
        """The virtual environment of the cloud's services."""
        return self.top / 'venv'

    def nova_venv(self, release: str) -> Path:
        """The virtual environment of the tests with a release of Nova."""
        return self.top / 'venvs' / f'nova-{release}'

    @property
    def etc(self) -> Path:
        return self.top / 'etc'

    @property
    def logs(self) -> Path:
        return self.top / 'logs'

    @property
    def run(self) -> Path:
        """Process IDs and sockets."""
        return self.top / 'run'

    @property
    def state(self) -> Path:
        """Data bases, images, instances: what a cloud would miss."""
        return self.top / 'state'

    @property
    def tmp(self) -> Path:
        """What the servers in the root see as /tmp."""
        return self.top / 'tmp'

    @property
    def storage_socket(self) -> Path:
        """Where the cloud's storage is told what to export."""
        return self.run / 'tgt'

    @property
    def volumes(self) -> Path:
        """The files that are Cinder's volumes."""
        return self.state / 'cinder/files'

    @property
    def virtualbox_home(self) -> Path:
        """The cloud's own registry of machines."""
        return self.state / 'virtualbox'

    @property
    def second_home(self) -> Path:
        """That of a second host of the cloud, for servers to move to."""
        return self.state / 'virtualbox-2'

    @property
    def guest(self) -> Path:
        return self.top / 'guest.img'

    @property
    def busy_guest(self) -> Path:
        return self.top / 'busy.img'

    @property
    def openrc(self) -> Path:
        return self.top / 'openrc'

    def make(self) -> None:
        for folder in (self.bin, self.etc, self.logs, self.run, self.state,
                       self.tmp, self.virtualbox_home):
            folder.mkdir(parents=True, exist_ok=True)
        # VirtualBox and MariaDB keep their sockets here.
        self.tmp.chmod(0o1777)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(('127.0.0.1', 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
