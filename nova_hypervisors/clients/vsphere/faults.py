# SPDX-License-Identifier: Apache-2.0
"""What a host says has gone wrong, as errors of ours.

Source: the faults of the vSphere Web Services API reference.
"""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import values

NOT_AUTHENTICATED = 'NotAuthenticated'
# A session that has ended is answered with either.
SESSION_ENDED = frozenset({NOT_AUTHENTICATED, 'SecurityError'})

READ_ONLY = (
    'the licence of this host lets programs read only (the free vSphere '
    'Hypervisor does): give it a licence of an edition with the vSphere API, '
    'or the evaluation licence')

_ERRORS: dict[type[errors.ClientError], str] = {
    errors.AuthenticationFailed: 'InvalidLogin NotAuthenticated '
    'SecurityError InvalidLocale PasswordExpired InvalidGuestLogin',
    errors.Forbidden: 'NoPermission NoPermissionOnHost GuestPermissionDenied',
    errors.MediumNotFound: 'FileNotFound CannotAccessFile '
    'VmConfigFileNotFound NoDiskFound',
    errors.NotFound: 'NotFound ManagedObjectNotFound',
    errors.AlreadyExists: 'FileAlreadyExists DuplicateName AlreadyExists '
    'ResourceAlreadyExists IscsiFaultVnicAlreadyBound',
    errors.InvalidArgument: 'InvalidArgument InvalidName InvalidType '
    'InvalidDatastorePath InvalidDatastore InvalidDeviceSpec '
    'InvalidDeviceBacking InvalidDeviceOperation InvalidController '
    'InvalidDiskFormat InvalidFormat InvalidProperty '
    'InvalidNetworkResource UnsupportedDatastore MissingController '
    'DeviceUnsupportedForVmPlatform UnsupportedVmxLocation',
    errors.InvalidState: 'InvalidState InvalidPowerState InvalidVmState '
    'InvalidHostState DeviceNotFound DeviceHotPlugNotSupported '
    'HotSnapshotMoveNotSupported HostPowerOpFailed',
    errors.InUse: 'ResourceInUse FileLocked CannotDeleteFile '
    'FileNotWritable',
    errors.Busy: 'TaskInProgress VAppTaskInProgress ConcurrentAccess '
    'HostCommunication',
    errors.OutOfSpace: 'NoDiskSpace InsufficientStorageSpace '
    'InsufficientDisks FileTooLarge '
    'InsufficientMemoryResourcesFault InsufficientCpuResourcesFault '
    'InsufficientHostCpuCapacityFault InsufficientHostMemoryCapacityFault '
    'InsufficientStandbyMemoryResource',
    errors.NoAdditions: 'ToolsUnavailable VmToolsUpgradeFault '
    'GuestOperationsUnavailable',
    errors.Unsupported: 'NotSupported NotImplemented MethodNotFound '
    'MethodDisabled InvalidRequest NotSupportedHost RestrictedVersion '
    'NotEnoughLicenses LicenseRestricted FeatureRequirementsNotMet',
    errors.TimedOut: 'Timedout RequestCanceled VmPowerOnTimeout',
}
_BY_NAME = {name: kind for kind, names in _ERRORS.items()
            for name in names.split()}

# In these the host names what the fault is about.
_OBJECTS = ('file', 'name', 'obj', 'object', 'invalidProperty', 'datastore',
            'method', 'property')


class Fault(Exception):
    """A MethodFault.

    :param name: of its type, 'FileNotFound'
    :param message: the host's words
    :param details: the text of each of its properties
    :param about: the type of the object that it names, if it does
    """

    def __init__(self, name: str, message: str,
                 details: dict[str, str] | None = None,
                 about: str = '') -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message
        self.details = details or {}
        self.about = about


def of_envelope(body: values.Element) -> Fault:
    """Read the Fault element of a SOAP envelope."""
    message = body.findtext('faultstring') or ''
    detail = body.find('detail')
    if detail is None or not len(detail):
        return Fault(body.findtext('faultcode') or 'Fault', message)
    return _fault(detail[0], message)


def of_task(element: values.Element) -> Fault:
    """Read a LocalizedMethodFault, a task's ``info.error``."""
    inner = values.find(element, 'fault')
    message = values.text(element, 'localizedMessage')
    return (Fault('Fault', message) if inner is None
            else _fault(inner, message))


def _fault(element: values.Element, message: str) -> Fault:
    # An element has the name of its type; or says its type, if it is another
    # than is declared.
    tag = str(element.tag).rpartition('}')[2]
    name = values.kind(element) or (
        'MethodFault' if tag == 'fault' else tag.removesuffix('Fault'))
    details = {str(item.tag).rpartition('}')[2]: item.text or ''
               for item in element if not len(item)}
    about = next((item.get('type', '') for item in element
                  if item.get('type')), '')
    return Fault(name, message, details, about)


def to_error(fault: Fault, operation: str, target: values.Ref | None = None,
             ) -> errors.ClientError:
    """Make the error of a fault, with its name and what it is about."""
    kind = _BY_NAME.get(fault.name, errors.ClientError)
    about = fault.about or (target.type if target else '')
    if fault.name == 'ManagedObjectNotFound' and about == 'VirtualMachine':
        kind = errors.MachineNotFound
    if fault.name == 'RestrictedVersion':
        return errors.Unsupported(READ_ONLY, operation=operation,
                                  fault=fault.name)
    return kind(_words(fault), operation=operation, fault=fault.name)


def _words(fault: Fault) -> str:
    message = fault.message.strip().rstrip('.')
    said = (f'{message} ({fault.name})' if message and fault.name not in
            message else message or fault.name)
    named = [text for key in _OBJECTS
             if (text := fault.details.get(key)) and text not in said]
    if fault.details.get('privilegeId'):
        named.append(f'the privilege {fault.details["privilegeId"]} is '
                     'missing')
    return ': '.join((said, *named))
