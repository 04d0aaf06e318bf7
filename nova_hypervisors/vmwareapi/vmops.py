# SPDX-License-Identifier: Apache-2.0
"""Machines of servers: made, and taken away."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import uuid as uuid_module
from typing import Any

from nova import exception
from nova import objects
from nova.virt import configdrive
from oslo_log import log as logging
from oslo_utils import units

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.clients.vsphere import interface
from nova_hypervisors.common import configdrive as drives
from nova_hypervisors.common import devices
from nova_hypervisors.common import locks
from nova_hypervisors.common import plugging
from nova_hypervisors.common import request
from nova_hypervisors.common import undo as undoing
from nova_hypervisors.common import watcher
from nova_hypervisors.vmwareapi import boot
from nova_hypervisors.vmwareapi import datastores
from nova_hypervisors.vmwareapi import evacuateops
from nova_hypervisors.vmwareapi import hardware
from nova_hypervisors.vmwareapi import hostops
from nova_hypervisors.vmwareapi import imageops
from nova_hypervisors.vmwareapi import layout
from nova_hypervisors.vmwareapi import machines
from nova_hypervisors.vmwareapi import networkops
from nova_hypervisors.vmwareapi import powerops
from nova_hypervisors.vmwareapi import serialports
from nova_hypervisors.vmwareapi import spec
from nova_hypervisors.vmwareapi import volumeops
from nova_hypervisors.vmwareapi import volumes

LOG = logging.getLogger(__name__)

# An ISO image comes with an empty root disk, to install to.
_SMALLEST_ROOT_GB = 1

# After which a machine that was made is watched, and how often to look.
_SEEN_S = 5.0
_LOOK_S = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """:param linked: disks are children of their images

    :param machine_id: what guests are told of their networks, from
        network_info; None for nothing
    :param console_log: machines have a serial port
    """

    linked: bool
    machine_id: Any
    console_log: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What was decided before anything was done.

    :param lost: what there is of it already, from another host
    """

    hardware: hardware.Hardware
    volumes: list[volumes.Volume]
    files: layout.InstanceFiles
    image: imageops.CachedImage | None
    lost: evacuateops.LostServer | None = None


class VMOps:
    def __init__(self, client: interface.ESXClient,
                 machine_map: machines.Machines, where: layout.Layout,
                 host: hostops.HostOps, images: imageops.ImageOps,
                 networks: networkops.NetworkOps, power: powerops.PowerOps,
                 volume_ops: volumeops.VolumeOps,
                 instance_locks: locks.InstanceLocks,
                 watch: watcher.Watcher[api.PowerState],
                 evacuations: evacuateops.EvacuateOps,
                 metadata: devices.DeviceMetadata,
                 plugs: plugging.PlugEvents,
                 serial_ports: serialports.SerialPorts,
                 settings: Settings) -> None:
        self._client = client
        self._machines = machine_map
        self._layout = where
        self._host = host
        self._images = images
        self._networks = networks
        self._power = power
        self._volumes = volume_ops
        self._locks = instance_locks
        self._watcher = watch
        self._evacuations = evacuations
        self._metadata = metadata
        self._plugs = plugs
        self._serial_ports = serial_ports
        self._settings = settings

    def list_names(self) -> list[str]:
        """Return the names that Nova has for our machines."""
        return [spec.instance_name(machine)
                for machine in self._machines.owned().values()]

    def list_uuids(self) -> list[str]:
        return list(self._machines.owned())

    def exists(self, instance: objects.Instance) -> bool:
        return instance.uuid in self._machines.owned()

    def spawn(self, spawn: request.SpawnRequest) -> None:
        """Make a server's machine; leave nothing behind if that fails."""
        wanted = hardware.plan(spawn.instance, spawn.image_meta)
        boot.plan(spawn.instance)
        planned = self._volumes.planned(spawn.block_device_info)
        self._metadata.set(spawn.context, spawn.instance, spawn.network_info)
        lost = self._evacuations.arriving(spawn.instance)
        if lost is not None:
            plan = _Plan(wanted, planned, lost.files, None, lost)
        else:
            datastore = datastores.choose(
                self._host.usable(), self.size(spawn.instance)).name
            plan = _Plan(
                wanted, planned,
                self._layout.instance(datastore, spawn.instance.uuid),
                None if any(volume.boots for volume in planned)
                else self.fetch(spawn, datastore, wanted))
        with self._locks.hold(spawn.instance.uuid):
            if self.exists(spawn.instance):
                raise exception.InstanceExists(name=spawn.instance.name)
            if lost is not None:
                self._evacuations.take_over(lost)
            self._make(spawn, plan)

    def adopt(self, spawn: request.SpawnRequest,
              lost: evacuateops.LostServer) -> None:
        """Make a machine of what another host has let go of; it is off.

        The instance's lock is held.
        """
        if self.exists(spawn.instance):
            raise exception.InstanceExists(name=spawn.instance.name)
        self._evacuations.take_over(lost)
        self._make(dataclasses.replace(spawn, power_on=False), _Plan(
            hardware.plan(spawn.instance, spawn.image_meta),
            self._volumes.planned(spawn.block_device_info), lost.files, None,
            lost))

    def size(self, instance: objects.Instance) -> int:
        """Return the bytes that a server's disks take at once."""
        flavor = instance.flavor
        root_gb = 0 if self._settings.linked else flavor.root_gb
        return int((root_gb + flavor.ephemeral_gb) * units.Gi
                    + flavor.swap * units.Mi)

    def fetch(self, spawn: request.SpawnRequest, datastore: str,
              wanted: hardware.Hardware) -> imageops.CachedImage:
        """Return a server's image on a datastore."""
        instance = spawn.instance
        found, _ = self._images.ensure(
            spawn.context, datastore, image_wanted(
                instance, instance.image_ref, spawn.image_meta,
                wanted.provisioning))
        if self._settings.linked and not found.is_iso:
            return self._images.sized(found, instance.flavor.root_gb,
                                      wanted.provisioning)
        return found

    def _make(self, spawn: request.SpawnRequest, plan: _Plan) -> None:
        """Make a machine; the instance's lock is held."""
        instance = spawn.instance
        start = spawn.power_on and plan.hardware.power_on
        with undoing.Undo() as undo:
            mark = self._layout.spawning(instance.uuid)
            undo.add(mark.unlink, missing_ok=True)
            if plan.lost is None:
                mark.write_text(str(plan.files.folder))
                undo.add(self._delete_folder, plan.files.folder)
            undo.add(self._serial_ports.release, instance.uuid)
            undo.add(self._unregister, instance.uuid)
            with self._plugs.waited_for(instance, spawn.network_info, start):
                nics = self._networks.prepare(spawn.network_info,
                                              plan.hardware.nic_model)
                ref = self._created(spawn, plan, nics)
                undo.add(self._volumes.forget, spawn.block_device_info)
                self._volumes.attach_all(ref, plan.volumes)
                change = boot.first_boot(instance, start,
                                         plan.lost is not None)
                if change is not None:
                    # The host names devices when they are there.
                    self._client.change_machine(ref, change)
            if start:
                # What is watched may not have it yet that the machine is on.
                undo.add(self._power.end, ref)
                self._client.power_on(ref)
            if spawn.power_on:
                # So Nova believes, and is told where it is not so.
                self._watcher.expect(instance.uuid, api.PowerState.ON)
            mark.unlink(missing_ok=True)
            undo.pop_all()

    def _created(self, spawn: request.SpawnRequest, plan: _Plan,
                 nics: tuple[api.Nic, ...]) -> str:
        try:
            return self._create(spawn, plan, nics)
        except errors.ClientError as error:
            self._networks.forget()
            # It may have been made, and has to be seen to be taken back.
            if isinstance(error, (errors.ConnectionLost, errors.TimedOut)):
                end = time.monotonic() + _SEEN_S
                while (not self.exists(spawn.instance)
                       and time.monotonic() < end):
                    time.sleep(_LOOK_S)
            raise

    def _create(self, spawn: request.SpawnRequest, plan: _Plan,
                nics: tuple[api.Nic, ...]) -> str:
        """Make the disks and the machine; return its reference."""
        self._client.make_folder(plan.files.folder)
        disks, cdrom = self._root(spawn.instance, plan)
        disks += spec.blank_disks(spawn.block_device_info, plan.files,
                                  plan.hardware)
        if plan.lost is not None:
            disks = tuple(dataclasses.replace(
                disk, create=disk.path.name not in plan.lost.names)
                for disk in disks if disk.path is not None)
        if configdrive.required_by(spawn.instance):
            configdrive.update_instance(spawn.instance)
            cdrom = self._write_config_drive(spawn, plan.files)
        extra = {}
        if self._settings.machine_id is not None:
            extra['machine.id'] = self._settings.machine_id(
                spawn.network_info)
        machine = spec.machine_spec(
            spawn.instance, plan.hardware, plan.files, disks=disks, nics=nics,
            cdrom=cdrom, extra_config=extra)
        if not self._settings.console_log:
            machine = dataclasses.replace(machine, serial_file=None)
        return self._client.create_machine(dataclasses.replace(
            machine, serial_port=self._serial_ports.claim(
                spawn.instance.uuid)))

    def _root(self, instance: objects.Instance, plan: _Plan,
              ) -> tuple[tuple[api.Disk, ...], api.DatastorePath | None]:
        """Return a server's root disk and the ISO image in its drive."""
        root_gb = instance.flavor.root_gb
        if plan.lost and plan.files.root_disk.name in plan.lost.names:
            found = spec.Root(plan.files.root_disk, False, root_gb * units.Gi)
            return (spec.root_disk(found, plan.files, plan.hardware),), None
        if plan.image is None:
            return (), None
        if plan.image.is_iso:
            size = max(root_gb, _SMALLEST_ROOT_GB) * units.Gi
            blank = api.Disk(
                path=plan.files.root_disk, size=size, create=True,
                bus=plan.hardware.disk_bus, unit=spec.ROOT_UNIT,
                provisioning=plan.hardware.provisioning,
                io=plan.hardware.disk_io)
            return (blank,), plan.image.path
        size = root_gb * units.Gi or plan.image.size
        if not self._settings.linked:
            self._copy(plan, size)
        root = spec.Root(plan.image.path, self._settings.linked, size)
        return (spec.root_disk(root, plan.files, plan.hardware),), None

    def _copy(self, plan: _Plan, size: int) -> None:
        assert plan.image is not None  # noqa: S101 its caller has looked
        try:
            self._client.copy_disk(
                plan.image.path, plan.files.root_disk,
                plan.hardware.provisioning, plan.hardware.disk_bus)
        except errors.MediumNotFound:
            # Somebody has deleted it by hand: the next attempt looks.
            self._images.forget(plan.image)
            raise
        if size > plan.image.size:
            self._client.extend_disk(plan.files.root_disk, size)

    def _write_config_drive(self, spawn: request.SpawnRequest,
                            files: layout.InstanceFiles,
                            ) -> api.DatastorePath:
        path = self._layout.downloads / str(uuid_module.uuid4())
        try:
            drives.write(spawn, path)
            with path.open('rb') as data:
                self._client.upload(files.config_drive, data,
                                    path.stat().st_size)
        finally:
            path.unlink(missing_ok=True)
        return files.config_drive

    # Taken away

    def destroy(self, instance: objects.Instance, destroy_disks: bool,
                block_device_info: dict[str, Any] | None = None) -> None:
        """Take a server's machine away; one that is gone is no error."""
        with self._locks.hold(instance.uuid):
            self.take_away(instance.uuid, destroy_disks)
            self._volumes.forget(block_device_info)

    def take_away(self, instance_uuid: str, destroy_disks: bool) -> None:
        """The same with the instance's lock held."""
        try:
            files = self._machines.files(instance_uuid)
        except errors.MachineNotFound:
            return
        self._power_off(instance_uuid)
        # The machine's own deletion would take the disks that children are
        # made of with it.
        self._unregister(instance_uuid)
        self._serial_ports.release(instance_uuid)
        if destroy_disks:
            self._delete_folder(files.folder)

    def discard(self, instance_uuid: str, folder: api.DatastorePath) -> None:
        """Throw away what was half made; the instance's lock is held."""
        self.take_away(instance_uuid, destroy_disks=True)
        self._delete_folder(folder)

    def _power_off(self, instance_uuid: str) -> None:
        with contextlib.suppress(errors.MachineNotFound):
            if self._machines.find(instance_uuid).state is not (
                    api.PowerState.OFF):
                self._power.end(self._machines.ref(instance_uuid))

    def _unregister(self, instance_uuid: str) -> None:
        with contextlib.suppress(errors.MachineNotFound):
            self._client.unregister_machine(self._machines.ref(instance_uuid))

    def _delete_folder(self, folder: api.DatastorePath) -> None:
        with contextlib.suppress(errors.NotFound):
            self._client.delete_file(folder)

    def delete_files(self, instance: objects.Instance) -> None:
        """Delete what a destroyed server has left on the datastores."""
        with self._locks.hold(instance.uuid):
            if self.exists(instance):
                return
            for datastore in self._host.usable():
                self._delete_folder(self._layout.instance(
                    datastore.name, instance.uuid).folder)

    def know_serial_ports(self) -> None:
        """Take no port for a server that another one has already."""
        if not self._serial_ports.is_used():
            return
        for uuid, machine in self._machines.owned().items():
            with contextlib.suppress(errors.ClientError):
                port = self._client.machine_details(machine.ref).serial_port
                if port is not None:
                    self._serial_ports.know(uuid, port)

    def undo_interrupted(self) -> None:
        """Throw away what was half made when the service last ended."""
        for instance_uuid, folder in self._layout.interrupted().items():
            LOG.warning('Making the server %s was interrupted; what there is '
                        'of it is deleted', instance_uuid)
            self.discard(instance_uuid, folder)
            self._layout.spawning(instance_uuid).unlink()

    # Network adapters

    def attach_interface(self, context: Any, instance: objects.Instance,
                         image_meta: objects.ImageMeta,
                         vif: dict[str, Any]) -> None:
        with self._locks.hold(instance.uuid):
            self._networks.attach(instance, image_meta, vif)
            self._metadata.update(context, instance, added=[vif])

    def detach_interface(self, context: Any, instance: objects.Instance,
                         vif: dict[str, Any]) -> None:
        with self._locks.hold(instance.uuid):
            self._networks.detach(instance, vif)
            self._metadata.update(context, instance, removed=[vif])


def image_wanted(instance: objects.Instance, image_ref: str,
                 image_meta: objects.ImageMeta,
                 provisioning: api.Provisioning) -> imageops.Wanted:
    return imageops.Wanted(
        image_ref, provisioning,
        streamed=(image_meta.properties.get('hw_disk_type')
                  == 'streamOptimized'),
        trusted_certs=instance.trusted_certs,
        root_gb=instance.flavor.root_gb)
