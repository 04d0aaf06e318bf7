# SPDX-License-Identifier: Apache-2.0
"""The host with VirtualBox as Nova sees it, and its service."""

from __future__ import annotations

from typing import Any

from nova import exception
from nova.virt import driver
from nova.virt import virtapi as nova_virtapi
from oslo_log import log as logging

from nova_hypervisors import conf
from nova_hypervisors.capabilities import registry
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import boundary
from nova_hypervisors.virtualbox import factory
from nova_hypervisors.virtualbox import options

CONF = conf.CONF
LOG = logging.getLogger(__name__)


class HostDriver(driver.ComputeDriver):
    """What concerns the host; servers are in :mod:`.driver`."""

    #: of the support matrix; an object has that of its backend
    column = 'virtualbox-vboxmanage'

    capabilities = {**driver.ComputeDriver.capabilities,
                    **registry.capabilities(column)}

    def __init__(self, virtapi: nova_virtapi.VirtAPI,
                 client: interface.VBoxClient | None = None) -> None:
        super().__init__(virtapi)
        self.column = f'virtualbox-{CONF.virtualbox.backend}'
        self.capabilities = {**self.capabilities,
                             **registry.capabilities(self.column)}
        self._parts = factory.make_parts(
            CONF, virtapi, self.emit_event,
            client or factory.make_client(CONF))

    # The host

    def init_host(self, host: str) -> None:
        findings = options.findings(CONF)
        for finding in findings:
            if not finding.fatal:
                LOG.warning('%s', finding)
        fatal = [str(finding) for finding in findings if finding.fatal]
        if fatal:
            raise exception.InvalidConfiguration('\n'.join(fatal))
        parts = self._parts
        with boundary.for_host():
            parts.files.make()
            parts.host.check_version()
            parts.storage.prepare()
            parts.storage.discard_interrupted()
            parts.machines.load()
            parts.vms.undo_interrupted()
            parts.consoles.start()
            parts.transfers.start()
            parts.vms.catch_up(parts.snapshots.delete_interrupted)
            parts.watcher.start()

    def cleanup_host(self, host: str) -> None:
        self._parts.watcher.stop()
        self._parts.consoles.stop()
        self._parts.transfers.stop()

    def get_available_nodes(self, refresh: bool = False) -> list[str]:
        return [self._parts.host.hostname]

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {self._parts.host.node_uuid: self._parts.host.hostname}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        with boundary.for_host():
            return self._parts.host.available_resource()

    def update_provider_tree(self, provider_tree: Any, nodename: str,
                             allocations: dict[str, Any] | None = None,
                             ) -> None:
        host = self._parts.host
        inventory = provider_tree.data(nodename).inventory
        ratios = self._get_allocation_ratios(inventory)
        with boundary.for_host():
            provider_tree.update_inventory(nodename, host.inventory(ratios))
            provider_tree.add_traits(nodename, *host.architecture_traits(),
                                     *registry.traits(self.column))

    def get_host_uptime(self) -> str:
        with boundary.for_host():
            return self._parts.host.uptime()

    def get_host_ip_addr(self) -> str:
        return str(CONF.my_ip)

    def get_host_cpu_stats(self) -> dict[str, int]:
        return self._parts.host.cpu_stats()

    def set_host_enabled(self, enabled: bool) -> str:
        return self._parts.service.set_enabled(enabled)

    def host_maintenance_mode(self, host: str, mode: bool) -> str:
        return self._parts.service.set_maintenance(mode)
