# SPDX-License-Identifier: Apache-2.0
"""The life of a server on a bare machine: QEMU behind an iLO 4 that is none.

It is deployed by virtual media and iSCSI, and boots from its own disk then.
Other machines are in :mod:`lab.metalnodes`, from which it is run.
"""

from __future__ import annotations

import functools
import json
import subprocess
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
    """:cvar node: the name of the only node

    :cvar image: what servers are made of
    :ivar deploy_iso: the image of the disc that deploys boot
    :ivar heard: how often the system has spoken
    """

    hypervisor = 'the node'
    node = bmc.NODE
    image = _IMAGE
    host = config.METAL_HOST
    service = 'nova-compute-metal'
    flavor = bmc.RESOURCE_CLASS
    running = 'active'
    wait_s = 600

    def __init__(self, lab: layout.Layout, show: progress.Progress) -> None:
        super().__init__(lab, show)
        self._folder = config.metal_folder(lab)
        self._built = guests.folder(lab)
        self.deploy_iso = ''
        self.heard = 0

    def clear(self) -> None:
        super().clear()
        self._make_flavor()
        self.deploy_iso = self._make_image(_DEPLOY_ISO, 'iso', 'deploy.iso')
        self._make_image(_IMAGE, 'qcow2', 'bios.qcow2')
        self._enroll()

    def _make_flavor(self) -> None:
        if self._compute.find_flavor(self.flavor):
            return
        made = self._compute.create_flavor(name=self.flavor, vcpus=1,
                                           ram=512, disk=1)
        self._compute.create_flavor_extra_specs(made, {
            'resources:VCPU': '0', 'resources:MEMORY_MB': '0',
            'resources:DISK_GB': '0', f'resources:{self._custom()}': '1'})

    def _custom(self) -> str:
        """Return the resource class as Placement calls it."""
        return f'CUSTOM_{self.flavor.upper().replace(".", "_")}'

    def _make_image(self, name: str, disk_format: str, file: str) -> str:
        """Put an image into Glance, and what was there before away."""
        for image in self._cloud.image.images(name=name):
            self._cloud.image.delete_image(image)
        return str(self._cloud.image.create_image(
            name=name, filename=str(self._built / file),
            disk_format=disk_format, container_format='bare',
            visibility='public', wait=True).id)

    def _enroll(self) -> None:
        """Tell the driver of the machine; wait until Nova knows it."""
        for found in json.loads(self.run_node('list', '-f', 'json')):
            with self._show.step(f'delete {found["Name"]}, of an earlier '
                                 'demo'):
                progress.wait_until(
                    'it is in use', functools.partial(
                        self._is_deleted, found['Name']),
                    self.wait_s, self._compute_log(), pause_s=1)
        self.make_node()
        with self._show.step('the node is known to Nova'):
            progress.wait_until(
                'it is not', self._is_known, walk.WAIT_S,
                self._compute_log(), pause_s=1)
            progress.run(
                (self._lab.cloud / 'bin/nova-manage', '--config-file',
                 self._lab.etc / 'nova/nova.conf', 'cell_v2',
                 'discover_hosts'), self._lab.logs / 'databases.log')

    def _is_deleted(self, name: str) -> bool:
        """Delete a node, unless it is still being cleaned."""
        try:
            self.run_node('delete', name)
        except progress.LabError:
            return False
        return True

    def make_node(self) -> None:
        """Put the one node into the inventory."""
        self.run_node('create', '--file', str(self._folder / 'node.yaml'))
        self.run_node('set', self.node, '--driver-info',
                      f'deploy_iso={self.deploy_iso}')

    def _is_known(self) -> bool:
        uuid = self._show_node()['uuid']
        found = self._cloud.session.get(
            f'/resource_providers/{uuid}/inventories',
            endpoint_filter={'service_type': 'placement'},
            headers={'OpenStack-API-Version': 'placement 1.39'},
            raise_exc=False)
        inventories = found.json().get('inventories', {})
        return self._custom() in inventories

    def run_node(self, *words: str) -> str:
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
        return json.loads(self.run_node('show', self.node, '-f', 'json'))

    def machine_state(self) -> str:
        return str(self._show_node()['provision_state'])

    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        return (
            ('create', lambda: self._create(self.image)),
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

    def console(self) -> str:
        """Return what was said on the serial line."""
        path = self._folder / 'serial.log'
        return path.read_text(errors='replace').replace('\r', '')

    def _speaks(self) -> str:
        def spoke() -> bool:
            return self.console().count(guests.HELLO) > self.heard

        progress.wait_until('nothing is heard on its serial line', spoke,
                            self.wait_s, self._compute_log(), pause_s=0.5)
        self.heard += 1
        return next(line for line in reversed(self.console().splitlines())
                    if guests.HELLO in line)

    def _create(self, source: str, option: str = '--image') -> str:
        # What earlier demos have heard does not count.
        self.heard = self.console().count(guests.HELLO)
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
        media = self.run_node('media', self.node, '-f', 'json')
        if 'http' in media:
            raise progress.LabError(f'in its drives is: {media}')
        objects = [path.name for path in
                   Path(self._lab.state / 'nova-metal').rglob('image-*')]
        if objects:
            raise progress.LabError(f'these objects are there: {objects}')
        return 'no disc, no object'

    def serial_line(self) -> str:
        """Return where it is found, or by which command."""
        return f'{self._folder}/serial.log'

    def farewell(self) -> str:
        return f'''
The cloud and the machine go on running.  To use them:

  source {self._lab.openrc}
  openstack server create --image {self.image} --flavor {self.flavor} \\
      {' '.join(self.network)} --wait mine
  nova-hypervisors node show {self.node} --config-file \\
      {self._lab.etc}/nova/nova-compute-metal.conf
  openstack server delete mine

Its serial line: {self.serial_line()}
To stop them: make down.'''
