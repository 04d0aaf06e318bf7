# SPDX-License-Identifier: Apache-2.0
"""What a node boots, and the way that it gets there."""

from __future__ import annotations

import abc
from collections.abc import Mapping

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import booting
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import spec
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal import volumes
from nova_hypervisors.common import iscsi


class BootInterface(backend.ServerInterface):
    """Every failure is an error of clients/errors.py.

    All that it does can be done again, and ``clean_up_`` also when nothing
    was prepared: nova-compute may have ended in between.
    """

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        """Return all that is wrong with the node; asks no BMC."""
        return self.setting_faults(task.node)

    @abc.abstractmethod
    def prepare_ramdisk(self, task: tasks.Task,
                        parameters: Mapping[str, str]) -> None:
        """Let the node boot the deploy ramdisk when next powered on.

        The node is off.

        :param parameters: what the ramdisk is to know
        """

    @abc.abstractmethod
    def clean_up_ramdisk(self, task: tasks.Task) -> None:
        """Leave nothing of it: no medium, object, file or secret."""

    def prepare_instance(self, task: tasks.Task) -> None:
        """Let the node boot its server, now and from now on.

        It is called again before each power-on and reboot of a server.
        """
        if not task.node.instance_info.get(spec.FROM_VOLUME):
            self.prepare_deployed(task)
            return
        volume = volumes.root(task.block_device_info)
        if volume is None:
            # What a host adapter shows is a disk for the firmware.
            booting.set_device(task)
        else:
            self.prepare_volume(task, volume)

    @abc.abstractmethod
    def prepare_deployed(self, task: tasks.Task) -> None:
        """Let the node boot what was deployed."""

    def volume_faults(self, node: nodes.Node) -> list[backend.Fault]:
        """Return why no server on the node can run from a volume."""
        return [backend.Fault(
            'boot_interface', f'{node.boot_interface!r} boots no volumes: '
            'set it to pxe or virtual-media')]

    def prepare_volume(self, task: tasks.Task,
                       volume: iscsi.Connection) -> None:
        """Let the node boot a volume, by its own network adapter.

        :raises Unsupported: it has no way to do that
        """
        raise backend.unsupported('this boot interface boots no volumes',
                                  task.node)

    @abc.abstractmethod
    def clean_up_instance(self, task: tasks.Task) -> None:
        """Leave nothing of what the server booted from but its disk."""

    def prepare_rescue(self, task: tasks.Task, image_ref: str) -> None:
        """Let the node boot a rescue image when next powered on.

        :param image_ref: the UUID of an image of Glance
        :raises Unsupported: it has no way to do that
        """
        raise backend.unsupported(
            'this boot interface rescues no servers', task.node)

    def clean_up_rescue(self, task: tasks.Task) -> None:
        """Leave nothing of it."""
