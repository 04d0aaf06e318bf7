# SPDX-License-Identifier: Apache-2.0
"""The files of a server that goes to another host, from the one to the other.

Nova names no way for them.  It hands on a text, in which the host that a
server leaves says where they are and how they are had.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.common import handouts as handing
from nova_hypervisors.virtualbox import files


@dataclasses.dataclass(frozen=True, slots=True)
class Departure(handing.Departure):
    """What the host that a server goes to is told.

    :param folder: the server's, where it is seen from both
    :param note: what is in a file there
    :param names: its files, by the names under which they are handed out
    """

    folder: str
    note: str
    names: Mapping[str, str]
    address: str
    port: int
    fingerprint: str
    token: str = dataclasses.field(repr=False)


class Transfers:
    def __init__(self, host_files: files.HostFiles,
                 handouts: handing.Handouts) -> None:
        self._files = host_files
        self._handouts = handouts

    def start(self) -> None:
        """Begin to hand files out; see :meth:`.Handouts.start`."""
        self._handouts.start()

    def stop(self) -> None:
        self._handouts.stop()

    def offer(self, instance_uuid: str,
              paths: Mapping[str, Path]) -> Departure:
        """Have a server's files fetched, each once."""
        instance_files = self._files.instance(instance_uuid)
        note = secrets.token_hex(16)
        instance_files.leaving_note.write_text(note)
        source = self._handouts.offer(instance_uuid, paths)
        return Departure(
            folder=str(instance_files.folder), note=note,
            names={name: path.name for name, path in paths.items()},
            address=source.address, port=source.port,
            fingerprint=source.fingerprint, token=source.token)

    def withdraw(self, instance_uuid: str) -> None:
        """Nobody comes for a server's files any more."""
        self._handouts.withdraw(instance_uuid)
        for instance_files in (self._files.instance(instance_uuid),
                               self._files.left(instance_uuid)):
            instance_files.leaving_note.unlink(missing_ok=True)

    def seen(self, departure: Departure,
             instance_uuid: str) -> files.InstanceFiles | None:
        """Return a server's files where it was, if they are seen from here.

        Where both hosts have the same folder for it, that of the host that it
        leaves gets another name.
        """
        source = files.InstanceFiles(Path(departure.folder))
        if _reads(source.leaving_note) != departure.note:
            return None
        target = self._files.instance(instance_uuid)
        if _reads(target.leaving_note) != departure.note:
            return source
        left = self._files.left(instance_uuid)
        target.folder.rename(left.folder)
        return left

    def fetch(self, departure: Departure,
              source: files.InstanceFiles | None,
              target: files.InstanceFiles) -> None:
        """Have a server's files in its folder, which is there.

        :param source: where they are seen, if they are
        """
        for name, file_name in departure.names.items():
            path = target.folder / name
            if source is not None:
                self._copy(source.folder / file_name, path)
            else:
                self._pull(departure, name, path)

    def _copy(self, source: Path, target: Path) -> None:
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise errors.ClientError(
                f'{source} cannot be copied: {error.strerror}') from error
        target.chmod(0o600)

    def _pull(self, departure: Departure, name: str, target: Path) -> None:
        self._handouts.fetch(departure.source, name, target)


def _reads(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
