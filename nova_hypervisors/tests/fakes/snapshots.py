# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the machines that are held in memory."""

from __future__ import annotations

import dataclasses
import uuid as uuid_module

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api


@dataclasses.dataclass
class Snapshot:
    """What a machine was when it was taken."""

    name: str
    spec: api.MachineSpec
    nics: dict[int, api.Nic]
    disks: dict[int, api.AttachedDisk]


class FakeSnapshots:
    """:class:`.clients.vbox.interface.SnapshotApi`."""

    def take_snapshot(self, uuid, name, live=True):
        machine = self._machine(uuid)
        if live and machine.state is not api.MachineState.RUNNING:
            raise errors.InvalidState(f'{uuid} does not run')
        snapshot = Snapshot(name, machine.spec, dict(machine.nics),
                            dict(machine.disks))
        self._set_apart(machine, snapshot)
        machine.snapshots.append(snapshot)

    def _set_apart(self, machine, snapshot):
        """Give a machine new files on those of a snapshot."""
        for port, disk in snapshot.disks.items():
            if disk.kind is api.DiskKind.DISK and disk.lun is None:
                folder = (machine.spec.snapshot_folder
                          or self._folder(machine.spec))
                child = folder / f'{{{uuid_module.uuid4()}}}.vdi'
                self.create_child_disk(child, disk.path)
                disk = dataclasses.replace(disk, path=str(child))
            machine.disks[port] = disk

    def delete_snapshot(self, uuid, name):
        machine = self._machine(uuid)
        snapshot = self._snapshot(machine, name)
        machine.snapshots.remove(snapshot)
        for port, disk in snapshot.disks.items():
            current = machine.disks.get(port)
            if disk.kind is not api.DiskKind.DISK or disk.lun is not None:
                continue
            if current is not None and (
                    self.media[current.path].parent == disk.path):
                self._merge(machine, port, disk, current)
            elif self.media[disk.path].parent is not None:
                # Nothing differs from it any more.
                self._drop(disk.path)

    def _merge(self, machine, port, disk, current):
        """Keep one of two files: that which differs from something else."""
        parent = self.media[disk.path].parent
        if parent is None:
            self._drop(current.path)
            machine.disks[port] = disk
        else:
            self._drop(disk.path)
            self.media[current.path].parent = parent

    def restore_snapshot(self, uuid, name):
        machine = self._off(uuid)
        snapshot = self._snapshot(machine, name)
        for port, disk in machine.disks.items():
            before = snapshot.disks.get(port)
            if before is not None and disk.lun is None and (
                    self.media[disk.path].parent == before.path):
                self._drop(disk.path)
        machine.spec = snapshot.spec
        machine.nics = dict(snapshot.nics)
        machine.disks.clear()
        self._set_apart(machine, snapshot)

    def _snapshot(self, machine, name):
        for snapshot in machine.snapshots:
            if snapshot.name == name:
                return snapshot
        raise errors.NotFound(f'no snapshot {name}')

    def _drop(self, path):
        del self.media[path]
        self._delete_file(path)
