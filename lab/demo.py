# SPDX-License-Identifier: Apache-2.0
"""The life of a server, from ``openstack server create`` to nothing.

Run by the cloud's own Python, with the cloud's variables in the environment:
``python -m lab.demo``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab import demovolumes
from lab import layout
from lab import progress
from lab import virtualbox
from lab import walk
from lab.openstack import config

_SNAPSHOT = 'demo-snapshot'
_TOLD = 'volume of the demo'
_HEARTBEAT = re.compile(r'beat ([0-9a-f]{4})')
_NO_MACHINE = 'VBOX_E_OBJECT_NOT_FOUND'


class VirtualBoxWalk(walk.Walk):
    hypervisor = 'VirtualBox'
    host = config.HOST
    service = 'nova-compute'
    flavor = 'm1.nano'
    running = 'running'

    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        super().__init__(lab, show)
        self._volumes = demovolumes.Volumes(lab, self._cloud)
        self._snapshot: Any = None
        self._picture = lab.top / 'demo/console.png'

    def clear(self) -> None:
        for image in self._cloud.image.images(name=_SNAPSHOT):
            self._cloud.image.delete_image(image)
        super().clear()
        self._volumes.delete()

    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        return (
            ('create from qcow2', lambda: self._create('guest-qcow2')),
            ('console log', self._console_log),
            ('screenshot', self._screenshot),
            ('hypervisor show', self._describe),
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
            ('resize', self._resize),
            ('confirm the resize', self._confirm),
            ('live migration', self._migrate),
            ('its guest counts on', self._console_log),
            ('attach a volume', self._attach_volume),
            ('use the volume', self._use_volume),
            ('detach the volume', lambda: self._volumes.detach(self._id)),
            ('snapshot', self._take_snapshot),
            # What the guests of both do while they start is looked at once
            # both are there: they start at the same time.
            ('boot from the snapshot',
             lambda: self._create(self._snapshot.name)),
            ('boot from a volume', self._boot_from_volume),
            ('use that volume', lambda: self._volumes.wait_for(_TOLD)),
            ('the snapshot\'s console log',
             lambda: self._console_log(self._ids[-2])),
            ('delete', self._delete),
            ('nothing is left', self._nothing_left))

    def machine_state(self) -> str:
        try:
            text = self._vboxmanage('showvminfo', self._id,
                                    '--machinereadable')
        except progress.LabError as error:
            if _NO_MACHINE not in str(error):
                raise
            return '-'
        found = re.search(r'^VMState="(.*)"$', text, re.MULTILINE)
        return found[1] if found else '?'

    def _vboxmanage(self, *words: str) -> str:
        return virtualbox.manage(self._lab, self._home, *words)

    @property
    def _home(self) -> Path:
        """Return the registry of the host on which the server is."""
        server = self._ids and self._compute.find_server(self._id)
        moved = server and server.compute_host == config.SECOND_HOST
        return self._lab.second_home if moved else self._lab.virtualbox_home

    # Steps

    def _resize(self) -> str:
        flavor = self._compute.find_flavor('m1.micro')
        self._compute.resize_server(self._id, flavor)
        self._wait('VERIFY_RESIZE', 'running')
        return f'{flavor.ram} MiB, {self._where()}'

    def _confirm(self) -> None:
        self._compute.confirm_server_resize(self._id)
        self._wait('ACTIVE', 'running')

    def _where(self) -> str:
        return f'on {self._compute.get_server(self._id).compute_host}'

    def _migrate(self) -> str:
        begun = self._heartbeat()
        before = self._where()
        self._compute.live_migrate_server(self._id, block_migration='auto')
        progress.wait_until(
            'the server does not leave', lambda: self._where() != before,
            walk.WAIT_S, self._compute_log())
        self._wait('ACTIVE', 'running')
        return (f'from {before[3:]} to {self._where()[3:]}; the guest counts '
                f'on from {begun:04x} to {self._heartbeat(begun):04x}')

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

    def _console_log(self, server_id: str = '') -> str:
        self._heartbeat(server_id=server_id)
        text = self._output(server_id)
        return ' | '.join(text.strip().splitlines()[:3])

    def _output(self, server_id: str = '') -> str:
        found = self._compute.get_server_console_output(server_id or self._id)
        return str(found['output'])

    def _heartbeat(self, after: int = 0, server_id: str = '') -> int:
        """Wait for a beat of the guest with a count beyond ``after``."""
        count = 0

        def beats() -> bool:
            nonlocal count
            found = _HEARTBEAT.findall(self._output(server_id))
            count = int(found[-1], 16) if found else 0
            return count > after

        progress.wait_until('the guest does not say anything', beats,
                            walk.WAIT_S, self._compute_log())
        return count

    def _screenshot(self) -> str:
        self._picture.parent.mkdir(exist_ok=True)
        self._vboxmanage('controlvm', self._id, 'screenshotpng',
                         str(self._picture))
        return str(self._picture)

    def _diagnostics(self) -> str:
        first = self._cpu_time()
        progress.wait_until(
            f'the processor time does not grow beyond {first} ns',
            lambda: self._cpu_time() > first, walk.WAIT_S,
            self._compute_log())
        return f'processor time {first / 1e9:.2f} s, and growing'

    def _cpu_time(self) -> int:
        found = self._compute.get(f'/servers/{self._id}/diagnostics',
                                  microversion='2.48').json()
        return int(found['cpu_details'][0]['time'])

    def _reboot(self) -> str:
        self._compute.reboot_server(self._id, 'SOFT')
        self._wait('ACTIVE', 'running')
        return f'the guest counts on from {self._heartbeat():04x}'

    def _take_snapshot(self) -> str:
        self._snapshot = self._compute.create_server_image(
            self._id, _SNAPSHOT, wait=True, timeout=walk.WAIT_S)
        self._wait('ACTIVE', 'running')
        image = self._cloud.image.get_image(self._snapshot.id)
        return f'{image.disk_format} image of {image.size} bytes'

    def _delete(self) -> None:
        self._delete_servers()
        self._volumes.delete()
        self._cloud.image.delete_image(self._snapshot.id)

    def _nothing_left(self) -> str:
        folder = self._lab.state / 'nova/instances'
        found = [path for path in map(folder.joinpath, self._ids)
                 if path.exists()]
        if found:
            raise progress.LabError(f'these are there: {found}')
        for home in (self._lab.virtualbox_home, self._lab.second_home):
            for what in ('vms', 'hdds'):
                listed = virtualbox.manage(self._lab, home, 'list', what)
                if any(server_id in listed for server_id in self._ids):
                    raise progress.LabError(f'in the list of {what} of '
                                            f'{home}: {listed}')
        return 'no machine, no disk, no file'

    def farewell(self) -> str:
        return f'''
The console as a picture: {self._picture}
The cloud goes on running.  To use it:

  source {self._lab.openrc}
  openstack server create --image guest-raw --flavor m1.nano \\
      --network flat --wait mine
  openstack console log show mine
  openstack server delete mine

A VNC viewer on this machine sees a server at 127.0.0.1:5900 (the next one at
5901, ...); the password is the first eight characters of the server's ID.
To stop the cloud: make down.  To delete all of it: make clean.'''


if __name__ == '__main__':
    sys.exit(walk.main(VirtualBoxWalk))
