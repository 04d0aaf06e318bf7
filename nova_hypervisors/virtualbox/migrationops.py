# SPDX-License-Identifier: Apache-2.0
"""Servers that get another size or another host, while they are off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nova import exception
from nova import objects
from oslo_serialization import jsonutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import powerops
from nova_hypervisors.virtualbox import resizeops


class MigrationOps:
    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines,
                 power: powerops.PowerOps, resizes: resizeops.ResizeOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._power = power
        self._resizes = resizes
        self._locks = instance_locks

    def depart(self, instance: objects.Instance, flavor: objects.Flavor,
               same_host: bool, timeout_s: int,
               retry_interval_s: int) -> str:
        """Stop a server and have all ready for where it goes on.

        If that fails, it goes on here.

        :param flavor: the one that it is to have
        :param timeout_s: see PowerOps.power_off
        :return: what :meth:`arrive` needs to know
        :raises InstanceFaultRollback: nothing was changed
        """
        uuid = self._machines.machine_uuid(instance.uuid)
        if not same_host:
            raise errors.Unsupported('moving servers between hosts is planned')
        with (_rolled_back(), self._locks.hold(instance.uuid),
              undoing.Undo() as undo):
            _check_size(instance, flavor)
            if self._client.machine_state(uuid) in powerops.ALIVE:
                undo.add(self._power.boot, instance)
            self._power.stop(uuid, timeout_s, retry_interval_s)
            if same_host:
                undo.add(self._resizes.go_back, instance)
                self._resizes.confirm(instance)
                self._resizes.keep(instance)
            undo.pop_all()
        return jsonutils.dumps({})

    def arrive(self, wanted: request.SpawnRequest, same_host: bool) -> None:
        """Make a server go on, with what Nova wants it to be now."""
        with self._locks.hold(wanted.instance.uuid):
            if same_host:
                self._resizes.resize(wanted)
            if wanted.power_on:
                self._power.boot(wanted.instance)

    def confirm(self, instance: objects.Instance, same_host: bool) -> None:
        """Forget what was kept to go back to."""
        with self._locks.hold(instance.uuid):
            if same_host:
                self._resizes.confirm(instance)

    def revert(self, instance: objects.Instance, power_on: bool) -> None:
        """Let a server go on here as it was."""
        with self._locks.hold(instance.uuid):
            self._resizes.go_back(instance)
            if power_on:
                self._power.boot(instance)


@contextlib.contextmanager
def _rolled_back() -> Iterator[None]:
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


def _check_size(instance: objects.Instance, flavor: objects.Flavor) -> None:
    """:raises ResizeError: a disk would have to shrink"""
    for name, title in (('root_gb', 'root'), ('ephemeral_gb', 'ephemeral')):
        have, wanted = instance.flavor[name], flavor[name]
        if wanted < have and (name != 'root_gb' or instance.image_ref):
            raise exception.ResizeError(
                reason=f'the {title} disk has {have} GB and cannot shrink to '
                f'the {wanted} GB of the flavor {flavor.name}')
