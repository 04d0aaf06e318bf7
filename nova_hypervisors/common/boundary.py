# SPDX-License-Identifier: Apache-2.0
"""The one place where client errors become Nova's exceptions."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from nova import exception
from nova import objects

from nova_hypervisors.clients import errors

_UNAVAILABLE = (errors.Unreachable, errors.NotInstalled,
                errors.AuthenticationFailed)


@contextlib.contextmanager
def for_instance(instance: objects.Instance) -> Iterator[None]:
    """Speak Nova's language about whatever fails inside."""
    try:
        yield
    except errors.MachineNotFound as err:
        raise exception.InstanceNotFound(instance_id=instance.uuid) from err
    except errors.InvalidState as err:
        raise exception.InstanceInvalidState(
            instance_uuid=instance.uuid, attr='state', state=err.detail,
            method=err.operation) from err
    except errors.ClientError as err:
        raise _translated(err) from err
    except OSError as err:
        _refuse_full(err)
        raise


@contextlib.contextmanager
def for_host() -> Iterator[None]:
    """The same for what is not about one instance."""
    try:
        yield
    except errors.ClientError as err:
        raise _translated(err) from err
    except OSError as err:
        _refuse_full(err)
        raise


def _refuse_full(err: OSError) -> None:
    """:raises ComputeResourcesUnavailable: a file system is full"""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        raise exception.ComputeResourcesUnavailable(reason=str(err)) from err


def _translated(err: errors.ClientError) -> Exception:
    if isinstance(err.__cause__, exception.NovaException):
        # Nova knows best what to do of what it has said itself: it tries an
        # unacceptable image on no other host.
        return err.__cause__
    if isinstance(err, _UNAVAILABLE):
        return exception.HypervisorUnavailable(
            f'The hypervisor is not available: {err}')
    if isinstance(err, errors.Unsupported):
        return NotImplementedError(str(err))
    if isinstance(err, errors.OutOfSpace):
        # The one with which Nova tries another host.
        return exception.ComputeResourcesUnavailable(reason=str(err))
    return exception.NovaException(str(err))
