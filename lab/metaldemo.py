# SPDX-License-Identifier: Apache-2.0
"""The life of a server on a bare machine: QEMU behind an iLO 4 that is none.

It is deployed by virtual media and iSCSI, and boots from its own disk then.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab import layout
from lab import progress
from lab import walk
from lab.baremetal import bmc
from lab.baremetal import guests
from lab.openstack import config

_IMAGE = 'metal-bios'
_DEPLOY_ISO = 'metal-deploy'


class MetalWalk(walk.Walk):
    hypervisor = 'the node'
    host = config.METAL_HOST
    service = 'nova-compute-metal'
    flavor = bmc.RESOURCE_CLASS
    running = 'active'
    wait_s = 600

    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        super().__init__(lab, show)
        self._folder = config.metal_folder(lab)
        self._built = guests.folder(lab)
        self._heard = 0
        self._before = 0

    def clear(self) -> None:
        super().clear()
        self._make_flavor()
        image = self._make_image(_DEPLOY_ISO, 'iso', 'deploy.iso')
        self._make_image(_IMAGE, 'qcow2', 'bios.qcow2')
        self._enroll(image)

    def _make_flavor(self) -> None:
        if self._compute.find_flavor(self.flavor):
            return
        made = self._compute.create_flavor(name=self.flavor, vcpus=1,
                                           ram=512, disk=1)
        self._compute.create_flavor_extra_specs(made, {
            'resources:VCPU': '0', 'resources:MEMORY_MB': '0',
            'resources:DISK_GB': '0',
            'resources:CUSTOM_METAL_SMALL': '1'})

    def _make_image(self, name: str, disk_format: str, file: str) -> str:
        """Put an image into Glance, and what was there before away."""
        for image in self._cloud.image.images(name=name):
            self._cloud.image.delete_image(image)
        return str(self._cloud.image.create_image(
            name=name, filename=str(self._built / file),
            disk_format=disk_format, container_format='bare',
            visibility='public', wait=True).id)

    def _enroll(self, deploy_iso: str) -> None:
        """Tell the driver of the machine; wait until Nova knows it."""
        with contextlib.suppress(progress.LabError):
            self._node('delete', bmc.NODE)
        self._node('create', '--file', str(self._folder / 'node.yaml'))
        self._node('set', bmc.NODE, '--driver-info',
                   f'deploy_iso={deploy_iso}')
        with self._show.step('the node is known to Nova'):
            progress.wait_until(
                'it is not', self._is_known, walk.WAIT_S,
                self._compute_log(), pause_s=1)
            progress.run(
                (self._lab.cloud / 'bin/nova-manage', '--config-file',
                 self._lab.etc / 'nova/nova.conf', 'cell_v2',
                 'discover_hosts'), self._lab.logs / 'databases.log')

    def _is_known(self) -> bool:
        uuid = self._show_node()['uuid']
        found = self._cloud.session.get(
            f'/resource_providers/{uuid}/inventories',
            endpoint_filter={'service_type': 'placement'},
            headers={'OpenStack-API-Version': 'placement 1.39'},
            raise_exc=False)
        inventories = found.json().get('inventories', {})
        return 'CUSTOM_METAL_SMALL' in inventories

    def _node(self, *words: str) -> str:
        """Run ``nova-hypervisors node`` as an operator does."""
        command = [f'{self._lab.cloud}/bin/nova-hypervisors', 'node', words[0],
                   '--config-file',
                   f'{self._lab.etc}/nova/nova-compute-metal.conf', *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise progress.LabError(
                f'nova-hypervisors node {words[0]}: {done.stderr.strip()}')
        return done.stdout

    def _show_node(self) -> Any:
        return json.loads(self._node('show', bmc.NODE, '-f', 'json'))

    def machine_state(self) -> str:
        return str(self._show_node()['provision_state'])

    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        return (
            ('create', lambda: self._create(_IMAGE)),
            ('what was done', self._what_was_done),
            ('the system speaks', self._speaks),
            ('it went off', lambda: self._wait('SHUTOFF', 'active')),
            ('start', self._start),
            ('it speaks again', self._speaks),
            ('delete', self._delete_servers),
            ('clean', self._cleaned),
            ('nothing is left', self._nothing_left))

    def _what_was_done(self) -> str:
        return '; '.join(self._show_node()['steps'])

    def _console(self) -> str:
        path = self._folder / 'serial.log'
        return path.read_text(errors='replace').replace('\r', '')

    def _speaks(self) -> str:
        def spoke() -> bool:
            return self._console().count(guests.HELLO) > self._heard

        if not self._heard:
            # What earlier demos have heard does not count.
            self._heard = self._before
        progress.wait_until('nothing is heard on its serial line', spoke,
                            self.wait_s, self._compute_log(), pause_s=0.5)
        self._heard += 1
        return next(line for line in reversed(self._console().splitlines())
                    if guests.HELLO in line)

    def _create(self, source: str, option: str = '--image') -> str:
        self._before = self._console().count(guests.HELLO)
        return super()._create(source, option)

    def _start(self) -> None:
        self._compute.start_server(self._id)
        self._wait('ACTIVE', 'active')

    def _cleaned(self) -> str:
        progress.wait_until(
            'the node is not available',
            lambda: self.machine_state() == 'available', walk.WAIT_S,
            self._compute_log(), pause_s=0.5)
        return self._show_node()['steps'][-1]

    def _nothing_left(self) -> str:
        media = self._node('media', bmc.NODE, '-f', 'json')
        if 'http' in media:
            raise progress.LabError(f'in its drives is: {media}')
        objects = [path.name for path in
                   Path(self._lab.state / 'nova-metal').rglob('image-*')]
        if objects:
            raise progress.LabError(f'these objects are there: {objects}')
        return 'no disc, no object'

    def farewell(self) -> str:
        return f'''
The cloud and the machine go on running.  To use them:

  source {self._lab.openrc}
  openstack server create --image {_IMAGE} --flavor {self.flavor} \\
      --network flat --wait mine
  nova-hypervisors node show {bmc.NODE} --config-file \\
      {self._lab.etc}/nova/nova-compute-metal.conf
  openstack server delete mine

Its serial line is in {self._folder}/serial.log.
To stop them: make down.'''


if __name__ == '__main__':
    sys.exit(walk.main(MetalWalk))
