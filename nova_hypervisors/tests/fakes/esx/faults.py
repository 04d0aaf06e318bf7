# SPDX-License-Identifier: Apache-2.0
"""Faults with the words of a host, for tests to ask for and to expect."""

from __future__ import annotations

from typing import Any

from pyVmomi import VmomiSupport
from pyVmomi import vim
from pyVmomi import vmodl


def named(name: str, **fields: Any) -> Any:
    """Return a fault by its name on the wire: ``named('FileNotFound')``."""
    kind = VmomiSupport.GetWsdlType('urn:vim25', name)
    return kind(msg=f'A fault of the kind {name}.', **fields)


class Undeclared(Exception):
    """The fake has raised what its method cannot raise: a mistake of ours."""


def check_declared(info: Any, fault: Any) -> None:
    """Hold the fake to the faults that the API declares for a method.

    :raises Undeclared: it is neither one of them nor one of any method
    """
    kinds = tuple(VmomiSupport.GetVmodlType(name) for name in info.faults)
    if not isinstance(fault, (vmodl.RuntimeFault, *kinds)):
        name = VmomiSupport.GetWsdlName(type(fault))
        raise Undeclared(f'{info.wsdlName} does not raise {name}')


def not_authenticated(ref: Any, privilege: str = 'System.View') -> Any:
    return vim.fault.NotAuthenticated(
        msg='The session is not authenticated.', object=ref,
        privilegeId=privilege)


def gone(ref: Any) -> Any:
    return vmodl.fault.ManagedObjectNotFound(
        msg=f'The object {str(ref)!r} has already been deleted or has not '
            'been completely created', obj=ref)


def invalid_argument(name: str) -> Any:
    return vmodl.fault.InvalidArgument(
        msg='A specified parameter was not correct: ' + name,
        invalidProperty=name)


def invalid_device(index: int, text: str = '') -> Any:
    """``text`` is for whoever debugs a test: a host only names the index."""
    return vim.fault.InvalidDeviceSpec(
        msg=f"Invalid configuration for device '{index}'. {text}".strip(),
        deviceIndex=index, property='virtualDeviceSpec')


def not_found(path: Any) -> Any:
    return vim.fault.FileNotFound(msg=f'File {path} was not found',
                                  file=str(path))


def exists(path: Any) -> Any:
    return vim.fault.FileAlreadyExists(
        msg=f'The file or folder {path} already exists.', file=str(path))


def locked(path: Any) -> Any:
    return vim.fault.FileLocked(msg=f'Unable to access file {path} since '
                                'it is locked', file=str(path))


def no_space(path: Any, datastore: str) -> Any:
    return vim.fault.NoDiskSpace(
        msg=f'There is not enough space on the file system for {path}',
        file=str(path), datastore=datastore)


def duplicate(name: str, ref: Any) -> Any:
    return vim.fault.DuplicateName(
        msg=f"The name '{name}' already exists.", name=name, object=ref)


def bad_disk(path: Any, why: str) -> Any:
    """A disk that cannot be opened.

    "Unsupported or invalid disk type" is what a host says of sparse and of
    stream-optimised disks: pyvmomi#1064, OpenNebula#5784.
    """
    return vim.fault.GenericVmConfigFault(
        msg=f"Failed to open disk '{path}': {why}", reason=why)
