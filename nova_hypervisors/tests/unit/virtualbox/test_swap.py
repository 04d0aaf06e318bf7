# SPDX-License-Identifier: Apache-2.0
"""A volume takes another one's place."""

import pytest
from nova import exception

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import builders

State = api.MachineState
PORT = 2


def connection(name):
    return {'driver_volume_type': 'iscsi', 'serial': name, 'data': {
        'target_portal': '192.0.2.7:3260', 'target_lun': 1,
        'target_iqn': f'iqn.2026-11.org.example:{name}'}}


@pytest.fixture
def luns(parts, vbox):
    """The disks of two volumes: what one has is on the first."""
    found = [parts.volumes.planned({'block_device_mapping': [
        {'connection_info': connection(name)}]})[0].lun
        for name in ('old', 'new')]
    vbox.luns.update(found)
    vbox.contents[found[0].address] = 'content'
    return [lun.address for lun in found]


@pytest.fixture
def server(spawn, parts, luns):
    server = spawn(vifs=[builders.vif()])
    parts.volumes.attach(server, connection('old'), '/dev/sdb', None)
    return server


@pytest.fixture
def swap(parts, server):
    return lambda: parts.volumes.swap(server, connection('old'),
                                      connection('new'))


@pytest.fixture
def attached(vbox, server):
    return lambda: vbox.machines[server.uuid].disks[PORT].lun


def test_it_has_what_the_other_one_had(swap, attached, luns, vbox):
    swap()
    assert attached() == luns[1]
    assert vbox.contents[luns[1]] == 'content'


@pytest.mark.parametrize('name', ['pause', 'detach_lun', 'copy_lun',
                                  'attach_lun'])
@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
def test_a_server_keeps_what_cannot_be_swapped(swap, attached, luns, vbox,
                                               server, client, name, after):
    client.fail(name, after)
    with pytest.raises(errors.ClientError, match='injected'):
        swap()
    assert attached() == luns[0]
    assert vbox.machines[server.uuid].state is State.RUNNING
    swap()
    assert attached() == luns[1]


def test_what_cannot_be_put_back_is_told(swap, vbox, luns, caplog, server,
                                         client):
    vbox.luns.clear()
    with pytest.raises(errors.VolumeUnavailable):
        swap()
    assert 'has lost LUN 1 of iqn.2026-11.org.example:old' in caplog.text
    assert vbox.machines[server.uuid].state is State.RUNNING


def test_one_that_it_does_not_have(parts, server, swap, attached, luns):
    with pytest.raises(exception.DiskNotFound):
        parts.volumes.swap(server, connection('new'), connection('old'))
    assert attached() == luns[0]
