# SPDX-License-Identifier: Apache-2.0
"""A real storage with iSCSI targets, for tests."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lab import layout
from lab import storage
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers

INITIATOR = 'iqn.2009-08.com.sun.virtualbox.initiator:here'
USER = 'a-user'
# What a shell and a settings file might trip over.
SECRET = 'a "se&cret" $1 <'

SECTOR = 512
# Where the test guest looks, and where it copies what it finds.
_TOLD, _COPIED = 1, 2


class RealStorage:
    """A tgtd with everything in a folder."""

    def __init__(self, lab: layout.Layout, folder: Path) -> None:
        if not (lab.bin / 'tgtd').exists():
            pytest.fail(f'There is no tgtd in {lab.top}: run '
                        '"make virtualbox" first', pytrace=False)
        self._lab = lab
        self._folder = folder
        self._numbers = itertools.count(1)
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self._socket = folder / 'tgt'
        with (folder / 'tgtd.log').open('wb') as log:
            self._process = subprocess.Popen(
                storage.daemon(lab, self.port), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env=storage.environment(self._socket))
        peers.wait_until(lambda: storage.answers(lab, self._socket))
        self._administer('account', 'new', user=USER, password=SECRET)

    def _administer(self, mode: str, operation: str,
                    **parameters: object) -> str:
        return storage.administer(self._lab, self._socket, mode, operation,
                                  **parameters)

    def add(self, size_mb: int = 8, content: bytes = b'',
            chap: bool = True, target: str = '',
            account: tuple[str, str] = (USER, SECRET)) -> Volume:
        """Make a target with one disk.

        :param content: what the disk begins with
        :param chap: it is for those who know the secret
        :param target: its name; there is one if nobody says which
        :param account: the user and the secret
        """
        number = next(self._numbers)
        path = self._folder / f'volume{number}'
        path.write_bytes(content)
        os.truncate(path, size_mb << 20)
        target = target or f'iqn.2026-11.org.example:volume{number}'
        self._administer('target', 'new', tid=number, targetname=target)
        self._administer('logicalunit', 'new', tid=number, lun=1,
                         backing_store=path)
        if chap:
            if account[0] != USER:
                self._administer('account', 'new', user=account[0],
                                 password=account[1])
            self._administer('account', 'bind', tid=number, user=account[0])
        self._administer('target', 'bind', tid=number,
                         initiator_address='ALL')
        return Volume(self, number, path, api.Lun(
            api.LunAddress(f'127.0.0.1:{self.port}', target, 1), INITIATOR,
            *(account if chap else ())))

    def initiators(self, number: int) -> set[str]:
        """Return who is logged in to a target."""
        text = self._administer('conn', 'show', tid=number)
        return {line.partition(':')[2].strip() for line in text.splitlines()
                if line.strip().startswith('Initiator:')}

    def extend(self, number: int, path: Path, size_mb: int) -> None:
        """Let a disk be larger, as Cinder does: it is taken out for it."""
        os.truncate(path, size_mb << 20)
        self._administer('logicalunit', 'delete', tid=number, lun=1)
        self._administer('logicalunit', 'new', tid=number, lun=1,
                         backing_store=path)

    def make_thin(self, volume: Volume) -> None:
        """Let a disk be one whose blocks can be given back."""
        self._administer('logicalunit', 'update', tid=volume.number, lun=1,
                         params='thin_provisioning=1')

    def signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)

    def close(self) -> None:
        # It ignores SIGTERM while there are targets.
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self._process.wait()


class Volume:
    """A disk of the storage, looked at from its own side."""

    def __init__(self, owner: RealStorage, number: int, path: Path,
                 lun: api.Lun) -> None:
        self._owner = owner
        self.number = number
        self.path = path
        self.lun = lun

    def connection_info(self, **data: object) -> dict[str, object]:
        """Return what Cinder would tell of it.

        Source: cinder.volume.targets.iscsi, _get_iscsi_properties.
        """
        address = self.lun.address
        return {'driver_volume_type': 'iscsi',
                'serial': f'00000000-0000-4000-8000-{self.number:012}',
                'data': {
                    'target_discovered': False, 'encrypted': False,
                    'target_portal': address.server,
                    'target_iqn': address.target, 'target_lun': address.lun,
                    'volume_id': f'00000000-0000-4000-8000-{self.number:012}',
                    'auth_method': 'CHAP', 'auth_username': self.lun.user,
                    'auth_password': self.lun.secret, 'access_mode': 'rw',
                    'qos_specs': None, **data}}

    @property
    def initiators(self) -> set[str]:
        return self._owner.initiators(self.number)

    def extend(self, size_mb: int) -> None:
        self._owner.extend(self.number, self.path, size_mb)

    def tell(self, text: str) -> None:
        """Write what the test guest says and copies when it sees it."""
        with self.path.open('r+b') as file:
            file.seek(_TOLD * SECTOR)
            file.write(text.encode().ljust(SECTOR, b'\0'))

    def copied(self) -> str:
        """Return what the test guest has written."""
        with self.path.open('rb') as file:
            file.seek(_COPIED * SECTOR)
            return file.read(SECTOR).rstrip(b'\0').decode(errors='replace')
