# SPDX-License-Identifier: Apache-2.0
"""Disks behind iSCSI targets, written and read by qemu-img.

QEMU's own initiator needs neither root nor a kernel module.  The secret of
CHAP goes to it in a file: neither a command line nor an error has it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute
from nova_hypervisors.clients import qemuimg

_INITIATOR = 'iqn.2026-11.org.nova-hypervisors:deploy'
_SECRET_ID = 'chap'  # noqa: S105 - a name

# What a disk is read and written by, at least.
SECTOR = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """:param address: of the portal; IPv6 without brackets

    :param user: of CHAP; '' for none
    """

    address: str
    port: int
    iqn: str
    lun: int = 1
    user: str = ''
    secret: str = dataclasses.field(default='', repr=False)

    @property
    def portal(self) -> str:
        host = f'[{self.address}]' if ':' in self.address else self.address
        return f'{host}:{self.port}'


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A disk file, or some of it.

    :param format: qemu-img's name: nothing is guessed
    :param offset: in bytes; raw files only
    :param size: in bytes; None: all
    """

    path: Path
    format: str = 'raw'
    offset: int = 0
    size: int | None = None

    def options(self) -> str:
        """Return it as QEMU's image options."""
        window = ''
        if self.offset or self.size is not None:
            if self.format != 'raw':
                raise errors.InvalidArgument(
                    f'only a part of a raw file can be written, and '
                    f'{self.path} is {self.format}')
            window = _window(self.offset, self.size)
        return (f'driver={self.format}{window},file.driver=file,'
                f'file.filename={_quoted(str(self.path))}')


class Disk:
    """The disk behind a target, for one operation at a time.

    :param thin: what is not written is unmapped, which takes no time, if
        the target can; else zeros are sent
    """

    def __init__(self, target: Target, supervisor: qemuimg.Supervisor, *,
                 thin: bool = False, initiator: str = _INITIATOR,
                 runner: execute.Runner = execute.run) -> None:
        self._target = target
        self._supervisor = supervisor
        self._thin = thin
        self._initiator = initiator
        self._runner = runner

    def get_size(self, timeout_s: float) -> int:
        """Log in, and return the size of the disk in bytes.

        :raises AuthenticationFailed: the secret is not the right one
        :raises Unreachable: nobody listens
        :raises TimedOut: who listens does not answer
        :raises NotFound: there is no such target or disk
        """
        with self._secret() as secret:
            done = self._runner(
                ('env', 'LC_ALL=C', 'qemu-img', 'info', '--output', 'json',
                 *secret, '--image-opts', self._options(0, None)), timeout_s)
        if done.returncode:
            raise qemuimg.error_for(done.stderr.strip(), 'log in')
        try:
            return int(json.loads(done.stdout)['virtual-size'])
        except (ValueError, KeyError) as error:
            raise errors.ClientError('qemu-img does not tell the size',
                                     operation='log in') from error

    def write(self, piece: Piece, offset: int = 0,
              size: int | None = None) -> None:
        """Write a piece of a file at an offset of the disk.

        :param size: of the place in bytes; None: up to the end of the disk
        :raises ClientError: see :meth:`qemuimg.Supervisor.run`; what is on
            the disk is a part of it
        """
        mode = () if self._thin else ('-S', '0')
        with self._secret() as secret:
            self._supervisor.run(
                'convert', '-n', *mode, *secret, '--image-opts',
                '--target-image-opts', piece.options(),
                self._options(offset, size),
                what=f'{piece.path.name} to {self._target.address}')

    def read(self, path: Path, offset: int, size: int) -> None:
        """Read some bytes of the disk into a new raw file."""
        with self._secret() as secret:
            self._supervisor.run(
                'convert', *secret, '--image-opts', '-O', 'raw',
                self._options(offset, size), str(path),
                what=f'{self._target.address} to {path.name}')

    def verify(self, piece: Piece, offset: int = 0,
               size: int | None = None) -> None:
        """Read the disk and compare it with what was written.

        :raises DataDamaged: it is something else
        """
        with self._secret() as secret:
            status = self._supervisor.run(
                'compare', *secret, '--image-opts', piece.options(),
                self._options(offset, size), accept=(0, 1),
                what=f'{piece.path.name} on {self._target.address}')
        if status:
            raise errors.DataDamaged(
                f'what can be read from the disk at {self._target.portal} is '
                f'not what is in {piece.path.name}', operation='verify')

    def _options(self, offset: int, size: int | None) -> str:
        target = self._target
        options = {
            'transport': 'tcp', 'portal': target.portal,
            'target': target.iqn, 'lun': str(target.lun),
            'initiator-name': self._initiator}
        if target.user:
            options |= {'user': target.user, 'password-secret': _SECRET_ID}
        words = ''.join(f',file.{name}={_quoted(value)}'
                        for name, value in options.items())
        window = (_window(offset, size) if offset or size is not None
                  else '')
        return f'driver=raw{window},file.driver=iscsi{words}'

    @contextlib.contextmanager
    def _secret(self) -> Iterator[tuple[str, ...]]:
        """Yield the words by which qemu-img gets the secret."""
        if not self._target.user:
            yield ()
            return
        with tempfile.NamedTemporaryFile(prefix='chap-') as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(self._target.secret.encode())
            file.flush()
            yield ('--object',
                   f'secret,id={_SECRET_ID},file={_quoted(file.name)}')


def _window(offset: int, size: int | None) -> str:
    for value in (offset, size or 0):
        if value % SECTOR:
            raise errors.InvalidArgument(
                f'{value} is not a multiple of {SECTOR} bytes')
    return f',offset={offset}' + ('' if size is None else f',size={size}')


def _quoted(value: str) -> str:
    """Double commas: a single one begins QEMU's next option."""
    return value.replace(',', ',,')
