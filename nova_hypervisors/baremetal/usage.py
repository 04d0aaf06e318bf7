# SPDX-License-Identifier: Apache-2.0
"""Who uses which image that was made for many: a row a holder.

An object store has no way to count: two that write a count at once write the
same one.  So the count is the number of rows here, and what the object itself
says of it is a copy for the eye.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception
from oslo_utils import timeutils

from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import models

_IMAGES = models.IMAGES
_HOLDERS = models.IMAGE_HOLDERS

_BUILDING = 'building'
_READY = 'ready'
_DELETING = 'deleting'

#: After which one that was building or deleting is taken for dead.
STALE_S = 3600.0


class Held(enum.Enum):
    #: it is there
    READY = 'ready'
    #: whoever gets this makes it, and says ``ready`` or ``give_up``
    BUILD = 'build'
    #: somebody else is making or deleting it: ask again, soon
    WAIT = 'wait'


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """That a node uses an image.

    :param updated_at: when the image was last made or asked for; UTC
    """

    image: str
    holder: str
    updated_at: Any


class Images:
    """:param worker: of which service this is a part

    :param stale_s: see STALE_S
    """

    def __init__(self, db: database.Database, worker: str,
                 stale_s: float = STALE_S) -> None:
        self._db = db
        self._stale_s = stale_s
        self._worker = str(uuid.uuid5(uuid.NAMESPACE_DNS, worker))

    @database.retried
    def recover(self) -> None:
        """Let go of what this service was doing when it ended."""
        long_ago = datetime.datetime(1970, 1, 1)
        with self._db.writing() as connection:
            connection.execute(_IMAGES.update().where(
                _IMAGES.c.worker == self._worker,
                _IMAGES.c.state != _READY).values(updated_at=long_ago))

    @database.retried
    def hold(self, name: str, holder: str) -> Held:
        """Use an image.

        :param name: of the object
        :param holder: a node's UUID; it may say so again
        """
        try:
            with self._db.writing() as connection:
                return self._hold(connection, name, holder)
        except db_exception.DBDuplicateEntry:
            # Another one came first, with the same image or holder.
            return Held.WAIT

    def _hold(self, connection: sa.Connection, name: str,
              holder: str) -> Held:
        now = timeutils.utcnow()
        stale = now - datetime.timedelta(seconds=self._stale_s)
        mine = {'state': _BUILDING, 'worker': self._worker, 'updated_at': now}
        # First a change: see database.py.
        taken = connection.execute(_IMAGES.update().where(
            _IMAGES.c.name == name, _IMAGES.c.state != _READY,
            _IMAGES.c.updated_at < stale).values(**mine))
        state = connection.execute(sa.select(_IMAGES.c.state).where(
            _IMAGES.c.name == name).with_for_update()).scalar()
        if state is None:
            connection.execute(_IMAGES.insert().values(name=name, **mine))
        elif not taken.rowcount and state != _READY:
            return Held.WAIT
        self._add(connection, name, holder)
        return Held.READY if state == _READY else Held.BUILD

    @staticmethod
    def _add(connection: sa.Connection, name: str, holder: str) -> None:
        there = connection.execute(sa.select(_HOLDERS.c.holder).where(
            _HOLDERS.c.image == name, _HOLDERS.c.holder == holder)).first()
        if not there:
            connection.execute(_HOLDERS.insert().values(
                image=name, holder=holder))

    @database.retried
    def ready(self, name: str) -> None:
        """Say that it was made."""
        with self._db.writing() as connection:
            connection.execute(_IMAGES.update().where(
                _IMAGES.c.name == name, _IMAGES.c.state == _BUILDING).values(
                    state=_READY, updated_at=timeutils.utcnow()))

    @database.retried
    def give_up(self, name: str, holder: str) -> None:
        """Say that it could not be made: the next one tries."""
        with self._db.writing() as connection:
            connection.execute(_IMAGES.delete().where(
                _IMAGES.c.name == name, _IMAGES.c.state == _BUILDING))
            connection.execute(_HOLDERS.delete().where(
                _HOLDERS.c.image == name, _HOLDERS.c.holder == holder))

    @database.retried
    def release(self, name: str, holder: str) -> bool:
        """Use it no more.

        :returns: whether nobody does: the caller deletes it and then says
            ``forget``
        """
        with self._db.writing() as connection:
            # Locks the image's row, so that it is one after the other.
            connection.execute(_IMAGES.update().where(
                _IMAGES.c.name == name).values(name=name))
            gone = connection.execute(_HOLDERS.delete().where(
                _HOLDERS.c.image == name, _HOLDERS.c.holder == holder))
            if not gone.rowcount or self._count(connection, name):
                return False
            done = connection.execute(_IMAGES.update().where(
                _IMAGES.c.name == name, _IMAGES.c.state == _READY).values(
                    state=_DELETING, worker=self._worker,
                    updated_at=timeutils.utcnow()))
            return bool(done.rowcount)

    @database.retried
    def forget(self, name: str) -> None:
        """Say that it was deleted."""
        with self._db.writing() as connection:
            connection.execute(_IMAGES.delete().where(
                _IMAGES.c.name == name, _IMAGES.c.state == _DELETING))

    def count(self, name: str) -> int:
        """Return how many use it."""
        with self._db.reading() as connection:
            return self._count(connection, name)

    def held_by(self, holder: str) -> list[str]:
        """Return the images that a node uses."""
        with self._db.reading() as connection:
            return list(connection.execute(
                sa.select(_HOLDERS.c.image).where(
                    _HOLDERS.c.holder == holder)).scalars())

    def holders(self) -> list[Holder]:
        """Return who uses what, of all services."""
        with self._db.reading() as connection:
            return [Holder(*row) for row in connection.execute(
                sa.select(_HOLDERS.c.image, _HOLDERS.c.holder,
                          _IMAGES.c.updated_at)
                .join(_IMAGES, _IMAGES.c.name == _HOLDERS.c.image)
                .order_by(_HOLDERS.c.image, _HOLDERS.c.holder))]

    @staticmethod
    def _count(connection: sa.Connection, name: str) -> int:
        found: Any = connection.execute(
            sa.select(sa.func.count()).select_from(_HOLDERS).where(
                _HOLDERS.c.image == name)).scalar()
        return int(found)
