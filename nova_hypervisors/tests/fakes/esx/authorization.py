# SPDX-License-Identifier: Apache-2.0
"""What a user may do, and what the licence allows."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests.fakes.esx import faults
from nova_hypervisors.tests.fakes.esx import managed

_PRIVILEGES = '''System.Anonymous System.Read System.View Global.Licenses
Datastore.AllocateSpace Datastore.Browse Datastore.DeleteFile
Datastore.FileManagement Host.Config.Maintenance Host.Config.Network
Host.Config.Storage Network.Assign Resource.AssignVMToPool
Sessions.ValidateSession VApp.Import VirtualMachine.Config.AddExistingDisk
VirtualMachine.Config.AddNewDisk VirtualMachine.Config.AddRemoveDevice
VirtualMachine.Config.AdvancedConfig VirtualMachine.Config.CPUCount
VirtualMachine.Config.DiskExtend VirtualMachine.Config.EditDevice
VirtualMachine.Config.Memory VirtualMachine.Config.RawDevice
VirtualMachine.Config.RemoveDisk VirtualMachine.Config.Rename
VirtualMachine.Config.Resource VirtualMachine.Config.Settings
VirtualMachine.GuestOperations.Execute VirtualMachine.GuestOperations.Query
VirtualMachine.Interact.ConsoleInteract
VirtualMachine.Interact.CreateScreenshot VirtualMachine.Interact.PowerOff
VirtualMachine.Interact.PowerOn VirtualMachine.Interact.Reset
VirtualMachine.Interact.Suspend VirtualMachine.Inventory.Create
VirtualMachine.Inventory.CreateFromExisting VirtualMachine.Inventory.Delete
VirtualMachine.Inventory.Register VirtualMachine.Inventory.Unregister
VirtualMachine.State.CreateSnapshot VirtualMachine.State.RemoveSnapshot
VirtualMachine.State.RevertToSnapshot'''.split()

#: What methods need that the tables do not say: their documents do.
_FILES = 'Datastore.FileManagement'
_NEEDED = {
    'Rename_Task': 'VirtualMachine.Config.Rename',
    'Destroy_Task': 'VirtualMachine.Inventory.Delete',
    'ReconfigVM_Task': 'VirtualMachine.Config.Settings',
    'AcquireTicket': 'VirtualMachine.Interact.ConsoleInteract',
    'SearchDatastore_Task': 'Datastore.Browse',
    'SearchDatastoreSubFolders_Task': 'Datastore.Browse',
    **dict.fromkeys('''MakeDirectory DeleteDatastoreFile_Task
        MoveDatastoreFile_Task CopyDatastoreFile_Task CreateVirtualDisk_Task
        CopyVirtualDisk_Task MoveVirtualDisk_Task DeleteVirtualDisk_Task
        ExtendVirtualDisk_Task InflateVirtualDisk_Task'''.split(), _FILES),
}


def needed(info: Any) -> str:
    """Return the privilege that a method needs."""
    return _NEEDED.get(info.wsdlName) or info.privId or 'System.View'


class AuthorizationManager(managed.Managed):
    kind = vim.AuthorizationManager

    @property
    def privilegeList(self) -> list[Any]:
        return [vim.AuthorizationManager.Privilege(
            privId=name, onParent=False, name=name.rpartition('.')[2],
            privGroupName=name.rpartition('.')[0]) for name in _PRIVILEGES]

    def HasPrivilegeOnEntities(self, entity: Any, sessionId: str,
                               privId: Any = ()) -> list[Any]:
        if sessionId != self.esx.session.key:
            raise faults.invalid_argument('sessionId')
        return [vim.AuthorizationManager.EntityPrivilege(
            entity=self.esx.get(one).ref, privAvailability=[
                vim.AuthorizationManager.PrivilegeAvailability(
                    privId=name, isGranted=self._granted(name))
                for name in privId]) for one in entity]

    def FetchUserPrivilegeOnEntities(self, entities: Any,
                                     userName: str) -> list[Any]:
        if userName != self.esx.user:
            raise vim.fault.UserNotFound(
                msg=f'User {userName} was not found.', principal=userName,
                unresolved=True)
        return [vim.AuthorizationManager.UserPrivilegeResult(
            entity=self.esx.get(one).ref, privileges=[
                name for name in _PRIVILEGES if self._granted(name)])
            for one in entities]

    def _granted(self, name: str) -> bool:
        if name not in _PRIVILEGES:
            raise faults.invalid_argument('privId')
        return name not in self.esx.denied


class LicenseManager(managed.Managed):
    """:ivar free: the licence without a price, whose API only reads

    Its first write ends in RestrictedVersion: williamlam.com, 2011.
    """

    kind = vim.LicenseManager

    def __init__(self, esx: Any, moid: str) -> None:
        super().__init__(esx, moid)
        self.free = False
        self.evaluating = False

    @property
    def licenses(self) -> list[Any]:
        edition, name = ('esxBasic.vram', 'vSphere 8 Hypervisor') if (
            self.free) else ('esx.enterprisePlus.cpuPackage',
                             'vSphere 8 Enterprise Plus')
        key = '00000-00000-00000-00000-00000'
        if self.evaluating:
            edition, name = 'eval', 'Evaluation Mode'
        else:
            key = 'AAAAA-BBBBB-CCCCC-DDDDD-EEEEE'
        return [vim.LicenseManager.LicenseInfo(
            licenseKey=key, editionKey=edition, name=name, total=0,
            used=2, costUnit='cpuPackage:core')]

    @property
    def licensedEdition(self) -> str:
        return self.licenses[0].editionKey

    @property
    def evaluation(self) -> Any:
        return vim.LicenseManager.EvaluationInfo(properties=[
            vmodl.KeyAnyValue(key='productName', value='VMware ESX Server')])

    def check_write(self) -> None:
        if self.free:
            raise vim.fault.RestrictedVersion(
                msg='Current license or ESXi version prohibits execution of '
                    'the requested operation.')
