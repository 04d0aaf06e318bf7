# SPDX-License-Identifier: Apache-2.0
"""Which TCP port of the host leads to the serial port of which server.

A host gives none by itself.  So each server has one of those that the operator
has set aside, from when it is made to when it is deleted: a file of ours, with
the port's number for its name, says whose it is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from pathlib import Path

from nova import exception

# No server is made for longer.
_MAKING_S = 24 * 3600


class SerialPorts:
    """:param folder: where the claims are; made when first needed

    :param ports: to choose from; none: servers have no such port
    :param existing: returns the servers that there are
    """

    def __init__(self, folder: Path, ports: Sequence[int],
                 existing: Callable[[], Collection[str]]) -> None:
        self._folder = folder
        self._ports = ports
        self._existing = existing

    def claim(self, instance_uuid: str) -> int | None:
        """Return the port of a server that is made; None if there are none.

        :raises NovaException: all are taken
        """
        if not self._ports:
            return None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.release(instance_uuid)
        for port in self._ports:
            with contextlib.suppress(FileExistsError):
                with (self._folder / str(port)).open('x') as file:
                    file.write(instance_uuid)
                return port
        if self._forget_gone():
            return self.claim(instance_uuid)
        raise exception.NovaException(
            f'All {len(self._ports)} ports of [vmware] serial_ports are '
            'taken: set more aside.')

    def is_used(self) -> bool:
        """Return whether servers that are made get ports."""
        return bool(self._ports)

    def know(self, instance_uuid: str, port: int) -> None:
        """Remember whose a port is, as the host tells it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / str(port)).write_text(instance_uuid)

    def release(self, instance_uuid: str) -> None:
        """Let a server's port be somebody else's."""
        for path in self._claims():
            if path.read_text() == instance_uuid:
                path.unlink()

    def _forget_gone(self) -> bool:
        """Release the ports of servers that are not there any more.

        One that is being made is not there yet.
        """
        there = self._existing()
        made_before = time.time() - _MAKING_S
        gone = [path for path in self._claims()
                if path.read_text() not in there
                and path.stat().st_mtime < made_before
                and int(path.name) in self._ports]
        for path in gone:
            path.unlink()
        return bool(gone)

    def _claims(self) -> list[Path]:
        return list(self._folder.iterdir()) if self._folder.exists() else []
