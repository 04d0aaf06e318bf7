# SPDX-License-Identifier: Apache-2.0
"""The files of a server that goes to another host, from the one to the other.

Nova names no way for them.  It hands on a text, in which the host that a
server leaves says where they are and how they are had.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from nova import exception
from oslo_serialization import jsonutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import retry
from nova_hypervisors.transfer import identity
from nova_hypervisors.transfer import offers as offering
from nova_hypervisors.transfer import pull
from nova_hypervisors.transfer import server
from nova_hypervisors.virtualbox import files


@dataclasses.dataclass(frozen=True, slots=True)
class Departure:
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

    def to_text(self) -> str:
        return str(jsonutils.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_text(cls, text: str) -> Departure:
        """:raises MigrationError: another driver has written it"""
        try:
            return cls(**jsonutils.loads(text))
        except (TypeError, ValueError) as error:
            raise exception.MigrationError(
                reason='the host that the server leaves does not say where '
                'its disks are: is its driver another one, or another '
                f'release? ({error})') from error


class Transfers:
    """:param address: what other hosts are told to connect to

    :param load_identity: reads, or makes, the certificate to show
    :param timeout_s: limit of one file
    """

    def __init__(self, host_files: files.HostFiles,
                 file_server: server.FileServer, offers: offering.Offers, *,
                 address: str,
                 load_identity: Callable[[], identity.Identity],
                 ca_file: str | None, timeout_s: float,
                 policy: retry.Policy) -> None:
        self._files = host_files
        self._server = file_server
        self._offers = offers
        self._address = address
        self._load_identity = load_identity
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._policy = policy

    def start(self) -> None:
        """Begin to hand files out.

        :raises InvalidConfiguration: the certificate or the port is no good
        """
        try:
            context = self._load_identity().server_context()
        except (OSError, ValueError) as error:
            raise exception.InvalidConfiguration(
                '[virtualbox] transfer_certificate or transfer_private_key '
                f'cannot be used: {error}') from error
        try:
            self._server.start(context)
        except OSError as error:
            raise exception.InvalidConfiguration(
                '[virtualbox] transfer_address and transfer_port '
                f'{self._server.port} cannot be listened on: '
                f'{error.strerror}') from error

    def stop(self) -> None:
        self._server.stop()

    def offer(self, instance_uuid: str,
              paths: Mapping[str, Path]) -> Departure:
        """Have a server's files fetched, each once."""
        instance_files = self._files.instance(instance_uuid)
        note = secrets.token_hex(16)
        instance_files.leaving_note.write_text(note)
        return Departure(
            folder=str(instance_files.folder), note=note,
            names={name: path.name for name, path in paths.items()},
            address=self._address, port=self._server.port,
            fingerprint=self._load_identity().fingerprint(),
            token=self._offers.add(instance_uuid, paths))

    def withdraw(self, instance_uuid: str) -> None:
        """Nobody comes for a server's files any more."""
        self._offers.withdraw(instance_uuid)
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
        source = pull.Source(departure.address, departure.port,
                             departure.fingerprint, departure.token)
        self._policy.call(lambda: pull.pull(
            source, name, target, timeout_s=self._timeout_s,
            ca_file=self._ca_file))


def _reads(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
