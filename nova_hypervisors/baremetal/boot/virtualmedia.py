# SPDX-License-Identifier: Apache-2.0
"""Boots a node by the virtual drives of its controller."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import bootiso
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.baremetal.boot import ipxescript
from nova_hypervisors.baremetal.boot import ramdiskboot
from nova_hypervisors.clients import errors
from nova_hypervisors.clients.bmc import api
from nova_hypervisors.common import iscsi

LOG = logging.getLogger(__name__)

CDROM, FLOPPY = api.MediaKind.CDROM, api.MediaKind.FLOPPY

# A disc from Glance is kept for the next node, this long.
_KEPT_S = 24 * 3600


class VirtualMediaBoot(ramdiskboot.RamdiskBoot):
    settings = (
        backend.Setting(
            'deploy_iso', required=True, aliases=('ilo_deploy_iso',),
            help='The UUID in Glance of the disc of the deploy ramdisk, or '
            'its URL: see "nova-hypervisors ramdisk build".'),
    )

    @property
    def isos(self) -> bootiso.BootISOs:
        return bootiso.BootISOs(self.services, self.common, self._images)

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if not found and task.interfaces.deploy.uses_ramdisk:
            iso = self.values(task.node)['deploy_iso']
            try:
                if not glance.is_url(iso):
                    glance.image_id(iso)
            except errors.InvalidArgument as error:
                found.append(backend.Fault('driver_info deploy_iso',
                                           error.detail))
        return found

    def prepare_ramdisk(self, task: tasks.Task,
                        parameters: Mapping[str, str]) -> None:
        self.setup_virtual_media_boot(
            task, self.values(task.node)['deploy_iso'], parameters)

    def clean_up_ramdisk(self, task: tasks.Task) -> None:
        self.cleanup_virtual_media_boot(task)

    def prepare_deployed(self, task: tasks.Task) -> None:
        iso = task.node.instance_info.get(bootiso.BOOT_ISO)
        if not iso and ramdiskboot.wants_disc(task):
            iso = self.isos.pick(task)
        if iso:
            self.setup_virtual_media_boot(task, iso)
        else:
            booting.set_device(task)

    def clean_up_instance(self, task: tasks.Task) -> None:
        self.cleanup_virtual_media_boot(task)
        self.isos.release(task)

    def volume_faults(self, node: nodes.Node) -> list[backend.Fault]:  # noqa: ARG002
        path = self.common.settings.ipxe
        return [] if path.exists() else [backend.Fault(
            'options', f'[deploy] ipxe_kernel: there is no {path}: install '
            'iPXE (the package ipxe of Debian), or say where it is')]

    def prepare_volume(self, task: tasks.Task,
                       volume: iscsi.Connection) -> None:
        machine = self._drives(task)
        with self._folder() as folder:
            script, disc = folder / 'script', folder / 'boot.iso'
            script.write_text(ipxescript.boot_volume(
                volume, volumes.initiator(task.node), has_address=False))
            settings = self.common.settings
            # iPXE is started as a kernel is, and finds its script where that
            # would find its ramdisk: in a BIOS.
            media.create_iso_image(disc, settings.ipxe, script,
                                   boot_modes=[media.BIOS],
                                   loaders=settings.loaders)
            url = self._publish(_disc_of(task), disc, settings.media_ttl_s)
        machine.insert_media(CDROM, url)
        task.interfaces.management.set_boot(task.node, api.BootDevice.CDROM)

    def prepare_rescue(self, task: tasks.Task, image_ref: str) -> None:
        self.setup_virtual_media_boot(task, image_ref)

    def clean_up_rescue(self, task: tasks.Task) -> None:
        self.cleanup_virtual_media_boot(task)

    def setup_virtual_media_boot(
            self, task: tasks.Task, boot_iso: str,
            parameters: Mapping[str, str] | None = None) -> None:
        """Let a node boot from a disc, the next time.

        :param boot_iso: a UUID of Glance, the name of an object of ours, or
            a URL
        :param parameters: go to a virtual floppy, or onto the disc if the
            node has no such drive
        :raises Unsupported: its drives may not be used; nothing was uploaded
        """
        machine = self._drives(task)
        url = None
        if parameters and FLOPPY in _kinds(machine):
            self._insert_floppy(task, machine, parameters)
        elif parameters:
            url = self._disc_with(task, boot_iso, parameters)
        machine.insert_media(CDROM, url or self._url_of(task, boot_iso))
        task.interfaces.management.set_boot(task.node, api.BootDevice.CDROM)

    @staticmethod
    def _drives(task: tasks.Task) -> api.Machine:
        machine = task.interfaces.management.machine(task.node)
        machine.insist_on_media()
        if CDROM not in _kinds(machine):
            raise backend.unsupported('it has no virtual CD drive', task.node)
        return machine

    def cleanup_virtual_media_boot(self, task: tasks.Task) -> None:
        """Empty a node's drives, and delete what was made for it alone.

        All of it is tried, whatever fails.

        :raises ClientError: the first thing that failed
        """
        machine = task.interfaces.management.machine(task.node)
        with contextlib.ExitStack() as everything:
            for name in (_floppy_of(task), _disc_of(task)):
                everything.callback(self._delete, name)
            for kind in (FLOPPY, CDROM):
                everything.callback(machine.eject_media, kind)

    def _delete(self, name: str) -> None:
        try:
            self.common.publisher.delete_object(
                self.common.settings.container, name)
        except errors.NotFound:
            LOG.debug('%s is gone already', name)

    def _insert_floppy(self, task: tasks.Task, machine: api.Machine,
                       parameters: Mapping[str, str]) -> None:
        with self._folder() as folder:
            path = folder / 'floppy.img'
            media.create_vfat_image(path, parameters, files={
                ramdiskboot.CERTIFICATE: self.common.authority()})
            machine.insert_media(FLOPPY, self._publish(
                _floppy_of(task), path, self.common.settings.media_ttl_s))

    def _disc_with(self, task: tasks.Task, iso: str,
                   parameters: Mapping[str, str]) -> str:
        if glance.is_url(iso):
            raise backend.unsupported(
                'it has no virtual floppy drive, so that parameters have to '
                'be put onto the disc of the deploy ramdisk: upload that to '
                'Glance and give its UUID as deploy_iso', task.node)
        with self._folder() as folder:
            path = folder / 'deploy.iso'
            media.add_to_iso(
                self._images.disc(task.context, iso), path, parameters,
                {ramdiskboot.CERTIFICATE: self.common.authority()})
            return self._publish(_disc_of(task), path,
                                 self.common.settings.media_ttl_s)

    def _url_of(self, task: tasks.Task, iso: str) -> str:
        if glance.is_url(iso):
            return iso
        settings = self.common.settings
        publisher = self.common.publisher
        if bootiso.is_ours(iso):
            return publisher.get_tmp_url(settings.container, iso,
                                         settings.media_ttl_s)
        name = f'glance-{glance.image_id(iso)}'
        if self._is_kept(name):
            return publisher.get_tmp_url(settings.container, name,
                                         settings.media_ttl_s)
        return self._publish(name, self._images.disc(task.context, iso),
                             _KEPT_S)

    def _is_kept(self, name: str) -> bool:
        """Return whether another node has it there, for long enough."""
        settings = self.common.settings
        try:
            found = self.common.publisher.get_object(settings.container, name)
        except errors.NotFound:
            return False
        return (found.delete_at or 0) > time.time() + 2 * settings.media_ttl_s

    def _publish(self, name: str, path: Path, kept_s: int) -> str:
        settings = self.common.settings
        publisher = self.common.publisher
        publisher.upload_object(settings.container, name, path,
                                delete_after_s=kept_s, create_container=True)
        return publisher.get_tmp_url(settings.container, name,
                                     settings.media_ttl_s)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        work = self.common.settings.work
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            yield Path(folder)


def _kinds(machine: api.Machine) -> set[api.MediaKind]:
    return {drive.kind for drive in machine.media()}


def _floppy_of(task: tasks.Task) -> str:
    return f'image-{task.node.uuid}'


def _disc_of(task: tasks.Task) -> str:
    return f'iso-{task.node.uuid}'
