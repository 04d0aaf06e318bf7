# SPDX-License-Identifier: Apache-2.0
"""What nodes and their database keep that no server needs.

The database is asked before Nova is: a server that is made meanwhile is then
known to Nova, at least.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping

from nova import context as nova_context
from nova import objects
from nova.virt import virtapi
from oslo_config import cfg

from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import deployops
from nova_hypervisors.baremetal import factory
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import states
from nova_hypervisors.baremetal import store
from nova_hypervisors.baremetal import usage
from nova_hypervisors.clients import errors
from nova_hypervisors.common import audits

Here = Mapping[str, audits.Server]


def make_audit(conf: cfg.ConfigOpts, servers: audits.Servers) -> Audit:
    """Have what the driver has, with nothing of it started."""
    parts = factory.make_parts(conf, virtapi.VirtAPI(), _unheard)
    here = parts.inventory
    here.database.upgrade()
    closing = contextlib.ExitStack()
    closing.callback(here.database.close)
    closing.callback(here.services.machines.close)
    return Audit(here.host, here.store, parts.deploys, here.services.images,
                 here.services.deploying, audits.Nova(servers), closing)


def _unheard(event: object) -> None:
    """Nova is told nothing by a command."""


class Audit:
    """:class:`.audits.Audit` of the nodes of a nova-compute.

    :param common: None where nothing is published
    :param closing: what is closed at the end
    """

    def __init__(self, host: str, kept: store.Store,
                 deploys: deployops.DeployOps, images: usage.Images,
                 common: deploying.Deploying | None, nova: audits.Nova,
                 closing: contextlib.ExitStack) -> None:
        self._host = host
        self._store = kept
        self._deploys = deploys
        self._images = images
        self._common = common
        self._nova = nova
        self._closing = closing

    def close(self) -> None:
        self._closing.close()

    def findings(self) -> list[audits.Finding]:
        all_nodes = self._store.list_nodes()
        held = self._images.holders()
        here = self._nova.here()
        own = [node for node in all_nodes if node.service_host == self._host]
        return [*self._taken(own, here), *self._discs(all_nodes, held),
                *self._gone(all_nodes, here)]

    # Nodes

    def _taken(self, own: Collection[nodes.Node],
               here: Here) -> Iterator[audits.Finding]:
        """Return the nodes that are kept for servers that are not here."""
        for node in own:
            uuid = node.instance_uuid
            if uuid is None or uuid in here:
                continue
            server = self._nova.find(uuid)
            if not self._nova.is_here(server):
                yield self._taken_node(node, uuid, server)

    def _taken_node(self, node: nodes.Node, uuid: str,
                    server: audits.Server | None) -> audits.Finding:
        repair = functools.partial(self._free, node, uuid, server)
        if server is not None and not server.deleted:
            fix = 'by hand: whose the node is, is for you to say'
        elif node.provision_state == states.RESERVED:
            fix = 'the node is available again'
        else:
            fix = ('the server is taken off the node: it is switched off, and '
                   'nova-compute cleans it')
        return audits.Finding(
            'node', f'{node.name} ({node.uuid})',
            f'it is {node.provision_state}, and '
            f'{audits.why_gone(server, uuid)}', fix,
            None if server is not None and not server.deleted else repair,
            self._waits(node, server))

    def _waits(self, node: nodes.Node, server: audits.Server | None) -> str:
        """Say why a node is left alone; empty if it is not."""
        if server is not None and server.under_way:
            return server.under_way
        return self._nova.young(
            server.changed if server is not None else None,
            _moment(self._store.changed_at(node.uuid)))

    def _free(self, before: nodes.Node, uuid: str,
              server: audits.Server | None) -> None:
        self._nova.insist(uuid, server)
        node = self._store.get_node(before.uuid)
        if node.version != before.version:
            raise audits.Changed(f'the node is {node.provision_state} now: '
                                 'run the audit again')
        context = nova_context.get_admin_context()
        instance = objects.Instance(context, uuid=uuid)
        if node.provision_state == states.RESERVED:
            self._deploys.release(instance)
        else:
            # What is to be cleaned then, nova-compute finds for itself.
            self._deploys.destroy(instance, context)

    # Discs that were published

    def _discs(self, all_nodes: Collection[nodes.Node],
               held: Collection[usage.Holder]) -> Iterator[audits.Finding]:
        """Return the notes that a node uses a disc, though it has no server.

        The last note that goes takes the object along.
        """
        busy = {node.uuid: node.name for node in all_nodes
                if node.instance_uuid is not None}
        for note in held:
            if self._common is not None and note.holder not in busy:
                yield audits.Finding(
                    'disc', f'{note.image} of node {note.holder}',
                    'a boot disc is kept for a node that has no server, or '
                    'is gone', 'the note is deleted, and with the last one '
                    'the object', functools.partial(
                        self._let_go, self._common, note),
                    self._nova.young(_moment(note.updated_at)))

    def _let_go(self, common: deploying.Deploying,
                note: usage.Holder) -> None:
        with contextlib.suppress(errors.NotFound):
            if self._store.get_node(note.holder).instance_uuid is not None:
                raise audits.Changed('the node has a server now')
        if self._images.release(note.image, note.holder):
            with contextlib.suppress(errors.NotFound):
                common.publisher.delete_object(common.settings.container,
                                               note.image)
            self._images.forget(note.image)

    # Servers

    def _gone(self, all_nodes: Collection[nodes.Node],
              here: Here) -> Iterator[audits.Finding]:
        """Return the servers that should have a node."""
        on_nodes = {node.instance_uuid for node in all_nodes}
        for uuid, server in here.items():
            if uuid not in on_nodes and server.has_machine:
                yield audits.Finding(
                    'server', f'{server.name} ({uuid})',
                    'Nova has it on this host, and no node has it',
                    'by hand: rebuild or delete the server', waits=(
                        server.under_way
                        or self._nova.young(server.launched)))


def _moment(value: datetime.datetime) -> float:
    """Return a date of the database, which is UTC."""
    return value.replace(tzinfo=datetime.UTC).timestamp()
