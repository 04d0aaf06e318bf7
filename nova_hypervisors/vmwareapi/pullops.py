# SPDX-License-Identifier: Apache-2.0
"""Servers that go to a host with which this one has no datastore.

Hosts that no vCenter has in common copy nothing to one another.  So what is
on a server's disks goes by the services: that of the host that it leaves reads
it there and hands it out, and that of the other one writes it to its own host.
Neither keeps it.  The machine that was left stays as it was, off, until the
move is confirmed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from nova import exception
from nova import objects

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import handouts as handing
from nova_hypervisors.common import locks
from nova_hypervisors.common import moves
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.vmwareapi import datastores
from nova_hypervisors.vmwareapi import evacuateops
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import hostops
from nova_hypervisors.vmwareapi import imageops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import resizeops
from nova_hypervisors.vmwareapi import vmops
from nova_hypervisors.vmwareapi import volumeops


@dataclasses.dataclass(frozen=True, slots=True)
class Departure(handing.Departure):
    """What the host that a server goes to is told.

    :param disks: names of the files of its disks, with their sizes in bytes
    """

    disks: Mapping[str, int]
    address: str
    port: int
    fingerprint: str
    token: str = dataclasses.field(repr=False)


class PullOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, where: layout.Layout,
                 host: hostops.HostOps, handouts: handing.Handouts,
                 images: imageops.ImageOps, resizes: resizeops.ResizeOps,
                 vms: vmops.VMOps, volumes: volumeops.VolumeOps,
                 power: powerops.PowerOps,
                 instance_locks: locks.InstanceLocks) -> None:
        self._client = client
        self._machines = machine_map
        self._layout = where
        self._host = host
        self._handouts = handouts
        self._images = images
        self._resizes = resizes
        self._vms = vms
        self._volumes = volumes
        self._power = power
        self._locks = instance_locks

    def depart(self, instance: objects.Instance, flavor: objects.Flavor,
               block_device_info: dict[str, Any] | None,
               timeout_s: int) -> str:
        """Stop a server, and have its disks fetched.

        If that fails, it goes on here.

        :param flavor: the one that it is to have
        :return: what :meth:`arrive` needs to know
        :raises InstanceFaultRollback: nothing was changed
        """
        resizeops.check_size(instance, flavor)
        with (moves.rolled_back(), self._locks.hold(instance.uuid),
              undoing.Undo() as undo):
            if self._machines.find(instance.uuid).state is api.PowerState.ON:
                undo.add(self._power.boot, instance)
            undo.add(self._take_back, instance.uuid)
            self._power.stop(instance.uuid, timeout_s)
            told = self._offer(instance.uuid)
            undo.pop_all()
        self._volumes.forget(block_device_info)
        return told.to_text()

    def _offer(self, instance_uuid: str) -> Departure:
        self._take_back(instance_uuid)
        files = self._machines.files(instance_uuid)
        self._layout.left(instance_uuid).write_text(str(files.folder))
        leaving: dict[str, str] = {}
        sizes: dict[str, int] = {}
        for disk in self._disks(instance_uuid):
            assert disk.path is not None  # noqa: S101 _disks has looked
            name, path = _first_name(disk, files), disk.path
            if disk.parents:
                path = files.leaving_disk(name)
                self._client.copy_disk(disk.path, path,
                                       api.Provisioning.THICK)
            leaving[name] = str(imageops.flat_of(path))
            sizes[name] = disk.size
        source = self._handouts.offer(instance_uuid, leaving)
        return Departure(sizes, source.address, source.port,
                         source.fingerprint, source.token)

    def _disks(self, instance_uuid: str) -> list[api.Disk]:
        """Return what of a server's disks goes with it: no volumes."""
        details = self._client.machine_details(
            self._machines.ref(instance_uuid))
        return [disk for disk in details.disks
                if disk.path is not None and not disk.device]

    def _take_back(self, instance_uuid: str) -> None:
        """Have nothing of a server fetched any more: it stays."""
        self._handouts.withdraw(instance_uuid)
        files = self._machines.files(instance_uuid)
        for file in self._client.list_folder(files.folder):
            if files.is_leaving(file.path):
                with contextlib.suppress(errors.NotFound):
                    self._client.delete_disk(files.folder / file.path)
        self._layout.left(instance_uuid).unlink(missing_ok=True)

    def arrive(self, wanted: request.SpawnRequest, told: str,
               prepare: Callable[[], None]) -> None:
        """Make a machine of what the host that a server leaves hands out.

        :param told: what :meth:`depart` has returned, where it was
        :param prepare: see PowerOps.power_on
        """
        departure = Departure.from_text(told)
        instance = wanted.instance
        with self._locks.hold(instance.uuid), undoing.Undo() as undo:
            if self._vms.exists(instance):
                raise exception.InstanceExists(name=instance.name)
            files = self._new_files(instance, departure)
            mark = self._layout.spawning(instance.uuid)
            undo.add(mark.unlink, missing_ok=True)
            mark.write_text(str(files.folder))
            undo.add(self._vms.discard, instance.uuid, files.folder)
            self._client.make_folder(files.folder)
            self._fetch(departure, files,
                        hardware.plan(instance, wanted.image_meta))
            self._vms.adopt(wanted, evacuateops.LostServer(
                files, frozenset(departure.disks)))
            self._resizes.fit(wanted)
            if wanted.power_on:
                self._power.boot(instance, prepare)
            undo.pop_all()

    def _new_files(self, instance: objects.Instance,
                   departure: Departure) -> layout.InstanceFiles:
        """Choose where a server goes.

        :raises DestinationDiskExists: there is something that is not ours
        """
        usable = self._host.usable()
        for datastore in usable:
            folder = self._layout.instance(datastore.name,
                                           instance.uuid).folder
            with contextlib.suppress(errors.NotFound):
                self._client.list_folder(folder)
                raise exception.DestinationDiskExists(path=str(folder))
        size = max(sum(departure.disks.values()), self._vms.size(instance))
        return self._layout.instance(
            datastores.choose(usable, size).name, instance.uuid)

    def _fetch(self, departure: Departure, files: layout.InstanceFiles,
               plan: hardware.Hardware) -> None:
        for name, size in departure.disks.items():
            with self._handouts.incoming(departure.source, name) as data:
                if data.size != size:
                    raise errors.DataDamaged(
                        f'{name} comes with {data.size} bytes and not with '
                        f'the {size} that were announced')
                self._images.write_disk(files.folder / name, data, size,
                                        plan.provisioning, plan.disk_bus)

    def is_left(self, instance: objects.Instance) -> bool:
        """Return whether a server that has gone elsewhere was left so.

        Where the files have stayed, the machine was forgotten.
        """
        return (self._layout.left(instance.uuid).exists()
                or self._vms.exists(instance))

    def confirm(self, instance: objects.Instance) -> None:
        """Delete what was kept to go back to.

        What was interrupted half-way is finished by the next attempt.
        """
        mark = self._layout.left(instance.uuid)
        with self._locks.hold(instance.uuid):
            self._handouts.withdraw(instance.uuid)
            self._vms.take_away(instance.uuid, destroy_disks=True)
            if mark.exists():
                self._vms.discard(instance.uuid, api.DatastorePath.parse(
                    mark.read_text()))
                mark.unlink()

    def revert(self, wanted: request.SpawnRequest,
               prepare: Callable[[], None]) -> None:
        """Let a server go on here as it was.

        :param prepare: see PowerOps.power_on
        """
        instance = wanted.instance
        with self._locks.hold(instance.uuid):
            self._take_back(instance.uuid)
            if wanted.power_on:
                self._power.boot(instance, prepare)


@contextlib.contextmanager
def open_remote(client: interface.ESXClient,
                path: str) -> Iterator[tuple[int, Iterable[bytes]]]:
    """Open a file of a datastore, to be handed out."""
    with client.reading(api.DatastorePath.parse(path)) as found:
        yield found


def _first_name(disk: api.Disk, files: layout.InstanceFiles) -> str:
    """Return the name that a disk had before there were snapshots of it."""
    chain = (disk.path, *disk.parents)
    return next(path.name for path in reversed(chain)
                if path is not None and path.parent == files.folder)
