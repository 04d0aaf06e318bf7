# SPDX-License-Identifier: Apache-2.0
"""The demo's volumes, of the lab's Cinder.

What the test guest reads from a volume and writes to it is looked at in the
files that the volumes are: see ``virtualbox/guest.s``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import layout
from lab import progress

_WAIT_S = 120
_PREFIX = 'demo-volume'
_SECTOR = 512
# Where the test guest looks, and where it copies what it finds.
_TOLD, _COPIED = 1, 2


class Volumes:
    """:param cloud: an openstack.connection.Connection"""

    def __init__(self, lab: layout.Layout, cloud: Any) -> None:
        self._lab = lab
        self._cloud = cloud
        self._ids: list[str] = []

    @property
    def newest(self) -> str:
        return self._ids[-1]

    def create(self, **arguments: Any) -> str:
        """Make a volume of one gigabyte, and return its ID."""
        volume = self._cloud.create_volume(
            1, name=f'{_PREFIX}-{len(self._ids) + 1}', wait=False,
            **arguments)
        self._ids.append(volume.id)
        self._wait('available')
        return str(volume.id)

    def attach(self, server_id: str) -> str:
        """Attach the newest volume to a server; say as what."""
        attachment = self._cloud.compute.create_volume_attachment(
            server_id, volume_id=self.newest)
        self._wait('in-use')
        return f'volume {self.newest} is {attachment.device}'

    def detach(self, server_id: str) -> None:
        self._cloud.compute.delete_volume_attachment(server_id, self.newest)
        self._wait('available')

    def _wait(self, status: str) -> None:
        self._wait_until(
            f'the volume is not {status}',
            lambda: self._cloud.block_storage.get_volume(
                self.newest).status == status)

    def _wait_until(self, what: str, condition: Callable[[], bool]) -> None:
        progress.wait_until(what, condition, _WAIT_S,
                            self._lab.logs / 'cinder-volume.log')

    def tell(self, text: str) -> None:
        """Put a text into the newest volume, for the guest to read."""
        with self._path.open('r+b') as file:
            file.seek(_TOLD * _SECTOR)
            file.write(text.encode().ljust(_SECTOR, b'\0'))

    def wait_for(self, text: str) -> str:
        """Wait until the guest has written the text that it has read."""
        progress.wait_until(
            'the guest does not write to its volume',
            lambda: self._copied() == text, _WAIT_S,
            self._lab.logs / 'nova-compute.log')
        return f'"{text}", written by the guest, is in Cinder\'s volume'

    def _copied(self) -> str:
        with self._path.open('rb') as file:
            file.seek(_COPIED * _SECTOR)
            return file.read(_SECTOR).rstrip(b'\0').decode(errors='replace')

    @property
    def _path(self) -> Path:
        return self._lab.volumes / f'volume-{self.newest}'

    def delete(self) -> None:
        """Delete all of them, also those of an interrupted demo."""
        self._ids = self._found()
        while self._ids:
            self._wait('available')
            self._cloud.delete_volume(self._ids.pop(), wait=False)
        self._wait_until('the volumes are still there',
                         lambda: not self._found())

    def _found(self) -> list[str]:
        return [volume.id for volume in self._cloud.block_storage.volumes()
                if (volume.name or '').startswith(_PREFIX)]
