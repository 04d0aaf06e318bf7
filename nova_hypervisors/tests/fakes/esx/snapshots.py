# SPDX-License-Identifier: Apache-2.0
"""Snapshots: what a machine was, and the child disks above it.

Each disk gets a child ``name-00000N.vmdk``, which is written from then on;
what was before is only read.  (vSphere Virtual Machine Administration,
"Snapshot files".)
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from pyVmomi import vim

from nova_hypervisors.tests.fakes.esx import backings
from nova_hypervisors.tests.fakes.esx import devices
from nova_hypervisors.tests.fakes.esx import managed
from nova_hypervisors.tests.fakes.esx import sessions
from nova_hypervisors.tests.fakes.esx import tasks
from nova_hypervisors.tests.fakes.esx import vmdk
from nova_hypervisors.tests.fakes.esx import vmx


class Snapshot(managed.Managed):
    """:ivar config: the machine's as it was; its disks are the parents"""

    kind = vim.vm.Snapshot

    def __init__(self, machine: Any, name: str, text: str, memory: bool,
                 quiesce: bool) -> None:
        machine.snapshots_made += 1
        number = machine.snapshots_made
        super().__init__(machine.esx,
                         f'{machine.ref._moId}-snapshot-{number}')
        self.machine = machine
        self.parent: Any = machine.current
        self.children: list[Any] = []
        self.config = copy.copy(machine.config)
        self.config.hardware = copy.copy(machine.config.hardware)
        self.config.hardware.device = [
            copy.copy(one) for one in machine.config.hardware.device]
        # Without its memory a machine that ran is off when it is reverted.
        self.power = machine.power if memory else 'poweredOff'
        self._tree = {'name': name, 'description': text, 'id': number,
                      'createTime': sessions.now(), 'state': self.power,
                      'quiesced': quiesce}

    @property
    def vm(self) -> Any:
        return self.machine.ref

    @property
    def childSnapshot(self) -> list[Any]:
        return [one.ref for one in self.children]

    def describe(self) -> Any:
        return vim.vm.SnapshotTree(
            snapshot=self.ref, vm=self.vm, replaySupported=False,
            childSnapshotList=[one.describe() for one in self.children],
            **self._tree)

    @tasks.task
    def RemoveSnapshot_Task(self, removeChildren: bool,
                            consolidate: bool | None = None) -> None:
        self.machine.remove_snapshot(self, removeChildren)

    @tasks.task
    def RevertToSnapshot_Task(self, host: Any = None,
                              suppressPowerOn: bool | None = None) -> None:
        self.machine.revert(self)

    def RenameSnapshot(self, name: str | None = None,
                       description: str | None = None) -> None:
        self._tree['name'] = name or self._tree['name']
        if description is not None:
            self._tree['description'] = description


class Snapshots:
    """What a machine does with them.

    :ivar tree: the snapshots without a parent
    :ivar current: the one that the machine goes on from
    """

    esx: Any
    config: Any
    tree: list[Any]
    current: Any
    snapshots_made = 0

    @property
    def snapshot(self) -> Any:
        if not self.tree:
            return None
        return vim.vm.SnapshotInfo(
            currentSnapshot=self.current.ref if self.current else None,
            rootSnapshotList=[one.describe() for one in self.tree])

    @property
    def rootSnapshot(self) -> list[Any]:
        return [one.ref for one in self.tree]

    def all_snapshots(self) -> Iterator[Any]:
        todo = list(self.tree)
        while todo:
            one = todo.pop()
            yield one
            todo += one.children

    def disk_files(self) -> list[Any]:
        """Return where all disks are, those of snapshots too."""
        configs = [self.config, *(one.config for one in self.all_snapshots())]
        found = [at for config in configs for at in devices.disk_paths(
            self.esx, config.hardware.device)]
        return list(dict.fromkeys(found))

    @tasks.task
    def CreateSnapshot_Task(self, name: str, memory: bool, quiesce: bool,
                            description: str | None = None) -> Any:
        made = Snapshot(self, name, description or '', memory and self.is_on,
                        quiesce)
        children = []
        for disk, chain in zip(self.disks, self.chains(), strict=True):
            if not chain[0].device:
                at = self._child_path(chain[0].at)
                children.append((disk, vmdk.create_child(at, chain[0])))
        for disk, child in children:
            backings.describe(disk, vmdk.chain(child.at))
        (made.parent.children if made.parent else self.tree).append(made)
        self.current = made
        self._disks_changed()
        return made.ref

    def _child_path(self, at: Any) -> Any:
        stem = at.name.removesuffix('.vmdk')
        if stem[-7:-6] == '-' and stem[-6:].isdigit():
            stem = stem[:-7]
        folder = self.at.folder
        names = (f'{stem}-{number:06}.vmdk' for number in range(1, 1000))
        return next(folder / name for name in names
                    if not (folder / name).local.exists())

    def _disks_changed(self) -> None:
        self.refresh_disks()
        self.lock_disks()
        vmx.write(self)

    @tasks.task
    def RemoveAllSnapshots_Task(self, consolidate: bool | None = None,
                                spec: Any = None) -> None:
        for one in list(self.tree):
            self.remove_snapshot(one, True)

    def remove_snapshot(self, snapshot: Any, children: bool) -> None:
        if children:
            for one in list(snapshot.children):
                self.remove_snapshot(one, True)
        self.esx.locks.release(self)
        home = snapshot.parent.children if snapshot.parent else self.tree
        place = home.index(snapshot)
        home[place:place + 1] = snapshot.children
        for one in snapshot.children:
            one.parent = snapshot.parent
        if self.current is snapshot:
            self.current = snapshot.parent
        snapshot.forget()
        for at in devices.disk_paths(self.esx,
                                     snapshot.config.hardware.device):
            self._merge_into(at)
        self._disks_changed()

    def _merge_into(self, at: Any) -> None:
        """Merge the child above a disk that no snapshot needs any more.

        Where two of them are above it, it has to stay.
        """
        users = self.disk_files()
        if at in users:
            return
        disks = self._own_disks()
        above = [one for one in disks if one.parent == at]
        if len(above) != 1:
            if not above and at.local.is_file():
                vmdk.delete(vmdk.load(at))
            return
        child, parent = above[0], vmdk.load(at)
        higher = [one for one in disks if one.parent == child.at]
        vmdk.merge(child, parent)
        for one in higher:
            one.parent, one.parent_cid = parent.at, parent.cid
            one.save()
        for config in (self.config,
                       *(one.config for one in self.all_snapshots())):
            for device in devices.disks_of(config.hardware.device):
                if device.backing.fileName == str(child.at):
                    backings.describe(device, vmdk.chain(parent.at))

    def _own_disks(self) -> list[vmdk.Disk]:
        """Open each disk that a chain of this machine has, once."""
        found = {}
        for at in self.disk_files():
            for disk in vmdk.chain(at):
                found[disk.at] = disk
        return list(found.values())

    @tasks.task
    def RevertToCurrentSnapshot_Task(
            self, host: Any = None,
            suppressPowerOn: bool | None = None) -> None:
        if self.current is None:
            raise vim.fault.NotFound(msg='There is no current snapshot.')
        self.revert(self.current)

    def revert(self, snapshot: Any) -> None:
        """Go back: what was written since is deleted."""
        if not self.is_off:
            self.stop()
        kept = {at for one in self.all_snapshots()
                for at in devices.disk_paths(
                    self.esx, one.config.hardware.device)}
        for at in devices.disk_paths(self.esx, self.config.hardware.device):
            if at not in kept:
                vmdk.delete(vmdk.load(at))
        self.config = copy.copy(snapshot.config)
        self.config.hardware = copy.copy(snapshot.config.hardware)
        self.config.hardware.device = [
            copy.copy(one) for one in snapshot.config.hardware.device]
        for disk, chain in zip(self.disks, self.chains(), strict=True):
            child = vmdk.create_child(self._child_path(chain[0].at), chain[0])
            backings.describe(disk, vmdk.chain(child.at))
        self.current = snapshot
        if snapshot.power == 'poweredOn':
            self._run()
        self._disks_changed()
