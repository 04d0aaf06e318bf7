# SPDX-License-Identifier: Apache-2.0
"""The way to the database, and its schema.

A transaction that changes something begins with a statement that does.  Then
MySQL and PostgreSQL hold the row's lock from there on, and SQLite waits for
another process to be done instead of failing with what it read before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import ParamSpec
from typing import TypeVar

import sqlalchemy as sa
from alembic import command as alembic_command
from alembic import config as alembic_config
from alembic import util as alembic_util
from oslo_concurrency import lockutils
from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade

from nova_hypervisors.clients import errors

_MIGRATIONS = Path(__file__).with_name('migrations')

#: How long SQLite waits for another process, in milliseconds.
_BUSY_MS = 30000
#: How long one service waits for another one's migration, in seconds.
_MIGRATION_S = 120

_LOCK = 'nova_hypervisors_baremetal'

_Arguments = ParamSpec('_Arguments')
_Result = TypeVar('_Result')


def retried(function: Callable[_Arguments, _Result],
            ) -> Callable[_Arguments, _Result]:
    """Do again what a database ended because of another transaction."""
    wrapped: Callable[_Arguments, _Result] = db_api.wrap_db_retry(
        max_retries=10, retry_interval=0.05, inc_retry_interval=True,
        max_retry_interval=1, retry_on_deadlock=True)(function)
    return wrapped


@enginefacade.transaction_context_provider
class _Context:
    """What enginefacade keeps a transaction in."""


class Database:
    """:param url: as SQLAlchemy has it; nothing is connected yet"""

    def __init__(self, url: str, lock_path: Path) -> None:
        self._text = url
        self._lock_path = lock_path
        self._used = False
        self._facade = enginefacade.transaction_context()
        self._facade.configure(connection=url, sqlite_fk=True,
                               sqlite_synchronous=True, max_retries=1,
                               retry_interval=1)
        self._facade.append_on_engine_create(_prepare_sqlite)

    @property
    def _url(self) -> sa.engine.URL:
        """What is no URL is found by options.py, and not at the beginning."""
        return sa.engine.make_url(self._text)

    @property
    def _file(self) -> Path | None:
        if self._url.get_backend_name() != 'sqlite':
            return None
        return Path(self._url.database) if self._url.database else None

    def upgrade(self) -> None:
        """Make the tables, or make those of an older release new.

        :raises Unreachable: there is no way to the database
        :raises InvalidState: it is of a newer release
        """
        self._lock_path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Nobody else reads it, though no secret is in it.
            self._file.touch(0o600)
        config = alembic_config.Config()
        config.set_main_option('script_location', str(_MIGRATIONS))
        with (lockutils.lock(_LOCK, external=True,
                             lock_path=str(self._lock_path)),
              self.writing() as connection, _alone(connection)):
            config.attributes['connection'] = connection
            try:
                alembic_command.upgrade(config, 'head')
            except alembic_util.CommandError as error:
                raise errors.InvalidState(
                    f'the tables of {self._url.render_as_string()} are of a '
                    f'newer nova-hypervisors ({error}): install the version '
                    'again that was here before, or a newer one',
                    operation='[baremetal] connection') from error

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return self._within(self._facade.reader.connection.using)

    def writing(self) -> contextlib.AbstractContextManager[sa.Connection]:
        return self._within(self._facade.writer.connection.using)

    @contextlib.contextmanager
    def _within(self, using: Callable[[Any], Any]) -> Iterator[sa.Connection]:
        try:
            with using(_Context()) as connection:
                self._used = True
                yield connection
        except ImportError as error:
            raise errors.NotInstalled(
                f'the Python package {error.name} is missing',
                operation='[baremetal] connection') from None
        except (db_exception.DBConnectionError,
                db_exception.CantStartEngineError) as error:
            # An URL may have a password in it, and its message the URL.
            raise errors.Unreachable(
                f'no way to the database {self._url.render_as_string()}: '
                f'{type(error).__name__}', operation='[baremetal] connection',
            ) from None

    def close(self) -> None:
        if self._used:
            self._facade.writer.get_engine().dispose()


def _prepare_sqlite(engine: sa.Engine) -> None:
    if engine.dialect.name != 'sqlite':
        return

    @sa.event.listens_for(engine, 'connect')
    def _prepare(connection: Any, _: Any) -> None:
        connection.execute(f'PRAGMA busy_timeout={_BUSY_MS}')
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('PRAGMA synchronous=NORMAL')


@contextlib.contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Keep services of other hosts from migrating at the same time."""
    take, give = {
        'mysql': (f"SELECT GET_LOCK('{_LOCK}', {_MIGRATION_S})",
                  f"SELECT RELEASE_LOCK('{_LOCK}')"),
        'mariadb': (f"SELECT GET_LOCK('{_LOCK}', {_MIGRATION_S})",
                    f"SELECT RELEASE_LOCK('{_LOCK}')"),
        'postgresql': (f"SELECT pg_advisory_xact_lock(hashtext('{_LOCK}'))",
                       'SELECT 1'),
    }.get(connection.dialect.name, ('SELECT 1', 'SELECT 1'))
    if not connection.exec_driver_sql(take).scalar_one_or_none() and (
            connection.dialect.name in ('mysql', 'mariadb')):
        raise errors.TimedOut('another service is changing its tables',
                              operation='[baremetal] connection')
    try:
        yield
    finally:
        connection.exec_driver_sql(give)
