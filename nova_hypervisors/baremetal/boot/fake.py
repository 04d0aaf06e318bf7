# SPDX-License-Identifier: Apache-2.0
"""Boots from the disk, or from a disc that is named and never made."""

from __future__ import annotations

from collections.abc import Mapping

from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.boot import base
from nova_hypervisors.clients.bmc import api

_RAMDISK = 'http://fake.invalid/deploy.iso'
_RESCUE = 'http://fake.invalid/rescue/{}.iso'


class FakeBoot(base.BootInterface):
    """Sets the boot device of a node, whatever its management interface is.

    A disc is put in where the machine takes one.
    """

    def prepare_ramdisk(self, task: tasks.Task,
                        parameters: Mapping[str, str]) -> None:  # noqa: ARG002
        self._insert(task, _RAMDISK)

    def clean_up_ramdisk(self, task: tasks.Task) -> None:
        self._eject(task)

    def prepare_deployed(self, task: tasks.Task) -> None:
        booting.set_device(task)

    def clean_up_instance(self, task: tasks.Task) -> None:
        """There is nothing."""

    def prepare_rescue(self, task: tasks.Task, image_ref: str) -> None:
        self._insert(task, _RESCUE.format(image_ref))

    def clean_up_rescue(self, task: tasks.Task) -> None:
        self._eject(task)

    @staticmethod
    def _insert(task: tasks.Task, url: str) -> None:
        machine = task.interfaces.management.machine(task.node)
        machine.insert_media(api.MediaKind.CDROM, url)
        task.interfaces.management.set_boot(task.node, api.BootDevice.CDROM)

    @staticmethod
    def _eject(task: tasks.Task) -> None:
        task.interfaces.management.machine(task.node).eject_media(
            api.MediaKind.CDROM)
