# SPDX-License-Identifier: Apache-2.0
"""Waiting until Neutron has plugged a server's ports in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from nova import exception
from nova import objects
from nova.virt import virtapi as nova_virtapi
from oslo_log import log as logging

from nova_hypervisors.common import network

LOG = logging.getLogger(__name__)

# Raised when the events do not come; Nova 31 has none of its own.
_EVENT_TIMEOUT = getattr(exception, 'InstanceEventTimeout', TimeoutError)


class PlugEvents:
    """:param timeout_s: how long to wait for Neutron; 0 for not at all

    :param fatal: whether a server may not start without its network
    """

    def __init__(self, virtapi: nova_virtapi.VirtAPI, timeout_s: int,
                 fatal: bool) -> None:
        self._virtapi = virtapi
        self._timeout_s = timeout_s
        self._fatal = fatal

    @contextlib.contextmanager
    def waited_for(self, instance: objects.Instance,
               network_info: Sequence[dict[str, Any]],
               power_on: bool) -> Iterator[None]:
        """Wait, at the end, until Neutron has plugged the ports in.

        :raises VirtualInterfaceCreateException: it has not, in time
        """
        events = network.events_to_wait_for(list(network_info))
        if not (power_on and self._timeout_s):
            events = []
        try:
            # By position: its name is another one in each Nova.
            with self._virtapi.wait_for_instance_event(
                    instance, events, self._timeout_s,
                    error_callback=self._failed):
                yield
        except _EVENT_TIMEOUT as error:
            LOG.warning('Neutron has not plugged in %s within %d seconds',
                        events, self._timeout_s, instance=instance)
            if self._fatal:
                raise exception.VirtualInterfaceCreateException() from error

    def _failed(self, event_name: str,
                     instance: objects.Instance) -> bool:
        LOG.error('Neutron reports that %s failed', event_name,
                  instance=instance)
        if self._fatal:
            raise exception.VirtualInterfaceCreateException
        return True
