# SPDX-License-Identifier: Apache-2.0
"""A running server gets volumes while its machine has ports for disks."""

import pytest
from nova import exception

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders


def connection(number):
    return {'driver_volume_type': 'iscsi', 'serial': str(number), 'data': {
        'target_portal': '192.0.2.7:3260', 'target_lun': 1,
        'target_iqn': f'iqn.2026-11.org.example:{number}'}}


@pytest.fixture
def attach(parts, vbox):
    def do(server, number, device):
        volume, = parts.volumes.planned({'block_device_mapping': [
            {'connection_info': connection(number)}]})
        vbox.luns.add(volume.lun)
        parts.volumes.attach(server, connection(number), device, None)
        return {disk.port for disk in vbox.machines[server.uuid].disks.values()
                if disk.lun == volume.lun.address}
    return do


def test_a_name_that_is_far_away_gets_what_there_is(spawn, attach):
    server = spawn(vifs=[builders.vif()])
    assert attach(server, 1, '/dev/sdz') == {2}
    assert attach(server, 2, '/dev/sdc') == {3}


def test_without_a_port_it_is_told_what_to_do(spawn, attach, vbox):
    server = spawn(vifs=[builders.vif()])
    for number in range(4):
        attach(server, number, '')
    with pytest.raises(exception.InvalidVolume, match='disk_ports'):
        attach(server, 4, '')
    assert len(vbox.machines[server.uuid].disks) == 5
    vbox.machines[server.uuid].state = api.MachineState.OFF
    assert attach(server, 4, '') == {6}
