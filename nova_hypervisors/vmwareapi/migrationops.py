# SPDX-License-Identifier: Apache-2.0
"""Servers that go to another host, with which this one has a datastore.

A server's files stay where they are.  The host that it leaves keeps what was
on its root disk beside it, and forgets the machine; the other one makes one of
its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.compute import rpcapi

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import request
from nova_hypervisors.vmwareapi import evacuateops
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import resizeops
from nova_hypervisors.vmwareapi import vmops
from nova_hypervisors.vmwareapi import volumeops


class MigrationOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines,
                 evacuations: evacuateops.EvacuateOps,
                 resizes: resizeops.ResizeOps, vms: vmops.VMOps,
                 volumes: volumeops.VolumeOps, power: powerops.PowerOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._evacuations = evacuations
        self._resizes = resizes
        self._vms = vms
        self._volumes = volumes
        self._power = power
        self._locks = instance_locks

    def depart(self, instance: objects.Instance, flavor: objects.Flavor,
               block_device_info: dict[str, Any] | None,
               timeout_s: int) -> None:
        """Stop a server, and let go of it.

        :param flavor: the one that it is to have
        :raises InstanceFaultRollback: nothing was changed
        """
        self._resizes.keep(instance, flavor, timeout_s)
        with self._locks.hold(instance.uuid):
            self._client.unregister_machine(self._machines.ref(instance.uuid))
            self._volumes.forget(block_device_info)

    def is_shared(self, context: nova_context.RequestContext,
                  instance: objects.Instance, host: str) -> bool:
        """Return whether a host has the datastore on which a server is.

        Ask as Nova does after a host was lost.

        :param host: of Nova
        """
        name = self._evacuations.probe(instance)
        try:
            return bool(rpcapi.ComputeAPI().check_instance_shared_storage(
                context, {'filename': name}, instance=instance, host=host))
        finally:
            self._evacuations.delete_probe(name)

    def arrive(self, wanted: request.SpawnRequest,
               prepare: Callable[[], None]) -> None:
        """Make a machine for a server, with what Nova wants it to be now.

        :param prepare: see PowerOps.power_on
        """
        instance = wanted.instance
        with self._locks.hold(instance.uuid):
            self._vms.adopt(wanted, self._found(instance))
            self._resizes.fit(wanted)
            if wanted.power_on:
                self._power.boot(instance, prepare)

    def _found(self, instance: objects.Instance) -> evacuateops.LostServer:
        found = self._evacuations.find(instance.uuid)
        if found is None:
            raise errors.MediumNotFound(
                'the files of the server are on no datastore of this host')
        return found

    def confirm(self, instance: objects.Instance) -> None:
        """Forget what was kept to go back to."""
        with self._locks.hold(instance.uuid):
            found = self._evacuations.find(instance.uuid)
            if found is not None:
                self._resizes.forget_former(found.files)

    def revert(self, wanted: request.SpawnRequest,
               prepare: Callable[[], None]) -> None:
        """Let a server go on here as it was.

        :param prepare: see PowerOps.power_on
        """
        instance = wanted.instance
        with self._locks.hold(instance.uuid):
            found = self._found(instance)
            former = found.files.former_root_disk
            if former.name in found.names:
                self._put_back(former, found.files.root_disk)
                found = self._found(instance)
            self._vms.adopt(wanted, found)
            self._resizes.fit(wanted)
            if wanted.power_on:
                self._power.boot(instance, prepare)

    def _put_back(self, former: api.DatastorePath,
                  root: api.DatastorePath) -> None:
        # An attempt before this one may have come so far.
        with contextlib.suppress(errors.NotFound):
            self._client.delete_disk(root)
        self._client.move_disk(former, root)
