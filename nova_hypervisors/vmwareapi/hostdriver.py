# SPDX-License-Identifier: Apache-2.0
"""The ESX host as Nova sees it, and its service."""

from __future__ import annotations

from typing import Any

from nova import exception
from nova.virt import driver
from nova.virt import virtapi as nova_virtapi
from oslo_log import log as logging

from nova_hypervisors import conf
from nova_hypervisors.capabilities import registry
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import boundary
from nova_hypervisors.vmwareapi import factory
from nova_hypervisors.vmwareapi import options

CONF = conf.CONF
LOG = logging.getLogger(__name__)


class HostDriver(driver.ComputeDriver):
    """What concerns the host; servers are in :mod:`.driver`."""

    #: of the support matrix
    column = 'vmware-esx'

    capabilities = {**driver.ComputeDriver.capabilities,
                    **registry.capabilities(column)}

    def __init__(self, virtapi: nova_virtapi.VirtAPI,
                 client: interface.ESXClient | None = None) -> None:
        super().__init__(virtapi)
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
            parts.layout.make()
            parts.client.connect()
            parts.vms.undo_interrupted()
            parts.snapshots.catch_up()
            parts.consoles.start()
            parts.client.on_change(lambda *_:
                                   parts.watcher.look_soon())
            parts.watcher.start()

    def cleanup_host(self, host: str) -> None:
        self._parts.watcher.stop()
        self._parts.consoles.stop()
        self._parts.client.close()

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
        inventory = provider_tree.data(nodename).inventory
        ratios = self._get_allocation_ratios(inventory)
        with boundary.for_host():
            provider_tree.update_inventory(
                nodename, self._parts.host.inventory(ratios))
            provider_tree.add_traits(nodename, 'HW_ARCH_X86_64',
                                     'COMPUTE_ARCH_X86_64',
                                     *registry.traits(self.column))

    def get_host_uptime(self) -> str:
        with boundary.for_host():
            return self._parts.host.uptime()

    def get_host_ip_addr(self) -> str:
        return str(CONF.my_ip)

    def host_maintenance_mode(self, host: str, mode: bool) -> str:
        with boundary.for_host():
            return self._parts.host.set_maintenance(mode)
