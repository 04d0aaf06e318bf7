# SPDX-License-Identifier: Apache-2.0
"""Something that is being done to a node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.clients import errors
from nova_hypervisors.common import request as requests

if TYPE_CHECKING:
    from nova_hypervisors.baremetal import interfaces as found


# Between two questions whether a task is still wanted, in seconds: each is a
# call to Nova's database.
_ASK_S = 3.0


class Task:
    """What interfaces are handed.  One thread has it.

    :ivar operation: ``deploy``, ``clean``, ...: what the steps are kept under
    :ivar interfaces: of the node: power, management, boot, deploy
    :ivar request: what Nova asks for: ``context``, ``instance`` (its
        ``flavor``), ``image_meta``, ``network_info``, ``block_device_info``;
        None where no server is being made
    """

    def __init__(self, node: nodes.Node, operation: str,
                 interfaces: found.Interfaces, services: backend.Services,
                 request: requests.SpawnRequest | None = None,
                 is_wanted: Callable[[], bool] = lambda: True,
                 context: Any = None,
                 block_device_info: Mapping[str, Any] | None = None,
                 ) -> None:
        self.operation = operation
        self.interfaces = interfaces
        self.services = services
        self.request = request
        self._context = context
        self._block_device_info = block_device_info or {}
        self._node = node
        self._step: int | None = None
        self._is_wanted = is_wanted
        self._ask_at = time.monotonic() + _ASK_S
        self._cancelled = threading.Event()

    @property
    def node(self) -> nodes.Node:
        """The node, with what was saved since."""
        return self._node

    @property
    def context(self) -> Any:
        """Nova's request context; None where nobody has asked."""
        return self.request.context if self.request else self._context

    @property
    def block_device_info(self) -> Mapping[str, Any]:
        """What Nova says of the server's volumes; secrets are in it."""
        return (self.request.block_device_info if self.request
                else self._block_device_info)

    def step(self, name: str) -> None:
        """Begin a step; the one before is over.

        It is written to the database with its time: that is how far things
        were if they end here.

        :raises Cancelled: it is to go no further
        """
        self.check()
        self.end_step()
        self._step = self.services.store.begin_step(
            self._node.uuid, self._node.instance_uuid, self.operation, name)

    def end_step(self, error: str = '') -> None:
        """End the step that is going on, if there is one."""
        step, self._step = self._step, None
        if step is not None:
            self.services.store.end_step(step, error)

    def save_instance_info(self, **values: Any) -> None:
        """Keep something about what is on the node.

        :param values: as JSON has them; None takes one away
        """
        self._node = self.services.store.update_instance_info(
            self._node.uuid, values)

    def cancel(self) -> None:
        """Let it end soon, from another thread."""
        self._cancelled.set()

    def check(self) -> None:
        """Find out if it is to go on; whoever waits calls this often.

        :raises Cancelled: it is not
        """
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + _ASK_S
            if not self._is_wanted():
                self.cancel()
        if self._cancelled.is_set():
            raise errors.Cancelled('it is given up',
                                   operation=f'node {self._node.name}')

    def wait(self, seconds: float) -> None:
        """:raises Cancelled: it is not to go on"""
        self._cancelled.wait(seconds)
        self.check()
