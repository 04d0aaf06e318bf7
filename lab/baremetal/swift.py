# SPDX-License-Identifier: Apache-2.0
"""A whole Swift on one machine, with an authentication of its own.

One proxy, one server of each kind, the expirer, and memcached for the tokens.
It needs neither root nor a device, only a file system with extended
attributes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

#: setuptools: the servers are found by entry points.
REQUIREMENTS = ('swift', 'setuptools')

ACCOUNT, USER, KEY = 'ironic', 'service', 'a-key'

_KINDS = ('object', 'container', 'account')
_START_S = 60.0
_EXPIRER_INTERVAL_S = 1

_DEFAULT = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {etc}
devices = {node}
mount_check = false
workers = 0
log_udp_host = 127.0.0.1
log_udp_port = 1
"""
_HASH = """\
[swift-hash]
swift_hash_path_prefix = lab
swift_hash_path_suffix = lab
[storage-policy:0]
name = default
default = yes
"""
_CACHE = """\
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:catch_errors]
use = egg:swift#catch_errors
"""
_PROXY = """\
[pipeline:main]
pipeline = catch_errors healthcheck cache tempurl tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:tempurl]
use = egg:swift#tempurl
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{name} = {key} .admin
"""
_INTERNAL = """\
[pipeline:main]
pipeline = catch_errors cache proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""
_EXPIRER = """\
[object-expirer]
interval = {interval}
internal_client_conf_path = {etc}/internal-client.conf
recon_cache_path = {cache}
"""

_RINGS = """\
import sys
from swift.common.ring import RingBuilder
for word in sys.argv[2:]:
    kind, port = word.split(':')
    ring = RingBuilder(4, 1, 1)
    ring.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'device': 'd1',
                  'port': int(port), 'weight': 1.0})
    ring.rebalance()
    ring.get_ring().save(f'{sys.argv[1]}/{kind}.ring.gz')
"""

# The servers take swift.conf from swift_dir, the daemons from /etc/swift.
_DAEMON = """\
import sys
sys.argv = ['{name}', '{config}', '-v']
from swift.common import utils
utils.set_swift_dir('{etc}')
from {module} import main
main()
"""


def venv(lab: layout.Layout) -> Path:
    return lab.top / 'venvs' / 'swift'


def make(lab: layout.Layout) -> None:
    """Install what a Swift is started from; again is no work."""
    packages.make_venv(lab, venv(lab), REQUIREMENTS, lab.logs / 'swift.log')
    packages.add_to_root(lab, ('memcached',), lab.logs / 'root.log')


class Swift:
    """:param folder: for all that it writes"""

    def __init__(self, lab: layout.Layout, folder: Path) -> None:
        if not (venv(lab) / '.done').exists():
            raise progress.LabError(
                f'there is no Swift in {lab.top}: run "make virtualbox"')
        self._lab = lab
        self._folder = folder
        self._etc = folder / 'etc'
        self._ports = dict(zip(
            (*_KINDS, 'proxy', 'memcached'), layout.free_ports(5),
            strict=True))
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self._ports["proxy"]}'

    @property
    def auth_url(self) -> str:
        return f'{self.url}/auth/v1.0'

    def start(self) -> None:
        """:raises LabError: it does not answer in time"""
        for name in ('etc', 'node/d1', 'cache'):
            (self._folder / name).mkdir(parents=True)
        self._configure()
        self._make_rings()
        self._run('memcached', *packages.in_root(self._lab.root),
                  '/usr/bin/memcached', '-l', '127.0.0.1', '-U', '0', '-p',
                  str(self._ports['memcached']), '-m', '16', '-u', _user())
        for kind in (*_KINDS, 'proxy'):
            self._run(kind, self._program(f'swift-{kind}-server'),
                      self._etc / f'{kind}-server.conf', '-v')
        self._run_daemon('expirer', 'swift.obj.expirer',
                         'object-expirer.conf')
        self._run_daemon('updater', 'swift.container.updater',
                         'container-server.conf')
        self._wait()

    def stop(self) -> None:
        for process in self._processes:
            _signal(process, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()

    def _configure(self) -> None:
        (self._etc / 'swift.conf').write_text(_HASH)
        for kind in _KINDS:
            self._write(f'{kind}-server.conf', self._ports[kind], (
                f'[pipeline:main]\npipeline = {kind}-server\n'
                f'[app:{kind}-server]\nuse = egg:swift#{kind}\n'
                f'[{kind}-updater]\ninterval = 10\nconcurrency = 1\n'))
        self._write('proxy-server.conf', self._ports['proxy'],
                    _PROXY + _CACHE)
        self._write('internal-client.conf', 0, _INTERNAL + _CACHE)
        self._write('object-expirer.conf', 0, _EXPIRER)

    def _write(self, name: str, port: int, text: str) -> None:
        (self._etc / name).write_text((_DEFAULT + text).format(
            port=port, user=_user(), etc=self._etc,
            node=self._folder / 'node', cache=self._folder / 'cache',
            memcached=self._ports['memcached'], account=ACCOUNT, name=USER,
            key=KEY, interval=_EXPIRER_INTERVAL_S))

    def _make_rings(self) -> None:
        # In one process: swift-ring-builder takes seconds for its imports.
        progress.run(
            (self._program('python'), '-W', 'ignore', '-c', _RINGS,
             self._etc, *(f'{kind}:{self._ports[kind]}' for kind in _KINDS)),
            self._folder / 'rings.log')

    def _program(self, name: str) -> Path:
        return venv(self._lab) / 'bin' / name

    def _run_daemon(self, name: str, module: str, config: str) -> None:
        self._run(name, self._program('python'), '-W', 'ignore', '-c',
                  _DAEMON.format(name=name, config=self._etc / config,
                                 etc=self._etc, module=module))

    def _run(self, name: str, *words: str | Path) -> None:
        with (self._folder / f'{name}.log').open('wb') as log:
            self._processes.append(subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, 'PYTHONWARNINGS': 'ignore'}))

    def _wait(self) -> None:
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            if all(map(_listens, self._ports.values())):
                with urllib.request.urlopen(f'{self.url}/healthcheck',
                                            timeout=_START_S):
                    return
            time.sleep(0.1)
        raise progress.LabError('Swift does not answer',
                                self._folder / 'proxy.log')


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(('127.0.0.1', port))


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a server and to what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _user() -> str:
    return subprocess.run(('id', '-un'), check=True, capture_output=True,
                          text=True).stdout.strip()
