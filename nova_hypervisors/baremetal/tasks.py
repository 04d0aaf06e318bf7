# SPDX-License-Identifier: Apache-2.0
"""Makes tasks: see task.py."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import interfaces
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task
from nova_hypervisors.common import request as requests


class Tasks:
    def __init__(self, registry: interfaces.Registry,
                 services: backend.Services) -> None:
        self.registry = registry
        self._services = services

    def interfaces(self, node: nodes.Node) -> interfaces.Interfaces:
        """:raises NotFound: one of them is not there"""
        return self.registry.of(node)

    def begin(self, node: nodes.Node, operation: str,
              request: requests.SpawnRequest | None = None,
              is_wanted: Callable[[], bool] = lambda: True,
              context: Any = None,
              block_device_info: Mapping[str, Any] | None = None,
              ) -> task.Task:
        """:param is_wanted: asked now and then; False ends the task

        :param context: who asks, where there is no request
        :param block_device_info: of the server, where there is no request
        """
        return task.Task(node, operation, self.registry.of(node),
                         self._services, request, is_wanted, context,
                         block_device_info)
