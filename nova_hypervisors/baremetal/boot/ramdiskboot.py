# SPDX-License-Identifier: Apache-2.0
"""What the ways have in common that bring a deploy ramdisk to a node."""

from __future__ import annotations

import functools

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import glance
from nova_hypervisors.baremetal import nodes
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.boot import base

#: The file by which a ramdisk knows who it calls.
CERTIFICATE = 'ca.pem'


class RamdiskBoot(base.BootInterface):
    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if task.interfaces.deploy.uses_ramdisk:
            return found
        unset = self._unset(task.node)
        return [fault for fault in found if fault.field not in unset]

    def _unset(self, node: nodes.Node) -> set[str]:
        return {f'driver_info {setting.name}' for setting in self.settings
                if not any(node.driver_info.get(name)
                           for name in setting.names)}

    @functools.cached_property
    def _images(self) -> glance.Glance:
        settings = self.common.settings
        return glance.Glance(settings.images, settings.write_limit_s)


def wants_disc(task: tasks.Task) -> bool:
    """Return whether a server boots from a disc each time, by its flavor.

    With ``boot_option`` set to ``netboot``.  If such a server restarts by
    itself it does not come up: only Nova puts the disc in again.
    """
    return task.node.capabilities.get('boot_option') == 'netboot'
