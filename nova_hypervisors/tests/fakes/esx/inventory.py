# SPDX-License-Identifier: Apache-2.0
"""The tree of a standalone host, with the names that a host gives it."""

from __future__ import annotations

import datetime
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import authorization
from nova_hypervisors.tests.fakes.esx import browser
from nova_hypervisors.tests.fakes.esx import filemanager
from nova_hypervisors.tests.fakes.esx import folders
from nova_hypervisors.tests.fakes.esx import guests
from nova_hypervisors.tests.fakes.esx import hostsystem
from nova_hypervisors.tests.fakes.esx import locks
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import network
from nova_hypervisors.tests.fakes.esx import properties
from nova_hypervisors.tests.fakes.esx import sessions
from nova_hypervisors.tests.fakes.esx import storage
from nova_hypervisors.tests.fakes.esx import tasks
from nova_hypervisors.tests.fakes.esx import views


def build(esx: Any, shared: locks.Locks | None) -> None:
    """Make all objects of a host, which has no machine yet.

    :param shared: another host's locks, who has some datastores in common
    """
    esx.locks = shared or locks.Locks()
    esx.sessions = sessions.SessionManager(esx, 'ha-sessionmgr')
    esx.tasks = tasks.TaskManager(esx, 'ha-taskmgr')
    esx.collector = properties.PropertyCollector(
        esx, 'ha-property-collector')
    views.ViewManager(esx, 'ViewManager')
    views.SearchIndex(esx, 'ha-searchindex')
    filemanager.FileManager(esx, 'ha-nfc-file-manager')
    filemanager.VirtualDiskManager(esx, 'ha-vdiskmanager')
    authorization.AuthorizationManager(esx, 'ha-authmgr')
    esx.licenses = authorization.LicenseManager(esx, 'ha-license-manager')
    esx.browser = browser.Browser(esx, 'ha-host-datastorebrowser', None)
    esx.service = ServiceInstance(esx, 'ServiceInstance')
    _build_tree(esx)


def _build_tree(esx: Any) -> None:
    esx.root = folders.Folder(esx, 'ha-folder-root', 'ha-folder-root', None,
                              lambda: [center.ref])
    center = Datacenter(esx, 'ha-datacenter', 'ha-datacenter', esx.root)
    esx.vm_folder = folders.MachineFolder(
        esx, 'ha-folder-vm', 'vm', center,
        lambda: [one.ref for one in esx.machines()])
    host_folder = folders.Folder(esx, 'ha-folder-host', 'host', center,
                                 lambda: [resource.ref])
    stores = folders.Folder(esx, 'ha-folder-datastore', 'datastore', center,
                            lambda: [one.ref for one in esx.datastores])
    esx.network_folder = folders.Folder(
        esx, 'ha-folder-network', 'network', center,
        lambda: esx.network.networks())
    center.folders = (esx.vm_folder, host_folder, stores, esx.network_folder)
    resource = ComputeResource(esx, 'ha-compute-res', 'localhost.localdomain',
                               host_folder)
    esx.pool = folders.Pool(esx, 'ha-root-pool', 'Resources', resource)
    esx.host_system = hostsystem.HostSystem(
        esx, 'ha-host', 'localhost.localdomain', resource)
    esx.network = network.NetworkSystem(esx, 'networkSystem')
    esx.storage = storage.StorageSystem(esx, 'storageSystem')
    esx.guest_operations = guests.GuestOperations(
        esx, 'ha-guest-operations-manager')
    guests.Processes(esx, 'ha-guest-process-manager')
    esx.datastores = []
    esx.datastore_folder = stores
    for name in ('datastore1', 'datastore2'):
        esx.add_datastore(name)


class ServiceInstance(managed.Managed):
    """:ivar version: of the product; no other thing changes with it"""

    kind = vim.ServiceInstance

    version = '8.0.2'
    api_type = 'HostAgent'

    @property
    def about(self) -> Any:
        return vim.AboutInfo(
            name='VMware ESXi',
            fullName=f'VMware ESXi {self.version} build-22380479',
            vendor='VMware, Inc.', version=self.version, build='22380479',
            localeVersion='INTL', localeBuild='000', osType='vmnix-x86',
            productLineId='embeddedEsx', apiType=self.api_type,
            apiVersion=f'{self.version}.0',
            licenseProductName='VMware ESX Server',
            licenseProductVersion=self.version.rpartition('.')[0])

    @property
    def content(self) -> Any:
        return vim.ServiceInstanceContent(
            rootFolder=self.esx.root.ref,
            propertyCollector=self.esx.collector.ref,
            viewManager=vim.view.ViewManager('ViewManager'),
            about=self.about, sessionManager=self.esx.sessions.ref,
            authorizationManager=vim.AuthorizationManager('ha-authmgr'),
            taskManager=self.esx.tasks.ref,
            licenseManager=self.esx.licenses.ref,
            searchIndex=vim.SearchIndex('ha-searchindex'),
            fileManager=vim.FileManager('ha-nfc-file-manager'),
            guestOperationsManager=self.esx.guest_operations.ref,
            virtualDiskManager=vim.VirtualDiskManager('ha-vdiskmanager'))

    @property
    def serverClock(self) -> datetime.datetime:
        return self.esx.now()

    def RetrieveServiceContent(self) -> Any:
        return self.content

    def CurrentTime(self) -> datetime.datetime:
        return self.esx.now()


class Datacenter(managed.Entity):
    kind = vim.Datacenter

    folders: tuple[Any, ...] = ()

    @property
    def vmFolder(self) -> Any:
        return self.folders[0].ref

    @property
    def hostFolder(self) -> Any:
        return self.folders[1].ref

    @property
    def datastoreFolder(self) -> Any:
        return self.folders[2].ref

    @property
    def networkFolder(self) -> Any:
        return self.folders[3].ref

    @property
    def datastore(self) -> list[Any]:
        return [one.ref for one in self.esx.datastores]

    @property
    def network(self) -> list[Any]:
        return self.esx.network.networks()

    def children(self) -> list[Any]:
        return [one.ref for one in self.folders]


class ComputeResource(managed.Entity):
    kind = vim.ComputeResource

    @property
    def resourcePool(self) -> Any:
        return self.esx.pool.ref

    @property
    def host(self) -> list[Any]:
        return [self.esx.host_system.ref]

    @property
    def datastore(self) -> list[Any]:
        return [one.ref for one in self.esx.datastores]

    @property
    def network(self) -> list[Any]:
        return self.esx.network.networks()

    def children(self) -> list[Any]:
        return [self.esx.host_system.ref, self.esx.pool.ref]
