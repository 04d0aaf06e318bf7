# SPDX-License-Identifier: Apache-2.0
"""The operations of the vSphere API that are called, with their arguments.

Source: the vSphere Web Services API reference; a test compares them with the
method tables of pyVmomi.  ``ref`` is a ManagedObjectReference; other types
are those of the schema.  ``?`` marks an optional argument, ``[]`` a list.  The
object that is called comes before all of them.
"""

from __future__ import annotations

import dataclasses

OPERATIONS = """
RetrieveServiceContent
CurrentTime
Login userName:string password:string locale:string?
Logout
AcquireCloneTicket
HasPrivilegeOnEntities entity:ref[] sessionId:string privId:string[]?

RetrievePropertiesEx specSet:PropertyFilterSpec[] options:RetrieveOptions
ContinueRetrievePropertiesEx token:string
CancelRetrievePropertiesEx token:string
CreateFilter spec:PropertyFilterSpec partialUpdates:boolean
DestroyPropertyFilter
WaitForUpdatesEx version:string? options:WaitOptions?
CancelWaitForUpdates
CreatePropertyCollector
DestroyPropertyCollector
CreateContainerView container:ref type:string[]? recursive:boolean
DestroyView
CancelTask

CreateVM_Task config:VirtualMachineConfigSpec pool:ref host:ref?
RegisterVM_Task path:string name:string? asTemplate:boolean pool:ref? host:ref?
UnregisterVM
Destroy_Task
ReconfigVM_Task spec:VirtualMachineConfigSpec
PowerOnVM_Task host:ref?
PowerOffVM_Task
SuspendVM_Task
ResetVM_Task
SendNMI
ShutdownGuest
RebootGuest
AnswerVM questionId:string answerChoice:string
CreateSnapshot_Task name:string description:string? memory:boolean \
quiesce:boolean
RemoveSnapshot_Task removeChildren:boolean consolidate:boolean?
ConsolidateVMDisks_Task
AcquireTicket ticketType:string
AcquireMksTicket
CreateScreenshot_Task
ExportVm

CreateVirtualDisk_Task name:string datacenter:ref? spec:VirtualDiskSpec
CopyVirtualDisk_Task sourceName:string sourceDatacenter:ref? \
destName:string destDatacenter:ref? destSpec:VirtualDiskSpec? force:boolean?
MoveVirtualDisk_Task sourceName:string sourceDatacenter:ref? \
destName:string destDatacenter:ref? force:boolean? \
profile:VirtualMachineProfileSpec[]?
DeleteVirtualDisk_Task name:string datacenter:ref?
ExtendVirtualDisk_Task name:string datacenter:ref? newCapacityKb:long \
eagerZero:boolean?
QueryVirtualDiskUuid name:string datacenter:ref?

MakeDirectory name:string datacenter:ref? createParentDirectories:boolean?
CopyDatastoreFile_Task sourceName:string sourceDatacenter:ref? \
destinationName:string destinationDatacenter:ref? force:boolean?
MoveDatastoreFile_Task sourceName:string sourceDatacenter:ref? \
destinationName:string destinationDatacenter:ref? force:boolean?
DeleteDatastoreFile_Task name:string datacenter:ref?
SearchDatastore_Task datastorePath:string \
searchSpec:HostDatastoreBrowserSearchSpec?
SearchDatastoreSubFolders_Task datastorePath:string \
searchSpec:HostDatastoreBrowserSearchSpec?

ImportVApp spec:ImportSpec folder:ref? host:ref?
HttpNfcLeaseProgress percent:int
HttpNfcLeaseComplete
HttpNfcLeaseAbort fault:LocalizedMethodFault?

AddPortGroup portgrp:HostPortGroupSpec
RemovePortGroup pgName:string

RescanHba hbaDevice:string
AttachScsiLun lunUuid:string
DetachScsiLun lunUuid:string
RescanVmfs
RefreshStorageSystem
UpdateSoftwareInternetScsiEnabled enabled:boolean
AddInternetScsiStaticTargets iScsiHbaDevice:string \
targets:HostInternetScsiHbaStaticTarget[]
RemoveInternetScsiStaticTargets iScsiHbaDevice:string \
targets:HostInternetScsiHbaStaticTarget[]
AddInternetScsiSendTargets iScsiHbaDevice:string \
targets:HostInternetScsiHbaSendTarget[]
RemoveInternetScsiSendTargets iScsiHbaDevice:string \
targets:HostInternetScsiHbaSendTarget[] force:boolean?
UpdateInternetScsiAuthenticationProperties iScsiHbaDevice:string \
authenticationProperties:HostInternetScsiHbaAuthenticationProperties \
targetSet:HostInternetScsiHbaTargetSet?

StartProgramInGuest vm:ref auth:GuestAuthentication spec:GuestProgramSpec
ListProcessesInGuest vm:ref auth:GuestAuthentication pids:long[]?

EnterMaintenanceMode_Task timeout:int evacuatePoweredOffVms:boolean? \
maintenanceSpec:HostMaintenanceSpec?
ExitMaintenanceMode_Task timeout:int
"""

#: Types beside those of arguments that a property of an argument may hold.
MORE_TYPES = ('TraversalSpec', 'FileBackedVirtualDiskSpec',
              'DeviceBackedVirtualDiskSpec', 'OptionValue',
              'VirtualMachineImportSpec', 'NamePasswordAuthentication')


@dataclasses.dataclass(frozen=True, slots=True)
class Argument:
    """:param type: as above"""

    name: str
    type: str
    is_list: bool
    optional: bool


def parsed(text: str = OPERATIONS) -> dict[str, tuple[Argument, ...]]:
    """Return the arguments of each operation by its name."""
    found = {}
    for line in text.splitlines():
        if line:
            name, *words = line.split()
            found[name] = tuple(_argument(word) for word in words)
    return found


def _argument(word: str) -> Argument:
    name, kind = word.split(':')
    optional = kind.endswith('?')
    kind = kind.removesuffix('?')
    return Argument(name, kind.removesuffix('[]'), kind.endswith('[]'),
                    optional)
