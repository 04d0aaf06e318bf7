# SPDX-License-Identifier: Apache-2.0
"""Deploys of HPE's servers: the ramdisk comes by virtual media."""

from __future__ import annotations

from nova_hypervisors.baremetal import backend
from nova_hypervisors.baremetal import task as tasks
from nova_hypervisors.baremetal.boot import virtualmedia
from nova_hypervisors.baremetal.deploy import iscsi


class IloVirtualMediaIscsiDeploy(iscsi.ISCSIDeploy):
    """Writes over iSCSI what a ramdisk from a virtual CD exports.

    Not only HPE's servers have virtual media; the name is that of the
    specification it comes from.
    """

    def validate(self, task: tasks.Task) -> list[backend.Fault]:
        found = super().validate(task)
        if not isinstance(task.interfaces.boot,
                          virtualmedia.VirtualMediaBoot):
            found.append(backend.Fault(
                'boot_interface', f'{task.node.boot_interface!r} boots by no '
                'virtual media: set it to virtual-media'))
        return found
