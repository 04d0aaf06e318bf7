# SPDX-License-Identifier: Apache-2.0
"""Asking Nova for servers by its conductor, as nova-compute does."""

from __future__ import annotations

import contextlib
import datetime
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import oslo_messaging
from nova import baserpc
from nova import context as nova_context
from nova import exception
from nova import objects
from nova import rpc
from nova.conductor import rpcapi
from nova.objects import base as objects_base
from oslo_config import cfg

from nova_hypervisors.common import audits

# A conductor that works answers at once.
_PING_S = 10
_LIMIT_S = 15.0

_SILENT = 'nova-conductor does not answer'
_ADVICE = ('Is it running, and is [DEFAULT] transport_url that of '
           'nova-compute? Give all the configuration files that nova-compute '
           'has')


class Unreachable(Exception):
    """Nova does not answer, or not for this host; says what to do."""


@contextlib.contextmanager
def connected(conf: cfg.ConfigOpts) -> Iterator[ConductorServers]:
    """Ask the conductor of nova-compute's own cell.

    :raises Unreachable: also from within
    """
    objects.register_all()
    rpc.init(conf)
    try:
        ask(functools.partial(_ping, baserpc.BaseAPI(rpcapi.RPC_TOPIC).client))
        servers = ConductorServers(str(conf.host))
        with _by_conductor(rpcapi.ConductorAPI()):
            servers.insist_on_host()
            yield servers
    except oslo_messaging.MessagingException as error:
        raise Unreachable(f'{_SILENT}: {error}. {_ADVICE}') from error
    rpc.cleanup()


@contextlib.contextmanager
def _by_conductor(conductor: rpcapi.ConductorAPI) -> Iterator[None]:
    """Let Nova's objects come from the conductor, as in nova-compute."""
    before = objects_base.NovaObject.indirection_api
    objects_base.NovaObject.indirection_api = conductor
    try:
        yield
    finally:
        objects_base.NovaObject.indirection_api = before


def ask(question: Callable[[], object], limit_s: float = _LIMIT_S) -> None:
    """Ask something, and do not wait for long.

    oslo.messaging tries to connect to a message bus without end, whatever
    limit a call has.

    :raises Unreachable: there is no answer
    """
    answers: list[Exception | None] = []

    def answer() -> None:
        try:
            question()
        except oslo_messaging.MessagingException as error:
            answers.append(error)
        else:
            answers.append(None)

    # It is left behind if it does not end.
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(limit_s)
    error = answers[0] if answers else f'nothing in {limit_s:.0f} s'
    if error is not None:
        raise Unreachable(f'{_SILENT}: {error}. {_ADVICE}')


def _ping(client: Any) -> None:
    client.prepare(timeout=_PING_S, retry=0).call(
        nova_context.get_admin_context(), 'ping', arg='audit')


class ConductorServers:
    """:class:`.audits.Servers` of a running Nova."""

    def __init__(self, host: str) -> None:
        self.host = host

    def insist_on_host(self) -> None:
        """:raises Unreachable: Nova has no nova-compute of this name

        With another name, or of another Nova, every server would be missed.
        """
        try:
            objects.Service.get_by_compute_host(
                nova_context.get_admin_context(), self.host)
        except exception.NotFound as error:
            raise Unreachable(
                f'Nova has no nova-compute called {self.host}: is [DEFAULT] '
                'host as nova-compute has it, and [DEFAULT] transport_url '
                'that of its own cell?') from error

    def list_here(self) -> list[audits.Server]:
        return [_server(instance) for instance
                in objects.InstanceList.get_by_host(
                    nova_context.get_admin_context(), self.host,
                    expected_attrs=[])]

    def find(self, uuid: str) -> audits.Server | None:
        context = nova_context.get_admin_context(read_deleted='yes')
        try:
            return _server(objects.Instance.get_by_uuid(
                context, uuid, expected_attrs=[]))
        except exception.InstanceNotFound:
            return None


def _server(instance: Any) -> audits.Server:
    changes = [_moment(instance, name) for name in (
        'created_at', 'launched_at', 'updated_at', 'deleted_at')]
    return audits.Server(
        uuid=instance.uuid, name=instance.display_name or instance.uuid,
        host=instance.host, node=instance.node, vm_state=instance.vm_state,
        task_state=instance.task_state, deleted=bool(instance.deleted),
        launched=_moment(instance, 'launched_at'),
        changed=max((moment for moment in changes if moment is not None),
                    default=None))


def _moment(instance: Any, name: str) -> float | None:
    """Return a date of Nova's, which is UTC, as seconds since the epoch."""
    value = getattr(instance, name) if name in instance else None
    if value is None:
        return None
    return float(value.replace(tzinfo=datetime.UTC).timestamp())
