# SPDX-License-Identifier: Apache-2.0
"""Deploys by iSCSI: the node exports its disk, and this host writes it.

How the node got its ramdisk is not known here: by network or by virtual
media, it is the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oslo_log import log as logging
from oslo_utils import strutils

from nova_hypervisors.baremetal import bootiso
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import writing
from nova_hypervisors.baremetal.deploy import running
from nova_hypervisors.clients import errors
from nova_hypervisors.clients import iscsi
from nova_hypervisors.clients import qemuimg
from nova_hypervisors.common import imagecache

LOG = logging.getLogger(__name__)

_GB_MB = 1024
_LOOK_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class InstanceInfo:
    """What a node's ``instance_info`` asks for, found to be sound."""

    image_source: str
    root_gb: int
    swap_mb: int = 0
    ephemeral_gb: int = 0
    ephemeral_format: str = 'ext4'
    preserve_ephemeral: bool = False
    configdrive: str = ''

    @property
    def root_mb(self) -> int:
        return self.root_gb * _GB_MB

    @property
    def ephemeral_mb(self) -> int:
        return self.ephemeral_gb * _GB_MB


def parse_instance_info(node: nodes.Node) -> InstanceInfo:
    """Return what a node is to be like.

    :raises InvalidArgument: it says all that is missing or wrong
    """
    info = node.instance_info
    faults = []
    missing = [name for name in ('image_source', 'root_gb')
               if info.get(name) in (None, '')]
    if missing:
        faults.append("Cannot validate iSCSI deploy. Some parameters were "
                      "missing in node's instance_info: "
                      + ', '.join(missing))
    values: dict[str, Any] = {}
    for name in ('root_gb', 'swap_mb', 'ephemeral_gb'):
        try:
            values[name] = int(info.get(name) or 0)
        except (TypeError, ValueError):
            faults.append(
                f'Cannot validate iSCSI deploy. Invalid parameter {name}. '
                f'Reason: {info[name]!r} is not an integer value.')
    try:
        values['preserve_ephemeral'] = strutils.bool_from_string(
            info.get('preserve_ephemeral', False), strict=True)
    except ValueError as error:
        faults.append('Cannot validate iSCSI deploy. Invalid parameter '
                      f'preserve_ephemeral. Reason: {error}')
    if faults:
        raise errors.InvalidArgument('; '.join(faults),
                                     operation=f'node {node.name}')
    return InstanceInfo(
        str(info['image_source']),
        ephemeral_format=info.get('ephemeral_format') or 'ext4',
        configdrive=info.get('configdrive') or '', **values)


class InstanceImageCache(imagecache.ImageCache):
    """Images as they are written: raw, looked at three times, kept."""

    def __init__(self, common: deploying.Deploying) -> None:
        settings = common.settings
        settings.images.mkdir(parents=True, exist_ok=True)
        super().__init__(settings.images, 'raw', settings.write_limit_s)
        self._common = common

    def forget_old(self) -> None:
        """Forget images that nobody has used for some time.

        They belong to no node, so that the next one need not fetch them.
        """
        age = self._common.settings.image_ttl_s
        self.age(self._common.used(), imagecache.Ages(age, age))


class ISCSIDeploy(running.RamdiskDeploy):
    def wanted_faults(self, task: tasks.Task) -> list[str]:
        try:
            parse_instance_info(task.node)
        except errors.InvalidArgument as error:
            return [error.detail]
        return []

    @functools.cached_property
    def _cache(self) -> InstanceImageCache:
        return InstanceImageCache(self.common)

    def deploy(self, task: tasks.Task) -> None:
        info = parse_instance_info(task.node)
        task.step('cache the image')
        image = self._cache_instance_image(task, info)
        wanted = self._wanted(task, info, image)
        writing.check(wanted, image.stat().st_size)
        with self.common.using(image), self.ramdisk(task) as ramdisk:
            self._continue_deploy(task, wanted, ramdisk)
        firmware.secure(task)

    def clean(self, task: tasks.Task) -> None:
        """Let the ramdisk erase the disk, as far as the disk can."""
        with self.ramdisk(task, mode='erase'):
            task.step('the disk is erased')

    def clean_up(self, task: tasks.Task) -> None:
        try:
            task.interfaces.boot.clean_up_ramdisk(task)
        finally:
            self._destroy_images(task)

    # Images

    def _cache_instance_image(self, task: tasks.Task,
                              info: InstanceInfo) -> Path:
        """Return the image as a raw file that this host has made."""
        with glance.translated():
            path, _ = self._cache.ensure(
                task.context, glance.image_id(info.image_source),
                getattr(task.request.instance, 'trusted_certs', None)
                if task.request else None, info.root_gb)
        if imagecache.is_iso(path):
            raise errors.InvalidArgument(
                f'the image {info.image_source} is an ISO image, which is '
                'not written to disks: use the deploy interface ramdisk-iso')
        self._check_image_size(info, path)
        return path

    @staticmethod
    def _check_image_size(info: InstanceInfo, path: Path) -> None:
        """:raises InvalidArgument: the image does not fit the root disk"""
        writing.check(writing.Wanted(path, False, info.root_mb),
                      path.stat().st_size)

    def _destroy_images(self, task: tasks.Task) -> None:
        """Forget images that nobody has used for some time."""
        self._cache.forget_old()
        LOG.debug('Images of node %s are left to the cache', task.node.name)

    def _wanted(self, task: tasks.Task, info: InstanceInfo,
                image: Path) -> writing.Wanted:
        settings = self.common.settings
        images = glance.Glance(settings.images, settings.write_limit_s)
        properties = images.properties(task.context, info.image_source)
        whole_disk = not is_partition_image(task.node, properties)
        kernel = None
        if not whole_disk and task.node.capabilities.get(
                'boot_option', 'local') == 'local':
            found = bootiso.kernel_of(task, properties, info.image_source)
            kernel = writing.Kernel(
                images.file(task.context, found[0]),
                images.file(task.context, found[1]),
                str(properties.get('os_command_line')
                           or settings.kernel_append))
        return writing.Wanted(
            image, whole_disk, info.root_mb, info.swap_mb, info.ephemeral_mb,
            info.ephemeral_format, info.preserve_ephemeral,
            Path(info.configdrive) if info.configdrive else None,
            boot_mode=firmware.mode(task).value, boot_mb=settings.boot_mb,
            kernel=kernel, verify=settings.verify, loaders=settings.loaders)

    # Writing

    def _continue_deploy(self, task: tasks.Task, wanted: writing.Wanted,
                         ramdisk: running.Running) -> None:
        """Write the disk of a node whose ramdisk has called."""
        with self.writer(task, ramdisk) as writer:
            written = writer.write(wanted)
        self.note(task, written)

    @contextlib.contextmanager
    def writer(self, task: tasks.Task,
               ramdisk: running.Running) -> Iterator[writing.Writer]:
        """Yield what writes the node's disk, until the task is cancelled."""
        settings = self.common.settings
        settings.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _cancelling(task) as cancelled:
            supervisor = qemuimg.Supervisor(
                settings.write_silence_s, settings.write_limit_s,
                cancelled=cancelled)
            disk = iscsi.Disk(
                ramdisk.target(), supervisor, thin=ramdisk.info.thin)
            yield writing.Writer(disk, settings.work, task.step)

    @staticmethod
    def note(task: tasks.Task, written: writing.Written) -> None:
        """Keep by what the server's disk is found."""
        task.save_instance_info(**{
            name: value or None for name, value
            in dataclasses.asdict(written).items()})


def is_partition_image(node: nodes.Node, properties: dict[str, Any]) -> bool:
    """Return whether an image is that of a root file system.

    It comes with a kernel, or with a disc that has one; an image of a whole
    disk boots by itself.
    """
    info = node.instance_info
    has_kernel = all(properties.get(f'{name}_id') or info.get(name)
                     for name in ('kernel', 'ramdisk'))
    return bool(has_kernel or properties.get('boot_iso')
                or properties.get('img_type') == 'partition')


@contextlib.contextmanager
def _cancelling(task: tasks.Task) -> Iterator[threading.Event]:
    """Yield what is set when a task is to go no further."""
    cancelled, over = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=_watch, args=(task.check, cancelled, over), daemon=True,
        name='deploy-cancel')
    thread.start()
    try:
        yield cancelled
    finally:
        over.set()
        thread.join()


def _watch(check: Callable[[], None], cancelled: threading.Event,
           over: threading.Event) -> None:
    while not over.wait(_LOOK_S):
        try:
            check()
        except errors.Cancelled:
            cancelled.set()
            return
