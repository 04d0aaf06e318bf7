# SPDX-License-Identifier: Apache-2.0
"""Deploys by the node itself: its ramdisk fetches the image and writes it.

This host has less to do than with iSCSI, and the data goes from the publisher
to the node directly.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from nova_hypervisors.baremetal import firmware
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import writing
from nova_hypervisors.baremetal.deploy import iscsi
from nova_hypervisors.baremetal.deploy import running
from nova_hypervisors.clients import errors

# An image is kept for the next node, this long.
_KEPT_S = 24 * 3600


class AgentDeploy(iscsi.ISCSIDeploy):
    """For images of whole disks."""

    def deploy(self, task: tasks.Task) -> None:
        info = iscsi.parse_instance_info(task.node)
        task.step('cache the image')
        image = self._cache_instance_image(task, info)
        wanted = self._wanted(task, info, image)
        writing.check(wanted, image.stat().st_size)
        if not wanted.whole_disk:
            raise errors.Unsupported(
                'the node itself writes images of whole disks only: use the '
                'deploy interface iscsi for this image')
        with self.common.using(image):
            self._let_it_write(task, info, wanted)
        firmware.secure(task)

    def _let_it_write(self, task: tasks.Task, info: iscsi.InstanceInfo,
                      wanted: writing.Wanted) -> None:
        image = wanted.image
        task.step('publish the image')
        checksum = _sha256(image)
        url = self._publish(info, image)
        with self.ramdisk(task, mode='agent', image_url=url,
                          image_checksum=checksum) as ramdisk:
            if wanted.config_drive is not None:
                self._add_config_drive(task, wanted, ramdisk)
        with image.open('rb') as file:
            self.note(task, writing.written_whole(file.read(512)))

    def _publish(self, info: iscsi.InstanceInfo, image: Path) -> str:
        settings, publisher = self.common.settings, self.common.publisher
        name = f'raw-{glance.image_id(info.image_source)}'
        publisher.upload_object(settings.container, name, image,
                                delete_after_s=_KEPT_S, create_container=True)
        return publisher.get_tmp_url(settings.container, name,
                                     int(settings.deploy_timeout_s))

    def _add_config_drive(self, task: tasks.Task, wanted: writing.Wanted,
                          ramdisk: running.Running) -> None:
        if wanted.config_drive is not None:
            with self.writer(task, ramdisk) as writer:
                writer.add_config_drive(wanted.image, wanted.config_drive)


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
