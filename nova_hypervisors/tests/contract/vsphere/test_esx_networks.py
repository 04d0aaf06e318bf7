# SPDX-License-Identifier: Apache-2.0
"""Networks and iSCSI storage of an ESX host."""

import uuid

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests.contract.vsphere import conftest
from nova_hypervisors.tests.fakes import esx as fake_esx

GB = 1 << 30


@pytest.fixture
def group(client):
    made = api.PortGroup(f'pg-{uuid.uuid4().hex[:8]}', 'vSwitch0', 17)
    yield made
    if made in client.network().port_groups:
        client.remove_port_group(made.name)


def test_adapters_lead_to_their_switch(client):
    network = client.network()
    [switch] = [one for one in network.switches if one.name == 'vSwitch0']
    nics = {nic.key: nic.device for nic in network.nics}
    assert 'vmnic0' in {nics[key] for key in switch.nics}
    assert api.PortGroup('VM Network', 'vSwitch0', 0) in network.port_groups
    assert all(nic.mac == nic.mac.lower() for nic in network.nics)


def test_a_port_group_comes_and_goes(client, group):
    client.add_port_group(group)
    assert group in client.network().port_groups
    client.remove_port_group(group.name)
    assert group not in client.network().port_groups


def test_a_second_one_of_that_name_is_refused(client, group):
    client.add_port_group(group)
    with pytest.raises(errors.AlreadyExists):
        client.add_port_group(group)


def test_one_on_a_switch_that_is_not_there(client, group):
    with pytest.raises(errors.NotFound):
        client.add_port_group(api.PortGroup(group.name, 'vSwitch9', 0))


def test_one_that_is_not_there_is_not_removed(client):
    with pytest.raises(errors.NotFound):
        client.remove_port_group('no such group')


@pytest.mark.needs('vlan range')
def test_a_vlan_that_there_cannot_be(client, group, peer):
    with pytest.raises(errors.InvalidArgument):
        client.add_port_group(api.PortGroup(group.name, 'vSwitch0', 5000))


@pytest.mark.needs('port groups in use')
def test_one_that_is_used_is_not_removed(client, group, place, peer):
    client.add_port_group(group)
    place.machine(nics=(api.Nic(conftest.MAC, group.name),))
    with pytest.raises(errors.InUse):
        client.remove_port_group(group.name)
    place.clear()


def test_a_machine_is_plugged_into_it(client, group, place):
    client.add_port_group(group)
    ref = place.machine(nics=(api.Nic(conftest.MAC, group.name),))
    assert client.machine_details(ref).nics[0].port_group == group.name
    place.clear()


# iSCSI

def target(secret='', user=''):
    return api.IscsiTarget('127.0.0.1', 3260,
                           f'iqn.2010-10.org.openstack:{uuid.uuid4()}',
                           user, secret)


@pytest.fixture
def lun(peer):
    """A target, and a disk in it as soon as it is logged in to."""
    one = target('chap secret', 'chap user')
    if peer.can('iscsi'):
        peer.own.luns.append(fake_esx.Lun(
            iqn=one.iqn, size=GB, lun=1, user=one.user, secret=one.secret))
    return one


@pytest.mark.needs('a known adapter')
def test_where_there_is_no_iscsi_that_is_said(client, peer):
    if peer.can('iscsi'):
        assert client.iscsi_adapter().iqn.startswith('iqn.')
        return
    with pytest.raises(errors.Unsupported):
        client.iscsi_adapter()


@pytest.mark.needs('iscsi')
def test_a_target_s_disk_is_found(client, peer, lun):
    for _ in range(2):
        client.add_target(lun)
        disk = client.find_lun(lun, 1)
        assert (disk.size, disk.lun, disk.target) == (GB, 1, lun.iqn)
        assert disk.device.endswith(disk.canonical_name)
    client.remove_target(lun)
    with pytest.raises(errors.VolumeUnavailable):
        client.find_lun(lun, 1)
    client.remove_target(lun)


@pytest.mark.needs('iscsi')
def test_a_wrong_secret_lets_nobody_in(client, peer, lun, caplog):
    wrong = api.IscsiTarget(lun.address, lun.port, lun.iqn, lun.user,
                            'wrong chap')
    with caplog.at_level('DEBUG'):
        client.add_target(wrong)
    with pytest.raises(errors.VolumeUnavailable, match=lun.iqn):
        client.find_lun(lun, 1)
    assert 'wrong chap' not in caplog.text
    client.add_target(lun)
    assert client.find_lun(lun, 1).size == GB
    client.remove_target(lun)


@pytest.mark.needs('iscsi')
def test_a_machine_has_it_as_a_raw_device(client, peer, lun, place):
    client.add_target(lun)
    spec = place.spec()
    ref = client.create_machine(spec)
    disk = client.find_lun(lun, 1)
    client.change_machine(ref, api.MachineChange(add_disks=(api.Disk(
        spec.path.parent / 'volume.vmdk', size=disk.size,
        device=disk.device, create=True),)))
    [found] = client.machine_details(ref).disks
    assert found.device
    assert found.size == GB
    client.change_machine(ref, api.MachineChange(remove_disks=(found.key,)))
    assert client.machine_details(ref).disks == ()
    client.remove_target(lun)
