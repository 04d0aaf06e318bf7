# SPDX-License-Identifier: Apache-2.0
"""ESX hosts for tests: govmomi's simulator, and our own fake.

There is no skipping: a test that needs the simulator and does not find it
fails and says what to do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import layout
from nova_hypervisors.clients.vsphere import esx

USER = 'root'
PASSWORD = 'se cret <&> %'

_START_S = 60

# What vcsim 0.24.2 cannot do, by our own words for it.
_LACKS = {
    'paging': 'it ignores maxObjects and returns everything',
    'tickets': 'AcquireTicket, AcquireMksTicket: MethodNotFound',
    'screenshot': 'CreateScreenshot_Task: MethodNotFound',
    'extend': 'ExtendVirtualDisk_Task: MethodNotFound',
    'iscsi': 'it has no iSCSI adapter and no operations for one',
    'reboot guest': 'RebootGuest: MethodNotFound',
    'privileges': 'it grants everything',
    # What passes there, and should not, or is not done.
    'power states': 'a machine that is off is suspended',
    'disk content': 'disks are files of 0 bytes',
    'lease that ends': 'a lease there never does',
    'nfc content': 'what is posted to a lease is thrown away',
    'delta disks': 'a snapshot makes no disk; parents are not checked',
    'replace extra config': 'a key that is there is added once more',
    'register reads the file': 'RegisterVM ignores the .vmx',
    'port groups in use': 'one with machines is removed',
    'vlan range': 'VLAN 5000 is accepted',
    'folder of uploads': 'PUT makes the folder',
    'folder needs a session': 'PUT and GET without a session are accepted',
    'destroy deletes': 'Destroy_Task leaves the folder',
}

# What nobody asks of a host that is somebody's.
_NOT_ASKED = {
    'paging': 'a host decides itself what fits into a page',
    'privileges': 'they stay as they are',
    'lease that ends': 'it takes five minutes',
    'a known adapter': 'it may have one for iSCSI, or none',
    'iscsi': 'a storage with a volume for the test would be needed',
}

#: What each peer lacks or lies about; contract tests ask for it by name.
LIMITS: dict[str, dict[str, str]] = {
    'vcsim': _LACKS, 'fake': {}, 'real': _NOT_ASKED}

# Where a real host is; see "Check list" in doc/source/admin/esx.rst.
_REAL = 'NOVA_HYPERVISORS_ESX_'

#: The peers of a run.
KINDS = (['real'] if f'{_REAL}HOST' in os.environ else ['vcsim', 'fake'])


@dataclasses.dataclass
class Peer:
    """A host, and what makes clients of it.

    :param kind: a key of LIMITS
    :param datastore: one of its own
    :param own: the object behind it, with means of its own
    """

    kind: str
    host: str
    port: int
    ca_file: str
    datastore: str
    user: str = USER
    password: str = PASSWORD
    own: Any = None

    def can(self, name: str) -> bool:
        """Say whether it does this as a host does."""
        assert name in _LACKS, name
        return name not in LIMITS[self.kind]

    def make_client(self, **options: Any) -> esx.ESXHost:
        settings = {'port': self.port, 'ca_file': self.ca_file,
                    'user': self.user, 'password': lambda: self.password,
                    'host': self.host, 'task_timeout_s': 60, **options}
        return esx.ESXHost(settings.pop('host'), settings.pop('user'),
                           settings.pop('password'), **settings)


def real() -> Peer:
    """Return the host that the environment names."""

    def told(name: str) -> str:
        value = os.environ.get(_REAL + name)
        if value is None:
            pytest.fail(f'{_REAL}{name} is not set', pytrace=False)
        return value

    host, _, port = told('HOST').partition(':')
    return Peer('real', host, int(port or 443), told('CA_FILE'),
                told('DATASTORE'), told('USER'),
                Path(told('PASSWORD_FILE')).read_text().strip())


class VcSim:
    """A process of the simulator, which is started anew when it has died.

    Some calls kill it.

    :param words: more of its options
    """

    def __init__(self, folder: Path, *words: str) -> None:
        self._program = layout.Layout.from_environment().vcsim
        if not self._program.exists():
            pytest.fail(f'There is no {self._program}: run "make vcsim" '
                        'first', pytrace=False)
        self._folder = folder
        self._words = words
        self._process: subprocess.Popen[str] | None = None

    def peer(self) -> Peer:
        """Return the host, which is started if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._peer

    def _start(self) -> None:
        ca_file = self._folder / 'vcsim.pem'
        ca_file.unlink(missing_ok=True)
        with (self._folder / 'vcsim.log').open('ab') as log:
            self._process = subprocess.Popen(
                [self._program, '-ca', ca_file, '-user', USER,
                 '-pass', PASSWORD, *self._words], text=True,
                env={**os.environ, 'TMPDIR': str(self._folder)},
                stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _START_S)[0]:
            pytest.fail(f'vcsim did not start: {self._folder}/vcsim.log')
        host, _, port = self._process.stdout.readline().strip().partition(':')
        self._peer = Peer('vcsim', host, int(port), str(ca_file),
                          'LocalDS_0', own=self)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)


@contextlib.contextmanager
def simulator(folder: Path, *words: str) -> Iterator[Peer]:
    """Run a simulator of one's own."""
    made = VcSim(folder, *words)
    try:
        yield made.peer()
    finally:
        made.stop()
