# SPDX-License-Identifier: Apache-2.0
"""This host's nova-compute: whether it takes servers, and what hangs in it."""

from __future__ import annotations

from collections.abc import Sequence

from nova import context as nova_context
from nova import objects
from nova.compute import api as compute_api
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

# Why the service is disabled, so that only what was done here is undone.
_MAINTENANCE = 'maintenance mode'


class ServiceOps:
    """:param hostname: [DEFAULT] host"""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname

    def set_enabled(self, enabled: bool) -> str:
        """Say whether servers are taken.

        Nova's scheduler sees to it that none comes: there is nothing to be
        told to a hypervisor, whose servers go on.
        """
        LOG.info('This host takes %s', 'servers' if enabled
                 else 'no new servers')
        return 'enabled' if enabled else 'disabled'

    def set_maintenance(self, on: bool) -> str:
        """Take no more servers, for maintenance; or take them again.

        Those that are here stay until somebody migrates them.  A service that
        somebody has disabled for another reason stays so.
        """
        service = objects.Service.get_by_compute_host(
            nova_context.get_admin_context(), self._hostname)
        if on and not service.disabled:
            service.disabled = True
            service.disabled_reason = _MAINTENANCE
            service.save()
        elif not on and service.disabled_reason == _MAINTENANCE:
            service.disabled = False
            service.disabled_reason = None
            service.save()
        return 'on_maintenance' if on else 'off_maintenance'

    def reboot_hung(self, instances: Sequence[objects.Instance],
                    timeout_s: int) -> None:
        """Reboot servers hard whose reboot does not end.

        :param timeout_s: how long Nova has waited for them
        """
        if not instances:
            return
        context = nova_context.get_admin_context()
        nova = compute_api.API()
        for instance in instances:
            LOG.warning('The reboot of the server was not done in %d seconds; '
                        'it is rebooted hard', timeout_s, instance=instance)
            nova.reboot(context, instance, 'HARD')
