# SPDX-License-Identifier: Apache-2.0
"""Between which hosts Nova moves a server."""

from __future__ import annotations

from nova import context as nova_context
from nova import exception
from nova import objects


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
    if not instance.obj_attr_is_set('migration_context') or (
            instance.migration_context is None):
        return False
    return is_on_one_host(objects.Migration.get_by_id_and_instance(
        context, instance.migration_context.migration_id, instance.uuid))


def require_staying(context: nova_context.RequestContext,
                    instance: objects.Instance) -> None:
    """:raises InstanceFaultRollback: the server is to go to another host"""
    if not stays(context, instance):
        raise exception.InstanceFaultRollback(exception.ResizeError(
            reason='this driver resizes servers on the host that they are on '
            'only; see [DEFAULT] allow_resize_to_same_host'))
