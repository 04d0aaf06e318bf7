# SPDX-License-Identifier: Apache-2.0
"""Snapshots: what is on a server's root disk, as an image in Glance."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from nova import context as nova_context
from nova import exception
from nova import objects
from oslo_log import log as logging

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import locks
from nova_hypervisors.common import snapshotimages
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import imageops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import spec

LOG = logging.getLogger(__name__)


class SnapshotOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, where: layout.Layout,
                 instance_locks: locks.InstanceLocks,
                 images: snapshotimages.SnapshotImages) -> None:
        self._client = client
        self._machines = machine_map
        self._layout = where
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
              target: Path) -> tuple[Path, str]:
        """Copy the bytes of a server's root disk here.

        The host makes a whole copy first: a disk may be a chain of files,
        and those of a machine that runs are locked.
        """
        try:
            machine = self._machines.find(instance.uuid)
        except errors.MachineNotFound as error:
            raise exception.InstanceNotRunning(
                instance_id=instance.uuid) from error
        assert machine.path is not None  # noqa: S101 what makes it ours
        folder = self._layout.scratch(machine.path.datastore)
        copy = folder / f'{uuid.uuid4()}.vmdk'
        with undoing.Undo() as undo:
            self._client.make_folder(folder)
            undo.add(self._delete_disk, copy)
            with (self._locks.hold(instance.uuid),
                  self._frozen_root(machine) as root):
                self._client.copy_disk(root, copy, api.Provisioning.THICK)
            with target.open('wb') as file:
                self._client.download(imageops.flat_of(copy), file)
        return target, 'raw'

    @contextlib.contextmanager
    def _frozen_root(self, machine: api.Machine,
                     ) -> Iterator[api.DatastorePath]:
        """Yield the root disk of a machine that does not write to it."""
        # One that could not be deleted would hold the disks for ever.
        self.delete_interrupted(machine.ref)
        if machine.state is not api.PowerState.ON:
            yield root_path(self._client.machine_details(machine.ref))
            return
        frozen = root_path(self._client.machine_details(machine.ref))
        taken = self._client.take_snapshot(
            machine.ref, f'{snapshotimages.PREFIX}{uuid.uuid4()}')
        try:
            yield frozen
        finally:
            self._client.delete_snapshot(machine.ref, taken)

    def _delete_disk(self, path: api.DatastorePath) -> None:
        with contextlib.suppress(errors.NotFound):
            self._client.delete_disk(path)

    def delete_interrupted(self, ref: str) -> None:
        """Delete the snapshots on the host that a crash has left."""
        for snapshot in self._client.machine_details(ref).snapshots:
            if snapshot.name.startswith(snapshotimages.PREFIX):
                LOG.info('Deleting the interrupted snapshot %s of machine %s',
                         snapshot.name, ref)
                self._client.delete_snapshot(ref, snapshot.ref)

    def catch_up(self) -> None:
        """Take away what was there for a moment when the service ended."""
        for machine in self._machines.owned().values():
            try:
                self.delete_interrupted(machine.ref)
            except errors.ClientError as error:
                # One machine that cannot be read must not stop all others.
                LOG.warning('Machine %s: %s', machine.name, error)


def root_disk(details: api.MachineDetails) -> api.Disk:
    """Return a machine's root disk.

    :raises DiskNotFound: it has none, or has a volume
    """
    for disk in details.disks:
        if disk.unit == spec.ROOT_UNIT and disk.path and not disk.device:
            return disk
    raise exception.DiskNotFound(
        location=f'{details.machine.name}, unit {spec.ROOT_UNIT}')


def root_path(details: api.MachineDetails) -> api.DatastorePath:
    path = root_disk(details).path
    assert path is not None  # noqa: S101 root_disk has looked
    return path
