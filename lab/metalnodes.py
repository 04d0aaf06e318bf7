# SPDX-License-Identifier: Apache-2.0
"""The demo of bare metal with other nodes than QEMU behind an iLO."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from collections.abc import Iterable

import yaml

from lab import metaldemo
from lab import processes
from lab import progress
from lab import walk
from lab.baremetal import virtualboxnode
from lab.openstack import config

# What the small guest of the lab says when it starts.
_GUEST = 'guest up'


class VirtualBoxWalk(metaldemo.MetalWalk):
    """A machine of VirtualBox, by its web service.

    In the lab VirtualBox interprets what guests do: a Linux takes minutes.
    """

    node = virtualboxnode.NODE
    flavor = virtualboxnode.RESOURCE_CLASS
    wait_s = 2400

    def make_node(self) -> None:
        with self._show.step('a machine of VirtualBox and its web service'):
            virtualboxnode.make(self._lab)
            virtualboxnode.serve(self._lab, processes.Processes(self._lab))
        path = virtualboxnode.home(self._lab) / 'node.yaml'
        path.write_text(yaml.safe_dump([virtualboxnode.entry(
            self._lab, self.deploy_iso)], sort_keys=False))
        self.run_node('create', '--file', str(path))

    def console(self) -> str:
        path = virtualboxnode.serial(self._lab)
        if not path.exists():
            return ''
        return path.read_text(errors='replace').replace('\r', '')

    def _create(self, source: str, option: str = '--image') -> str:
        self._show.say(
            '    VirtualBox interprets here: the deploy ramdisk starts in '
            'about three minutes,\n    and then the deployed system does, '
            'on a quiet machine')
        # What was said before does not count; VirtualBox begins it anew.
        virtualboxnode.serial(self._lab).unlink(missing_ok=True)
        return super()._create(source, option)

    def _start(self) -> None:
        virtualboxnode.serial(self._lab).unlink(missing_ok=True)
        self.heard = 0
        super()._start()

    def serial_line(self) -> str:
        return str(virtualboxnode.serial(self._lab))


class OpenStackWalk(metaldemo.MetalWalk):
    """A server of this very cloud, which VirtualBox runs, as a node.

    Its system is there already: VirtualBox's driver boots no disc to rescue a
    server, so none could be put in to write one.
    """

    node = 'cloud-1'
    flavor = 'metal.cloud'
    image = 'guest-raw'
    # The node's own port has its MAC address in the only network there is.
    network = ('--nic', 'none')
    wait_s = 300

    def make_node(self) -> None:
        for server in self._compute.servers(name=f'^{self.node}$'):
            self._compute.delete_server(server)
            self._compute.wait_for_delete(server, wait=walk.WAIT_S)
        with self._show.step('a server of this cloud, which is the node'):
            self.run_node(
                'create', self.node, '--from-cloud', config.CLOUD,
                '--cloud-flavor', 'm1.nano', '--cloud-image', self.image,
                '--cloud-network', 'flat', '--cloud-addresses',
                '--resource-class', self.flavor,
                '--power-interface', 'openstack', '--management-interface',
                'openstack', '--boot-interface', 'fake',
                '--deploy-interface', 'external', '--driver-info',
                f'openstack_clouds_file={config.clouds_file(self._lab)}')

    def console(self) -> str:
        server = self._compute.find_server(self.node)
        found = self._compute.get_server_console_output(server)
        return str(found['output']).replace('\r', '')

    def steps(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        return (
            ('create', lambda: self._create(self.image)),
            ('what was done', self._what_was_done),
            ('its server runs', lambda: self._inner('ACTIVE')),
            ('the system speaks', self._speaks),
            ('stop', lambda: self._act('stop', 'SHUTOFF', 'active')),
            ('its server is off', lambda: self._inner('SHUTOFF')),
            ('start', self._start),
            ('it speaks again', self._speaks),
            ('delete', self._delete_servers),
            ('clean', self._cleaned),
            ('its server is off again', lambda: self._inner('SHUTOFF')))

    def _speaks(self) -> str:
        """Wait until its log grows, as that of a running system does."""
        before = self.console()

        def spoke() -> bool:
            text = self.console()
            return _GUEST in text and text != before

        progress.wait_until('nothing is heard on its serial line', spoke,
                            self.wait_s, self._compute_log(), pause_s=1)
        return ' | '.join(self.console().strip().splitlines()[-2:])

    def _inner(self, status: str) -> str:
        """Wait until Nova says so of the server that is the node."""
        def is_so() -> bool:
            found = self._compute.find_server(self.node)
            return bool(found and found.status == status)

        progress.wait_until(f'the server {self.node} is not {status}', is_so,
                            self.wait_s, self._compute_log(), pause_s=0.5)
        return f'{self.node}: {status}'

    def serial_line(self) -> str:
        return f'openstack console log show {self.node}'


WALKS: dict[str, type[metaldemo.MetalWalk]] = {
    'ilo': metaldemo.MetalWalk, 'virtualbox': VirtualBoxWalk,
    'openstack': OpenStackWalk}


if __name__ == '__main__':
    sys.exit(walk.main(WALKS[os.environ.get('NODES') or 'ilo']))
