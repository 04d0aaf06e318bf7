# SPDX-License-Identifier: Apache-2.0
"""VirtualBox's result codes, which VBoxManage prints and SOAP returns.

Source: the SDK reference's list of "Result codes" and VirtualBox.xidl.
"""

from __future__ import annotations

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api

_ERRORS: dict[int, type[errors.ClientError]] = {
    0x80004001: errors.Unsupported,      # E_NOTIMPL
    0x80004004: errors.InvalidState,     # E_ABORT: it has just ended
    0x80070005: errors.Busy,             # E_ACCESSDENIED: not ready, locked
    0x80070057: errors.InvalidArgument,  # E_INVALIDARG
    0x80BB0001: errors.NotFound,         # VBOX_E_OBJECT_NOT_FOUND
    0x80BB0002: errors.InvalidState,     # VBOX_E_INVALID_VM_STATE
    0x80BB0007: errors.Busy,             # VBOX_E_INVALID_OBJECT_STATE
    0x80BB0009: errors.Unsupported,      # VBOX_E_NOT_SUPPORTED
    0x80BB000B: errors.Busy,             # VBOX_E_INVALID_SESSION_STATE
    0x80BB000C: errors.InUse,            # VBOX_E_OBJECT_IN_USE
    0x80BB0010: errors.TimedOut,         # VBOX_E_TIMEOUT
}

# Codes such as VBOX_E_FILE_ERROR and E_FAIL say little; the text says more.
# VBoxManage refuses some things itself, without any code.
_TEXTS: tuple[tuple[str, type[errors.ClientError]], ...] = (
    ('Could not find a registered machine', errors.MachineNotFound),
    ('NS_ERROR_SOCKET_FAIL', errors.Unreachable),
    ('Failed to create the VirtualBox object', errors.Unreachable),
    ('VERR_NET_CONNECTION_REFUSED', errors.NotListening),
    ('VERR_SSM_CANCELLED', errors.Cancelled),
    ('VERR_DISK_FULL', errors.OutOfSpace),
    ('VERR_NOT_SUP', errors.Unsupported),
    ('Could not find file for the medium', errors.MediumNotFound),
    ('Could not find an open hard disk', errors.MediumNotFound),
    ('VERR_FILE_NOT_FOUND', errors.NotFound),
    ('VERR_ALREADY_EXISTS', errors.AlreadyExists),
    ('already exists', errors.AlreadyExists),
    ('is an existing file', errors.AlreadyExists),
    ('is not currently running', errors.InvalidState),
    # Its process died while it was being powered off.
    ('The VM session was aborted', errors.InvalidState),
    ('already locked', errors.Busy),
    # Its process is just ending, and somebody wants to lock it.
    ('from the direct session', errors.Busy),
    # An accident of its own, once in a few hundred times.
    ('Machine::i_saveStorageControllers', errors.Busy),
    ('is being used', errors.InUse),
)


# Of a controller, as E_INVALIDARG.
_NO_PORT = 'port and/or device parameter are out of range'

# Of a machine's own disk, when the process of the machine has not let go.
_LOCKED_DISK = 'Failed to lock media'

# What VirtualBox's initiator says, and what that may mean.
_LUN_REASONS = (
    ('VERR_IO_GEN_FAILURE',
     'there is no such target, or it refuses the user or the secret'),
    ('VERR_INVALID_STATE', 'the target has no such logical unit'),
    ('VERR_NET_CONNECTION_REFUSED', 'nobody listens there'),
    ('VERR_NET', 'the host of VirtualBox does not reach it'),
    ('VERR_TIMEOUT', 'it gives no answer'),
)


def lun_error(error: errors.ClientError,
              address: api.LunAddress) -> errors.ClientError:
    """Say what a failure to open a disk of a storage may mean."""
    if type(error) is not errors.ClientError:
        return error
    reason = next((reason for code, reason in _LUN_REASONS
                   if code in error.detail), '')
    return errors.VolumeUnavailable(
        f'{address} cannot be opened: {reason or error.detail}',
        operation=error.operation, code=error.code)


def error_for(code: int | None, detail: str,
              operation: str) -> errors.ClientError:
    """Make the error for a result code and the text that came with it.

    :param code: as an unsigned number (VBoxManage) or a signed one (SOAP)
    """
    kind: type[errors.ClientError] = errors.ClientError
    if code is not None:
        code &= 0xFFFFFFFF
        kind = _ERRORS.get(code, kind)
    if kind in (errors.ClientError, errors.NotFound):
        kind = next((error for text, error in _TEXTS if text in detail), kind)
    if _NO_PORT in detail:
        kind = errors.NoSuchPort
    if _LOCKED_DISK in detail and issubclass(kind, errors.Busy):
        kind = errors.MediumBusy
    return kind(detail, operation=operation, code=code)
