# SPDX-License-Identifier: Apache-2.0
"""What Nova wants to be told about a live migration, in its own words.

Nova's conductor knows the data of its own drivers only, and its compute
manager decides by their class what is cleaned up.  So it is libvirt's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nova import exception
from nova import objects
from oslo_serialization import jsonutils
from oslo_utils import units

from nova_hypervisors.clients.vbox import api


def check(source: Any, destination: Any,
          block_migration: bool | None) -> None:
    """:param source: the host's ComputeNode, as RPC sends it

    :raises MigrationPreCheckError: it cannot be
    """
    if block_migration:
        raise exception.MigrationPreCheckError(
            reason='VirtualBox moves memory and no disks: block migration is '
            'not possible, both hosts need a common instances_path')
    makers = [_maker(node) for node in (source, destination)]
    if makers[0] != makers[1]:
        raise exception.MigrationPreCheckError(
            reason='the processors of the hosts are of different makers '
            f'({" and ".join(makers)})')


def _maker(node: Any) -> str:
    values = node.get('nova_object.data', node)
    model = jsonutils.loads(values['cpu_info'] or '{}').get('model') or ''
    return str(model.partition(' ')[0])


def check_shared(seen: bool) -> None:
    """:raises MigrationPreCheckError: the hosts have no common folder"""
    if not seen:
        raise exception.MigrationPreCheckError(
            reason='the hosts have not the same [DEFAULT] instances_path on '
            'shared storage, and VirtualBox moves no disks')


def make_data(probe: str) -> objects.LibvirtLiveMigrateData:
    """Return data with which Nova cleans up what it should.

    The disks are shared; the machine's own settings are not, and Nova calls
    the host that it should have gone to only because of that.

    :param probe: a file that both hosts have to see
    """
    return objects.LibvirtLiveMigrateData(
        filename=probe, image_type='vdi', block_migration=False,
        disk_over_commit=False, is_shared_instance_path=False,
        is_shared_block_storage=True, bdms=[])


def without_waiting(data: objects.LibvirtLiveMigrateData,
                    ) -> objects.LibvirtLiveMigrateData:
    """Let Nova not wait for ports to be plugged in.

    Where no agent does it, they were when they were bound; and a port that
    changes its host while it is bound to another sends no event.
    """
    data.vifs = []
    return data


def disk_info(disks: Iterable[api.Medium]) -> str:
    """Return what ComputeDriver.get_instance_disk_info returns."""
    return str(jsonutils.dumps([{
        'path': disk.path, 'type': 'vdi', 'backing_file': disk.parent or '',
        'virt_disk_size': disk.capacity_mb * units.Mi,
        'disk_size': disk.capacity_mb * units.Mi,
        'over_committed_disk_size': 0} for disk in disks]))
