# SPDX-License-Identifier: Apache-2.0
"""The life of a server, from ``openstack server create`` to nothing.

Run by the cloud's own Python, with the cloud's variables in the environment:
``python -m lab.demo``.  Every step looks at what Nova says and at what
VirtualBox says.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openstack
import prettytable

from lab import demovolumes
from lab import layout
from lab import progress
from lab import virtualbox
from lab.openstack import config

_WAIT_S = 120
_SNAPSHOT = 'demo-snapshot'
_TOLD = 'volume of the demo'
_HEARTBEAT = re.compile(r'beat ([0-9a-f]{4})')


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    step: str
    seconds: float
    nova: str
    virtualbox: str


class Walk:
    """Takes one server through its life."""

    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        self._lab = lab
        self._show = show
        self._cloud = openstack.connect()
        self._compute = self._cloud.compute
        self._volumes = demovolumes.Volumes(lab, self._cloud)
        self._ids: list[str] = []
        self._snapshot: Any = None
        self.rows: list[Row] = []
        self.picture = lab.top / 'demo/console.png'

    def run(self) -> None:
        """:raises LabError: a step failed; says which"""
        self._clear()
        for name, action in (
                ('create from qcow2', lambda: self._create('guest-qcow2')),
                ('console log', self._console_log),
                ('screenshot', self._screenshot),
                ('hypervisor show', self._hypervisor),
                ('diagnostics', self._diagnostics),
                ('pause', lambda: self._act('pause', 'PAUSED', 'paused')),
                ('unpause', lambda: self._act('unpause', 'ACTIVE',
                                              'running')),
                ('suspend', lambda: self._act('suspend', 'SUSPENDED',
                                              'saved')),
                ('resume', lambda: self._act('resume', 'ACTIVE', 'running')),
                ('stop', lambda: self._act('stop', 'SHUTOFF', 'poweroff')),
                ('start', lambda: self._act('start', 'ACTIVE', 'running')),
                ('reboot', self._reboot),
                ('attach a volume', self._attach_volume),
                ('use the volume', self._use_volume),
                ('detach the volume', lambda: self._volumes.detach(self._id)),
                ('snapshot', self._take_snapshot),
                ('boot from the snapshot',
                 lambda: self._create(self._snapshot.name)),
                ('its console log', self._console_log),
                ('boot from a volume', self._boot_from_volume),
                ('use that volume', lambda: self._volumes.wait_for(_TOLD)),
                ('delete', self._delete),
                ('nothing is left', self._nothing_left)):
            self._step(name, action)

    def _clear(self) -> None:
        """Delete what an interrupted demo has left."""
        for server in self._compute.servers(name='^demo-'):
            self._ids.append(server.id)
        for image in self._cloud.image.images(name=_SNAPSHOT):
            self._cloud.image.delete_image(image)
        if self._ids:
            with self._show.step('delete what an earlier demo has left'):
                self._delete_servers()
            self._ids.clear()
        self._volumes.delete()

    def _step(self, name: str, action: Callable[[], str | None]) -> None:
        begun = time.monotonic()
        found = ''
        with self._show.step(name):
            try:
                found = action() or ''
            except openstack.exceptions.SDKException as error:
                raise progress.LabError(str(error), self._compute_log()) \
                    from error
        seconds = time.monotonic() - begun
        if found:
            self._show.say(f'    {found}')
        self.rows.append(Row(name, seconds, self._status(),
                             self._machine_state()))

    def _compute_log(self) -> Path:
        return self._lab.logs / 'nova-compute.log'

    @property
    def _id(self) -> str:
        return self._ids[-1]

    # What Nova and VirtualBox say

    def _status(self) -> str:
        server = self._ids and self._compute.find_server(self._id)
        return server.status if server else '-'

    def _machine_state(self) -> str:
        if not self._ids or self._id not in self._machines():
            return '-'
        text = self._vboxmanage('showvminfo', self._id, '--machinereadable')
        found = re.search(r'^VMState="(.*)"$', text, re.MULTILINE)
        return found[1] if found else '?'

    def _machines(self) -> str:
        return self._vboxmanage('list', 'vms')

    def _vboxmanage(self, *words: str) -> str:
        return virtualbox.manage(self._lab, self._lab.virtualbox_home, *words)

    def _wait(self, status: str, state: str) -> None:
        def there() -> bool:
            server = self._compute.get_server(self._id)
            if server.status == 'ERROR':
                raise progress.LabError(
                    f'the server is in ERROR: {server.fault}',
                    self._compute_log())
            return server.status == status and server.task_state is None

        progress.wait_until(f'the server is not {status}', there, _WAIT_S,
                            self._compute_log(), pause_s=0.3)
        found = self._machine_state()
        if found != state:
            raise progress.LabError(f'Nova says {status} and VirtualBox says '
                                    f'{found} instead of {state}')

    # Steps

    def _attach_volume(self) -> str:
        self._volumes.create()
        self._volumes.tell(_TOLD)
        return self._volumes.attach(self._id)

    def _use_volume(self) -> str:
        # The guest's BIOS looks for disks when it starts.
        self._compute.reboot_server(self._id, 'HARD')
        self._wait('ACTIVE', 'running')
        return self._volumes.wait_for(_TOLD)

    def _boot_from_volume(self) -> str:
        volume = self._volumes.create(image='guest-raw', bootable=True)
        self._volumes.tell(_TOLD)
        return self._create(volume, '--volume')

    def _create(self, source: str, option: str = '--image') -> str:
        name = f'demo-{len(self._ids) + 1}'
        command = ('openstack', 'server', 'create', option, source,
                   '--flavor', 'm1.nano', '--network', 'flat',
                   '-f', 'value', '-c', 'id', name)
        self._show.say(f'$ {shlex.join(command)}')
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise progress.LabError(done.stderr.strip())
        self._ids.append(done.stdout.strip())
        self._wait('ACTIVE', 'running')
        return f'server {self._id}'

    def _console_log(self) -> str:
        self._heartbeat()
        text = self._compute.get_server_console_output(self._id)['output']
        return ' | '.join(text.strip().splitlines()[:3])

    def _heartbeat(self, after: int = 0) -> int:
        """Wait for a beat of the guest with a count beyond ``after``."""
        count = 0

        def beats() -> bool:
            nonlocal count
            text = self._compute.get_server_console_output(self._id)
            found = _HEARTBEAT.findall(text['output'])
            count = int(found[-1], 16) if found else 0
            return count > after

        progress.wait_until('the guest does not say anything', beats,
                            _WAIT_S, self._compute_log(), pause_s=0.5)
        return count

    def _screenshot(self) -> str:
        self.picture.parent.mkdir(exist_ok=True)
        self._vboxmanage('controlvm', self._id, 'screenshotpng',
                         str(self.picture))
        return str(self.picture)

    def _hypervisor(self) -> str:
        found = self._compute.find_hypervisor(config.HOST, details=True)
        if found is None or not found.uptime:
            raise progress.LabError('Nova does not know the hypervisor')
        return (f'{found.hypervisor_type} {found.hypervisor_version}, '
                f'{found.state}, host {found.host_ip},{found.uptime}')

    def _diagnostics(self) -> str:
        first = self._cpu_time()
        time.sleep(1)
        second = self._cpu_time()
        if second <= first:
            raise progress.LabError(
                f'the processor time does not grow: {first}, {second}')
        return f'processor time {second / 1e9:.2f} s, and growing'

    def _cpu_time(self) -> int:
        found = self._compute.get(f'/servers/{self._id}/diagnostics',
                                  microversion='2.48').json()
        return int(found['cpu_details'][0]['time'])

    def _act(self, action: str, status: str, state: str) -> None:
        getattr(self._compute, f'{action}_server')(self._id)
        self._wait(status, state)

    def _reboot(self) -> str:
        self._compute.reboot_server(self._id, 'SOFT')
        self._wait('ACTIVE', 'running')
        return f'the guest counts on from {self._heartbeat():04x}'

    def _take_snapshot(self) -> str:
        self._snapshot = self._compute.create_server_image(
            self._id, _SNAPSHOT, wait=True, timeout=_WAIT_S)
        self._wait('ACTIVE', 'running')
        image = self._cloud.image.get_image(self._snapshot.id)
        return f'{image.disk_format} image of {image.size} bytes'

    def _delete(self) -> None:
        self._delete_servers()
        self._volumes.delete()
        self._cloud.image.delete_image(self._snapshot.id)

    def _delete_servers(self) -> None:
        for server_id in self._ids:
            self._compute.delete_server(server_id)
        progress.wait_until(
            'the servers are still there',
            lambda: not any(map(self._compute.find_server, self._ids)),
            _WAIT_S, self._compute_log(), pause_s=0.3)

    def _nothing_left(self) -> str:
        folder = self._lab.state / 'nova/instances'
        for server_id in self._ids:
            if server_id in self._machines():
                raise progress.LabError(f'the machine {server_id} is there')
            if (folder / server_id).exists():
                raise progress.LabError(f'{folder / server_id} is there')
            if server_id in self._vboxmanage('list', 'hdds'):
                raise progress.LabError(f'a disk of {server_id} is there')
        return 'no machine, no disk, no file'


def table(rows: list[Row]) -> str:
    result = prettytable.PrettyTable(
        ['Step', 'Seconds', "Nova's status", "VirtualBox's state"])
    result.align = 'l'
    for row in rows:
        result.add_row([row.step, f'{row.seconds:.1f}', row.nova,
                        row.virtualbox])
    return str(result)


def main() -> int:
    lab = layout.Layout.from_environment()
    walk = Walk(lab, progress.Progress())
    try:
        walk.run()
    except progress.LabError as error:
        print(f'\nFAILED: {error}', file=sys.stderr)
        if error.log is not None:
            print(f'See {error.log}', file=sys.stderr)
        return 1
    print(table(walk.rows))
    print(f'''
The console as a picture: {walk.picture}
The cloud goes on running.  To use it:

  source {lab.openrc}
  openstack server create --image guest-raw --flavor m1.nano \\
      --network flat --wait mine
  openstack console log show mine
  openstack server delete mine

A VNC viewer on this machine sees a server at 127.0.0.1:5900 (the next one at
5901, ...); the password is the first eight characters of the server's ID.
To stop the cloud: make down.  To delete all of it: make clean.''')
    return 0


if __name__ == '__main__':
    sys.exit(main())
