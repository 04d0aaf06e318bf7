# SPDX-License-Identifier: Apache-2.0
"""A MariaDB of the lab's, for a while."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql

from lab import layout
from lab import packages
from nova_hypervisors.tests import peers

_START_S = 60
_STOP_S = 60


@contextlib.contextmanager
def running(lab: layout.Layout) -> Iterator[Path]:
    """Yield the socket of one without databases.

    Whoever can open it is let in as anybody: it is root's.
    """
    folder = Path(tempfile.mkdtemp(dir=lab.top, prefix='db'))
    words = packages.in_root(lab.root, shared=(lab.top,), tmp=lab.tmp)
    data, socket = folder / 'data', folder / 's'
    log = folder / 'log'
    with log.open('wb') as output:
        subprocess.run(
            (*words, 'mariadb-install-db', '--no-defaults',
             f'--datadir={data}', '--user=root', '--skip-test-db'),
            check=True, stdout=output, stderr=output)
        process = subprocess.Popen(
            (*words, 'mariadbd', '--no-defaults', f'--datadir={data}',
             '--user=root', '--skip-networking', '--skip-grant-tables',
             f'--socket={socket}', '--innodb-buffer-pool-size=32M',
             '--innodb-flush-log-at-trx-commit=0', '--performance-schema=off',
             '--character-set-server=utf8mb4'),
            stdout=output, stderr=output)
        try:
            peers.wait_until(lambda: _answers(socket), _START_S)
            yield socket
        finally:
            # A signal would end what it runs in, and not it.
            with contextlib.suppress(pymysql.Error):
                execute(socket, 'SHUTDOWN')
            process.wait(_STOP_S)
            shutil.rmtree(folder)


def _answers(socket: Path) -> bool:
    try:
        execute(socket, 'SELECT 1')
    except pymysql.Error:
        return False
    return True


def execute(socket: Path, statement: str) -> None:
    connection = pymysql.connect(unix_socket=str(socket), user='root')
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()
