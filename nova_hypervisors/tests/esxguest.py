# SPDX-License-Identifier: Apache-2.0
"""A guest for the guest tool: a Debian with network adapters of its own.

It is the lab's Debian in a network namespace, with an /etc and a /run that can
be written.  In place of VMware Tools there is a command of their name, which
tells what a file has.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

from lab import layout
from nova_hypervisors.tests import peers

_TOOL = '/usr/local/lib/nova-guest-tool'
_UNIT = layout.CHECKOUT / 'tools/esx/nova-guest-tool.service'

_VMTOOLSD = '''#!/bin/sh
[ "$*" = "--cmd machine.id.get" ] || exit 64
cat /srv/machine.id 2>/dev/null && exit
echo "No machine id"
exit 1
'''


class Guest:
    """:param adapters: MAC addresses by the names of adapters"""

    def __init__(self, folder: Path, adapters: dict[str, str]) -> None:
        self._folder = folder
        self._root = peers.lab().root
        for name in ('bin', 'run', 'srv'):
            (folder / name).mkdir()
        shutil.copytree(self._root / 'etc', folder / 'etc', symlinks=True)
        self._resolver = folder / 'etc/resolv.conf'
        self._resolver.write_text('search example.org\nnameserver 192.0.2.9\n')
        program = folder / 'bin/vmtoolsd'
        program.write_text(_VMTOOLSD)
        program.chmod(0o755)
        self._holder = subprocess.Popen(
            ['unshare', '--net', 'sleep', 'infinity'])
        peers.wait_until(self._has_own_network, timeout_s=10)
        self._services: list[subprocess.Popen[bytes]] = []
        for name, mac in adapters.items():
            self.add_adapter(name, mac)

    def _has_own_network(self) -> bool:
        ours = Path('/proc/self/ns/net').readlink()
        return Path(f'/proc/{self._holder.pid}/ns/net').readlink() != ours

    def add_adapter(self, name: str, mac: str) -> None:
        self.outside('ip', 'link', 'add', 'name', name, 'address', mac,
                     'type', 'veth', 'peer', 'name', f'wire-{name}')
        self.outside('ip', 'link', 'set', 'dev', f'wire-{name}', 'up')

    def tell(self, text: str) -> None:
        """Let VMware Tools tell a machine.id."""
        new = self._folder / 'srv/new'
        new.write_text(text)
        new.rename(self._folder / 'srv/machine.id')

    def outside(self, *words: str) -> str:
        """Run a command of this machine in the guest's network."""
        return subprocess.run(
            ['nsenter', '--net', '-t', str(self._holder.pid), *words],
            check=True, capture_output=True, text=True, timeout=20).stdout

    def _inside(self, *words: str) -> list[str]:
        folder = self._folder
        return ['nsenter', '--net', '-t', str(self._holder.pid), 'bwrap',
                '--ro-bind', str(self._root), '/', '--dev', '/dev',
                '--proc', '/proc', '--tmpfs', '/tmp',
                '--bind', str(folder / 'etc'), '/etc',
                '--bind', str(folder / 'run'), '/run',
                '--ro-bind', str(folder / 'srv'), '/srv',
                '--ro-bind', str(folder / 'bin'), '/usr/local/bin',
                '--tmpfs', '/usr/local/lib',
                '--ro-bind', str(layout.CHECKOUT / 'tools/esx'), _TOOL,
                '--unshare-pid', '--die-with-parent', '--clearenv',
                '--setenv', 'PATH', '/usr/local/bin:/usr/bin:/usr/sbin',
                '--', *words]

    def run_once(self) -> tuple[int, str]:
        """Run the tool once; return its status and what it says."""
        done = subprocess.run(self._inside(*_command(), '--once'),
                              capture_output=True, text=True, check=False,
                              timeout=60)
        return done.returncode, done.stderr

    def start_service(self) -> None:
        """Start what the unit starts, but let it look more often."""
        with (self._folder / 'service.log').open('ab') as log:
            self._services.append(subprocess.Popen(
                self._inside(*_command(), '--interval', '0.2'), stdout=log,
                stderr=subprocess.STDOUT))

    def log(self) -> str:
        return (self._folder / 'service.log').read_text()

    def addresses(self, name: str) -> list[tuple[str, int, str | None]]:
        """Return address, prefix and broadcast address, not the link's own."""
        link, = json.loads(self.outside('ip', '-json', 'address', 'show',
                                        'dev', name))
        return [(one['local'], one['prefixlen'], one.get('broadcast'))
                for one in link['addr_info'] if one['scope'] == 'global']

    def is_up(self, name: str) -> bool:
        link, = json.loads(self.outside('ip', '-json', 'link', 'show', name))
        return 'UP' in link['flags']

    def default_routes(self, version: int = 4) -> list[tuple[str, str, int]]:
        routes = json.loads(self.outside('ip', f'-{version}', '-json', 'route',
                                         'show', 'default'))
        return [(route['gateway'], route['dev'], route['metric'])
                for route in routes]

    @property
    def resolver(self) -> str:
        return self._resolver.read_text()

    def close(self) -> None:
        for process in (*self._services, self._holder):
            process.send_signal(signal.SIGKILL)
            process.wait(20)


def _command() -> list[str]:
    """Return the command of the systemd unit."""
    line, = (line for line in _UNIT.read_text().splitlines()
             if line.startswith('ExecStart='))
    return line.partition('=')[2].split()
