# SPDX-License-Identifier: Apache-2.0
"""The disc that a server boots from whose image brings no boot loader.

In this order: the image's own, by its property ``boot_iso``; one that was
made before of the same image, kernel and ramdisk; a new one.  How many nodes
use one that was made is counted in the database, by a row a node: an object
store cannot count when two do it at once.  What the object says of it is for
people.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from pathlib import Path

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import deploying
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import usage
from nova_hypervisors.clients import errors

LOG = logging.getLogger(__name__)

#: In ``instance_info``: a name of ours, a UUID of Glance or a URL.
BOOT_ISO = 'boot_iso'

_OURS = 'boot-'
_COUNT = 'usage-count'
# How long another node may take to make one.
_WAIT_S = 900.0
_LOOK_S = 1.0


def is_ours(name: str) -> bool:
    return name.startswith(_OURS)


def name_of(image: str, kernel: str, ramdisk: str) -> str:
    """Return what the disc of an image is called."""
    words = '\n'.join((image, kernel, ramdisk))
    return _OURS + hashlib.sha256(words.encode()).hexdigest()[:32]


class BootISOs:
    def __init__(self, services: backend.Services,
                 common: deploying.Deploying, images: glance.Glance) -> None:
        self._usage = services.images
        self._common = common
        self._images = images

    def pick(self, task: tasks.Task) -> str:
        """Return the server's disc, and note in the node that it uses it.

        :raises InvalidArgument: the image has neither a disc nor a kernel
        """
        info = task.node.instance_info
        if info.get(BOOT_ISO):
            return str(info[BOOT_ISO])
        source = str(info['image_source'])
        properties = self._images.properties(task.context, source)
        chosen = str(properties.get('boot_iso') or '')
        if not chosen:
            chosen = self._make(
                task, source, *kernel_of(task, properties, source))
        task.save_instance_info(**{BOOT_ISO: chosen})
        return chosen

    def release(self, task: tasks.Task) -> None:
        """Let go of the server's disc; the last one deletes it.

        A user's own is left alone.
        """
        name = str(task.node.instance_info.get(BOOT_ISO) or '')
        # The row is there before the node says so: after a crash, it is all
        # there is.
        for held in {name, *self._usage.held_by(task.node.uuid)}:
            if is_ours(held):
                self._release(held, task.node.uuid)
        if name:
            task.save_instance_info(**{BOOT_ISO: None})

    def _release(self, name: str, holder: str) -> None:
        container = self._common.settings.container
        if not self._usage.release(name, holder):
            self._note(name)
            return
        try:
            self._common.publisher.delete_object(container, name)
        except errors.NotFound:
            LOG.info('%s was deleted by somebody else', name)
        self._usage.forget(name)

    def _make(self, task: tasks.Task, image: str, kernel: str,
              ramdisk: str) -> str:
        name = name_of(image, kernel, ramdisk)
        end = time.monotonic() + _WAIT_S
        while (held := self._usage.hold(
                name, task.node.uuid)) is usage.Held.WAIT:
            if time.monotonic() > end:
                raise errors.TimedOut(
                    f'another node did not make {name} within {_WAIT_S:g} '
                    'seconds', operation='boot ISO')
            task.wait(_LOOK_S)
        if held is usage.Held.BUILD:
            try:
                self._build(task, name, kernel, ramdisk)
            except BaseException:
                self._usage.give_up(name, task.node.uuid)
                raise
            self._usage.ready(name)
        elif not self._is_there(name):
            # Somebody has deleted it behind our back.
            self._build(task, name, kernel, ramdisk)
        self._note(name)
        return name

    def _is_there(self, name: str) -> bool:
        try:
            self._common.publisher.get_object(
                self._common.settings.container, name)
        except errors.NotFound:
            return False
        return True

    def _build(self, task: tasks.Task, name: str, kernel: str,
               ramdisk: str) -> None:
        settings = self._common.settings
        root_uuid = task.node.instance_info.get('root_uuid')
        if not root_uuid:
            raise errors.InvalidState(
                'the root file system of the image has no UUID by which a '
                'kernel could find it', operation='boot ISO')
        settings.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.work) as folder:
            path = Path(folder, 'boot.iso')
            media.create_iso_image(
                path, self._images.file(task.context, kernel),
                self._images.file(task.context, ramdisk),
                kernel_append=f'root=UUID={root_uuid} '
                f'{settings.kernel_append}'.strip(),
                loaders=settings.loaders)
            self._common.publisher.upload_object(
                settings.container, name, path, create_container=True)

    def _note(self, name: str) -> None:
        try:
            self._common.publisher.note(
                self._common.settings.container, name,
                {_COUNT: str(self._usage.count(name))})
        except errors.ClientError as error:
            LOG.debug('The usage count of %s is not noted: %s', name, error)


def kernel_of(task: tasks.Task, properties: dict[str, object],
              image: str) -> tuple[str, str]:
    """Return the images of the kernel and of its ramdisk.

    :raises InvalidArgument: there are none
    """
    info = task.node.instance_info
    found = [str(info.get(name) or properties.get(f'{name}_id') or '')
             for name in ('kernel', 'ramdisk')]
    if not all(found):
        raise errors.InvalidArgument(
            f'the image {image} is that of a partition, and has neither '
            'kernel_id and ramdisk_id nor boot_iso: set these properties, or '
            'use an image of a whole disk')
    return found[0], found[1]
