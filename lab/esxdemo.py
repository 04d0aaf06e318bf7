# SPDX-License-Identifier: Apache-2.0
"""The life of a server on a simulated ESX host.

The simulator runs no guests and keeps no bytes of disks: what is shown is
what Nova and the host say of a server.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

from lab import layout
from lab import progress
from lab import vsphere
from lab import walk
from lab.openstack import config
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import esx


class ESXWalk(walk.Walk):
    hypervisor = 'ESX'
    host = config.ESX_HOST
    service = 'nova-compute-esx'
    # The simulator cannot make a disk larger.
    flavor = 'm1.diskless'
    running = 'poweredOn'

    def clear(self) -> None:
        super().clear()
        if self._compute.find_flavor(self.flavor) is None:
            self._compute.create_flavor(name=self.flavor, vcpus=1, ram=64,
                                        disk=0)

    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        return (
            ('create from raw', lambda: self._create('guest-raw')),
            ('create from qcow2', lambda: self._create('guest-qcow2')),
            ('hypervisor show', self._describe),
            ('what the host has of it', self._machine_details),
            ('suspend', lambda: self._act('suspend', 'SUSPENDED',
                                          'suspended')),
            ('resume', lambda: self._act('resume', 'ACTIVE', 'poweredOn')),
            ('stop', lambda: self._act('stop', 'SHUTOFF', 'poweredOff')),
            ('start', lambda: self._act('start', 'ACTIVE', 'poweredOn')),
            ('reboot', self._reboot),
            ('delete', self._delete_servers),
            ('nothing is left', self._nothing_left))

    @contextlib.contextmanager
    def _client(self) -> Iterator[esx.ESXHost]:
        client = esx.ESXHost(
            '127.0.0.1', vsphere.USER, lambda: config.PASSWORD,
            port=layout.PORTS['vcsim'],
            ca_file=str(vsphere.certificate(self._lab)))
        client.connect()
        try:
            yield client
        finally:
            client.close()

    def machine_state(self) -> str:
        with self._client() as client:
            try:
                return client.find_machine(self._id).state.value
            except errors.MachineNotFound:
                return '-'

    def _machine_details(self) -> str:
        with self._client() as client:
            machine = client.find_machine(self._id)
            details = client.machine_details(machine.ref)
        disks = ', '.join(str(disk.path) for disk in details.disks)
        nics = ', '.join(nic.mac for nic in details.nics)
        return f'{machine.name}: {disks}; {nics}'

    def _reboot(self) -> None:
        self._compute.reboot_server(self._id, 'HARD')
        self._wait('ACTIVE', 'poweredOn')

    def _nothing_left(self) -> str:
        with self._client() as client:
            left = [machine.name for machine in client.list_machines()]
        if left:
            raise progress.LabError(f'these machines are there: {left}')
        return 'no machine'

    def farewell(self) -> str:
        return f'''
The cloud and the simulated host go on running.  To use them:

  source {self._lab.openrc}
  openstack server create --image guest-raw --flavor {self.flavor} \\
      --network flat --host {self.host} --wait mine
  openstack server delete mine

To stop them: make down.'''


if __name__ == '__main__':
    sys.exit(walk.main(ESXWalk))
