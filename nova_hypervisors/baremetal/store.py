# SPDX-License-Identifier: Apache-2.0
"""The nodes, in a database that several processes may use."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception
from oslo_utils import timeutils

from nova_hypervisors.baremetal import database
from nova_hypervisors.baremetal import models
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import states
from nova_hypervisors.clients import errors

_NODES = models.NODES
_PORTS = models.PORTS
_STEPS = models.STEPS

_PORT_FIELDS = tuple(field.name for field in dataclasses.fields(nodes.Port))
_NODE_FIELDS = tuple(field.name for field in dataclasses.fields(nodes.Node)
                     if field.name != 'ports')


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """Something that was done to a node.

    :param operation: what it was a part of: ``deploy``, ``clean``, ...
    :param seconds: None while it is going on
    """

    operation: str
    name: str
    instance_uuid: str | None
    started_at: Any
    seconds: float | None
    error: str | None


class Store:
    """Every change is one transaction, and safe beside other processes."""

    def __init__(self, db: database.Database) -> None:
        self._db = db
        self._begun: dict[int, float] = {}

    # What there is

    def list_nodes(self, host: str | None = None) -> list[nodes.Node]:
        """Return all nodes, or those of one nova-compute, by name."""
        wanted = sa.select(_NODES).order_by(_NODES.c.name)
        ports = sa.select(_PORTS).order_by(_PORTS.c.position)
        if host is not None:
            wanted = wanted.where(_NODES.c.service_host == host)
        with self._db.reading() as connection:
            rows = connection.execute(wanted).mappings().all()
            own: dict[str, list[nodes.Port]] = {}
            for row in connection.execute(ports).mappings():
                own.setdefault(row['node_uuid'], []).append(_port(row))
        return [_node(row, own.get(row['uuid'], ())) for row in rows]

    def count(self, host: str) -> dict[tuple[str, bool], int]:
        """Return how many nodes are in which provision state and whether in
        maintenance, of those of one nova-compute.
        """
        what = (_NODES.c.provision_state, _NODES.c.maintenance)
        with self._db.reading() as connection:
            return {(row[0], bool(row[1])): row[2]
                    for row in connection.execute(
                        sa.select(*what, sa.func.count()).where(
                            _NODES.c.service_host == host).group_by(*what))}

    def get_node(self, name: str) -> nodes.Node:
        """Return a node by its name or UUID.

        :raises NotFound: there is none
        """
        return self._one(sa.or_(_NODES.c.uuid == name,
                                _NODES.c.name == name), name)

    def find_by_instance(self, instance_uuid: str) -> nodes.Node | None:
        try:
            return self._one(_NODES.c.instance_uuid == instance_uuid, '')
        except errors.NotFound:
            return None

    def _one(self, condition: Any, called: str) -> nodes.Node:
        with self._db.reading() as connection:
            return self._read(connection, condition, called)

    @staticmethod
    def _read(connection: sa.Connection, condition: Any,
              called: str) -> nodes.Node:
        row = connection.execute(
            sa.select(_NODES).where(condition)).mappings().first()
        if row is None:
            raise errors.NotFound(f'there is no node {called}')
        ports = connection.execute(
            sa.select(_PORTS).where(_PORTS.c.node_uuid == row['uuid'])
            .order_by(_PORTS.c.position)).mappings()
        return _node(row, [_port(port) for port in ports])

    def changed_at(self, uuid: str) -> Any:
        """Return when a node was last changed, in UTC.

        :raises NotFound: there is none
        """
        with self._db.reading() as connection:
            found = connection.execute(sa.select(_NODES.c.updated_at).where(
                _NODES.c.uuid == uuid)).scalar()
        if found is None:
            raise errors.NotFound(f'there is no node {uuid}')
        return found

    # Changes by the operator

    @database.retried
    def create(self, *new: nodes.Node) -> None:
        """Add nodes: all of them, or none.

        :raises AlreadyExists: a UUID, name or MAC address is there already
        """
        try:
            with self._db.writing() as connection:
                for node in new:
                    connection.execute(_NODES.insert().values(_row(node)))
                    self._insert_ports(connection, node.uuid, node.ports)
        except db_exception.DBDuplicateEntry as error:
            raise errors.AlreadyExists(
                'there is a node or a port already with the same '
                f'{" or ".join(error.columns) or "name"}: {error.value or ""}',
                operation='create nodes') from None

    @staticmethod
    def _insert_ports(connection: sa.Connection, uuid: str,
                      ports: Collection[nodes.Port]) -> None:
        for position, port in enumerate(ports):
            connection.execute(_PORTS.insert().values(
                node_uuid=uuid, position=position,
                **{name: getattr(port, name) for name in _PORT_FIELDS}))

    @database.retried
    def update(self, uuid: str, **values: Any) -> nodes.Node:
        """Set fields of a node.

        :param values: those of nodes.Node; all ports at once
        :raises NotFound: there is no such node
        :raises AlreadyExists: its name or a port is another one's
        """
        ports = values.pop('ports', None)
        try:
            with self._db.writing() as connection:
                _touch(connection, _NODES.c.uuid == uuid, uuid, values)
                if ports is not None:
                    connection.execute(_PORTS.delete().where(
                        _PORTS.c.node_uuid == uuid))
                    self._insert_ports(connection, uuid, ports)
                return self._read(connection, _NODES.c.uuid == uuid, uuid)
        except db_exception.DBDuplicateEntry as error:
            raise errors.AlreadyExists(
                f'another node has the same {" or ".join(error.columns)}',
                operation='set node') from None

    @database.retried
    def delete(self, uuid: str) -> None:
        """:raises InvalidState: it has a server, or is not done with one"""
        with self._db.writing() as connection:
            done = connection.execute(_NODES.delete().where(
                _NODES.c.uuid == uuid, _NODES.c.instance_uuid.is_(None),
                _NODES.c.provision_state.in_(states.IDLE)))
            if done.rowcount != 1:
                node = self._read(connection, _NODES.c.uuid == uuid, uuid)
                raise errors.InvalidState(
                    f'it is {node.provision_state}'
                    + (f', with server {node.instance_uuid}'
                       if node.instance_uuid else ''),
                    operation=f'delete node {node.name}')

    # Changes by what happens

    @database.retried
    def reserve(self, uuid: str, instance_uuid: str, host: str) -> bool:
        """Take a free node for a server; return whether it was still free.

        One that the server has already is taken, too.
        """
        node = _NODES.c
        found = self._state_of(uuid)
        if found == (states.RESERVED, instance_uuid):
            return True
        if found != (states.AVAILABLE, None):
            # Most who come too late see it here, and lock nothing.
            return False
        with self._db.writing() as connection:
            return self._set(connection, (
                node.uuid == uuid, node.service_host == host,
                node.instance_uuid.is_(None), node.maintenance.is_(False),
                node.provision_state == states.AVAILABLE), {
                    'instance_uuid': instance_uuid,
                    'provision_state': states.RESERVED,
                    'instance_info': {}, 'last_error': None})

    def _state_of(self, uuid: str) -> tuple[str, str | None] | None:
        with self._db.reading() as connection:
            row = connection.execute(sa.select(
                _NODES.c.provision_state, _NODES.c.instance_uuid).where(
                    _NODES.c.uuid == uuid)).first()
        return tuple(row) if row else None

    @database.retried
    def move(self, uuid: str, before: Collection[str], after: str,
             **values: Any) -> bool:
        """Bring a node from one state to another, if it is in the first.

        :param before: the states of which it has to be in one
        :param values: more fields to set with it
        :returns: whether it was
        """
        with self._db.writing() as connection:
            return self._set(
                connection,
                (_NODES.c.uuid == uuid,
                 _NODES.c.provision_state.in_(list(before))),
                {'provision_state': after, **values})

    @staticmethod
    def _set(connection: sa.Connection, conditions: tuple[Any, ...],
             values: Mapping[str, Any]) -> bool:
        done = connection.execute(
            _NODES.update().where(*conditions).values(
                **values, version=_NODES.c.version + 1,
                updated_at=timeutils.utcnow()))
        return bool(done.rowcount)

    @database.retried
    def update_instance_info(self, uuid: str,
                             values: Mapping[str, Any]) -> nodes.Node:
        """Set entries of ``instance_info``; None takes one away."""
        with self._db.writing() as connection:
            _touch(connection, _NODES.c.uuid == uuid, uuid, {})
            node = self._read(connection, _NODES.c.uuid == uuid, uuid)
            info = {name: value for name, value
                    in {**node.instance_info, **values}.items()
                    if value is not None}
            connection.execute(_NODES.update().where(
                _NODES.c.uuid == uuid).values(instance_info=info))
            return dataclasses.replace(node, instance_info=info)

    @database.retried
    def note_power(self, seen: Mapping[str, str]) -> None:
        """Keep what was seen, by UUID; that is no change of a node."""
        if not seen:
            return
        with self._db.writing() as connection:
            connection.execute(
                _NODES.update().where(
                    _NODES.c.uuid == sa.bindparam('node')).values(
                        power_state=sa.bindparam('power')),
                [{'node': uuid, 'power': power}
                 for uuid, power in seen.items()])

    # Ports

    @database.retried
    def bind_port(self, uuid: str, address: str, vif_id: str | None,
                  taken_over: Mapping[str, Any]) -> bool:
        """Give a free port to a Neutron port, or free it with None.

        :returns: whether it was free
        """
        condition = (_PORTS.c.vif_id.is_(None) if vif_id is not None
                     else sa.true())
        with self._db.writing() as connection:
            done = connection.execute(
                _PORTS.update().where(
                    _PORTS.c.node_uuid == uuid,
                    _PORTS.c.address == address, condition).values(
                        vif_id=vif_id, taken_over=dict(taken_over)))
            return bool(done.rowcount)

    # Steps

    @database.retried
    def begin_step(self, uuid: str, instance_uuid: str | None,
                   operation: str, name: str) -> int:
        """Note what is being done; return its number."""
        with self._db.writing() as connection:
            done = connection.execute(_STEPS.insert().values(
                node_uuid=uuid, instance_uuid=instance_uuid,
                operation=operation, name=name,
                started_at=timeutils.utcnow()))
        key: Any = done.inserted_primary_key
        number = int(key[0])
        self._begun[number] = time.monotonic()
        return number

    @database.retried
    def end_step(self, number: int, error: str = '') -> None:
        seconds = time.monotonic() - self._begun.pop(number, time.monotonic())
        with self._db.writing() as connection:
            connection.execute(_STEPS.update().where(
                _STEPS.c.id == number).values(
                    seconds=seconds, error=error or None))

    @database.retried
    def interrupt_steps(self, uuid: str) -> str | None:
        """End those steps that a service has not; return the last one."""
        open_ones = (_STEPS.c.node_uuid == uuid, _STEPS.c.seconds.is_(None))
        with self._db.writing() as connection:
            connection.execute(_STEPS.update().where(*open_ones).values(
                error='nova-compute ended'))
            name: str | None = connection.execute(
                sa.select(_STEPS.c.name).where(*open_ones).order_by(
                    _STEPS.c.id.desc()).limit(1)).scalar()
            connection.execute(_STEPS.update().where(*open_ones).values(
                seconds=0.0))
            return name

    @database.retried
    def forget_steps(self, uuid: str) -> None:
        """Forget what was done for the servers before."""
        with self._db.writing() as connection:
            connection.execute(_STEPS.delete().where(
                _STEPS.c.node_uuid == uuid))

    def list_steps(self, uuid: str) -> list[Step]:
        """Return what was done to a node, in order."""
        columns = [_STEPS.c[field.name] for field
                   in dataclasses.fields(Step)]
        with self._db.reading() as connection:
            return [Step(**row) for row in connection.execute(
                sa.select(*columns).where(_STEPS.c.node_uuid == uuid)
                .order_by(_STEPS.c.id)).mappings()]


def _touch(connection: sa.Connection, condition: Any, called: str,
           values: Mapping[str, Any]) -> None:
    """Change a row, and hold its lock: see database.py.

    :raises NotFound: there is none
    """
    done = connection.execute(_NODES.update().where(condition).values(
        **{name: list(value) if isinstance(value, tuple) else value
           for name, value in values.items()},
        version=_NODES.c.version + 1, updated_at=timeutils.utcnow()))
    if not done.rowcount:
        raise errors.NotFound(f'there is no node {called}')


def _row(node: nodes.Node) -> dict[str, Any]:
    row = {name: getattr(node, name) for name in _NODE_FIELDS}
    return {**row, 'traits': list(node.traits),
            'updated_at': timeutils.utcnow()}


def _node(row: Mapping[Any, Any],
          ports: Collection[nodes.Port]) -> nodes.Node:
    values = {name: row[name] for name in _NODE_FIELDS}
    values['traits'] = tuple(row['traits'])
    return nodes.Node(**values, ports=tuple(ports))


def _port(row: Mapping[Any, Any]) -> nodes.Port:
    return nodes.Port(**{name: row[name] for name in _PORT_FIELDS})
