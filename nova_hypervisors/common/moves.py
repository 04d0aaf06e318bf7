# SPDX-License-Identifier: Apache-2.0
"""Between which hosts Nova moves a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nova import context as nova_context
from nova import exception
from nova import objects
from nova.compute import task_states

from nova_hypervisors.clients import errors


def is_on_one_host(migration: objects.Migration) -> bool:
    """Return whether a server stays where it is.

    Addresses do not tell: two services may have the same one.
    """
    return bool(migration.source_compute == migration.dest_compute)


def stays(context: nova_context.RequestContext,
          instance: objects.Instance) -> bool:
    """The same for the migration that a server is in.

    Where it begins Nova does not hand it to the driver.
    """
    migration = current(context, instance)
    return migration is not None and is_on_one_host(migration)


def destination(context: nova_context.RequestContext,
                instance: objects.Instance) -> str | None:
    """Return the host that a server goes to, if it does not stay.

    :raises InstanceFaultRollback: it is in no migration
    """
    migration = current(context, instance)
    if migration is None:
        raise exception.InstanceFaultRollback(exception.ResizeError(
            reason='Nova does not tell where the server goes'))
    return None if is_on_one_host(migration) else migration.dest_compute


def leaves(context: nova_context.RequestContext,
           instance: objects.Instance) -> bool:
    """Return whether a server is in a migration between two hosts."""
    migration = current(context, instance)
    return migration is not None and not is_on_one_host(migration)


def current(context: nova_context.RequestContext,
            instance: objects.Instance) -> objects.Migration | None:
    """Return the migration that a server is in, if it is in one."""
    if not instance.obj_attr_is_set('migration_context') or (
            instance.migration_context is None):
        # Nova does not load it for a host that a server goes back from.
        if instance.task_state != task_states.RESIZE_REVERTING:
            return None
        with contextlib.suppress(exception.MigrationNotFoundByStatus):
            return objects.Migration.get_by_instance_and_status(
                context, instance.uuid, 'reverting')
        return None
    return objects.Migration.get_by_id_and_instance(
        context, instance.migration_context.migration_id, instance.uuid)


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """Tell Nova about a failure after which all is as it was."""
    try:
        yield
    except errors.MachineNotFound:
        raise
    except (errors.ClientError, exception.ResizeError) as error:
        reason = (error if isinstance(error, exception.ResizeError)
                  else exception.ResizeError(reason=str(error)))
        raise exception.InstanceFaultRollback(
            inner_exception=reason) from error
