# SPDX-License-Identifier: Apache-2.0
"""Snapshots of servers, which are images in Glance."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePath

from nova import context as nova_context
from nova import exception
from nova import objects
from oslo_log import log as logging
from oslo_utils import uuidutils

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import snapshotimages
from nova_hypervisors.virtualbox import diskops
from nova_hypervisors.virtualbox import machines
from nova_hypervisors.virtualbox import storage

LOG = logging.getLogger(__name__)

_RUNS = (api.MachineState.RUNNING, api.MachineState.PAUSED)


class SnapshotOps:
    def __init__(self, client: interface.VBoxClient,
                 machine_map: machines.Machines, where: storage.Storage,
                 instance_locks: locks.InstanceLocks,
                 images: snapshotimages.SnapshotImages) -> None:
        self._client = client
        self._machines = machine_map
        self._storage = where
        self._locks = instance_locks
        self._images = images

    def snapshot(self, context: nova_context.RequestContext,
                 instance: objects.Instance, image_id: str,
                 update_task_state: Callable[..., None]) -> None:
        """Put what is on a server's root disk into an image.

        :raises InstanceNotRunning: there is no such machine
        """
        self._images.make(context, instance, image_id, update_task_state,
                          functools.partial(self._read, instance))

    def _read(self, instance: objects.Instance,
              scratch: Path) -> tuple[Path, str]:
        uuid = self._machines.machine_uuid(instance.uuid)
        with (self._locks.hold(instance.uuid),
              self._frozen_root(instance, uuid) as root):
            return self._storage.read(root, scratch)

    @contextlib.contextmanager
    def _frozen_root(self, instance: objects.Instance,
                     uuid: str) -> Iterator[PurePath]:
        """Yield the root disk of a machine that does not write to it."""
        try:
            # One that could not be deleted would hold the disks for ever.
            self.delete_interrupted(uuid)
            root = diskops.root_disk(self._client.machine_settings(uuid))
            state = self._client.machine_state(uuid)
        except errors.MachineNotFound as error:
            raise exception.InstanceNotRunning(
                instance_id=instance.uuid) from error
        if state not in _RUNS:
            yield root
            return
        name = f'{snapshotimages.PREFIX}{uuidutils.generate_uuid()}'
        self._client.take_snapshot(
            uuid, name, live=state is api.MachineState.RUNNING)
        try:
            yield root
        finally:
            self._client.delete_snapshot(uuid, name)

    def delete_interrupted(self, uuid: str) -> None:
        """Delete the snapshots in VirtualBox that a crash has left."""
        for name in self._client.machine_settings(uuid).snapshots:
            if name.startswith(snapshotimages.PREFIX):
                LOG.info('Deleting the interrupted snapshot %s of machine %s',
                         name, uuid)
                self._client.delete_snapshot(uuid, name)
