# SPDX-License-Identifier: Apache-2.0
"""The nodes of this nova-compute, as Nova and Placement see them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from nova import exception
from nova import objects

from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import store
from nova_hypervisors.clients import errors


@contextlib.contextmanager
def _or_not_ready() -> Iterator[None]:
    """Say that the nodes cannot be told.

    An empty list would be taken for an answer: Nova would delete the nodes,
    and their servers' allocations with them.
    """
    try:
        yield
    except Exception as error:
        raise exception.VirtDriverNotReady() from error


class HostOps:
    """:param host: the name of this nova-compute"""

    def __init__(self, kept: store.Store, host: str) -> None:
        self._store = kept
        self._host = host

    def names(self) -> list[str]:
        """Return what Nova calls the nodes: their UUIDs.

        :raises VirtDriverNotReady: that cannot be told
        """
        return [node.uuid for node in self.own()]

    def own(self) -> list[nodes.Node]:
        with _or_not_ready():
            return self._store.list_nodes(self._host)

    def get(self, name: str) -> nodes.Node:
        """:raises ComputeHostNotFound: it is not there, or another one's"""
        try:
            node = self._store.get_node(name)
        except errors.NotFound as error:
            raise exception.ComputeHostNotFound(host=name) from error
        except Exception as error:
            raise exception.VirtDriverNotReady() from error
        if node.service_host != self._host:
            raise exception.ComputeHostNotFound(host=name)
        return node

    def is_there(self, name: str) -> bool:
        try:
            self.get(name)
        except exception.ComputeHostNotFound:
            return False
        return True

    def is_deleted(self, name: str) -> bool:
        """Return whether a node is gone for good, and not another host's."""
        with _or_not_ready():
            try:
                self._store.get_node(name)
            except errors.NotFound:
                return True
            return False

    def resource(self, name: str) -> dict[str, Any]:
        return spec.resource(self.get(name))

    def of_instance(self, instance: objects.Instance) -> nodes.Node:
        """Return the node that a server is on.

        :raises InstanceNotFound: it is on none
        """
        node = self._store.find_by_instance(instance.uuid)
        if node is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return node

    def instance_uuids(self) -> list[str]:
        return [node.instance_uuid for node in self.own()
                if node.instance_uuid]

    def instance_names(self) -> list[str]:
        """Return what Nova calls the machines of servers."""
        return [node.instance_info.get('instance_name', node.instance_uuid)
                for node in self.own() if node.instance_uuid]
