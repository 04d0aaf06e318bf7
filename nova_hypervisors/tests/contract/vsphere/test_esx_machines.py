# SPDX-License-Identifier: Apache-2.0
"""Machines of an ESX host, and their power."""

import dataclasses

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.contract.vsphere import conftest

NIC = api.Nic(conftest.MAC, 'VM Network')


def details(client, ref):
    return client.machine_details(ref)


def test_a_machine_that_was_made_is_known_at_once(client, place):
    spec = place.spec(vcpus=2, memory_mb=128)
    ref = client.create_machine(spec)
    machine = client.find_machine(spec.uuid.upper())
    assert machine == api.Machine(
        ref=ref, name=spec.name, instance_uuid=spec.uuid, path=spec.path,
        state=api.PowerState.OFF, vcpus=2, memory_mb=128)
    assert machine in client.list_machines()


def test_it_has_what_it_was_made_with(client, place):
    disk = place.disk()
    ref = place.machine(
        disks=(api.Disk(disk, size=1 << 20, bus=api.DiskBus.PARAVIRTUAL),),
        nics=(NIC, dataclasses.replace(NIC, mac='fa:16:3e:00:00:02',
                                       model=api.NicModel.VMXNET3)),
        extra_config={'machine.id': 'a;b;<c>#', 'nova.empty': ''},
        guest_id='otherGuest64', cores_per_socket=1)
    found = details(client, ref)
    assert found.guest_id == 'otherGuest64'
    assert found.firmware == 'bios'
    assert [(one.path, one.bus, one.unit) for one in found.disks] == [
        (disk, api.DiskBus.PARAVIRTUAL, 0)]
    assert [(one.mac, one.port_group, one.model) for one in found.nics] == [
        (conftest.MAC, 'VM Network', api.NicModel.E1000),
        ('fa:16:3e:00:00:02', 'VM Network', api.NicModel.VMXNET3)]
    assert found.extra_config['machine.id'] == 'a;b;<c>#'
    assert found.snapshots == ()
    assert found.serial_file is None


@pytest.mark.parametrize('bus', api.DiskBus)
def test_a_disk_hangs_on_the_adapter_that_it_is_to(client, place, bus):
    ref = place.machine(disks=(api.Disk(place.disk(), size=1 << 20,
                                        bus=bus),))
    assert [one.bus for one in details(client, ref).disks] == [bus]


def test_disks_of_one_kind_share_an_adapter(client, place):
    ref = place.machine(disks=tuple(
        api.Disk(place.disk(f'{number}.vmdk'), size=1 << 20)
        for number in range(3)))
    assert [one.unit for one in details(client, ref).disks] == [0, 1, 2]


def test_a_disk_is_made_with_its_machine(client, place):
    spec = place.spec()
    path = spec.path.parent / 'made.vmdk'
    ref = client.create_machine(dataclasses.replace(spec, disks=(
        api.Disk(path, size=2 << 20, create=True),)))
    [disk] = details(client, ref).disks
    assert (disk.path, disk.size) == (path, 2 << 20)
    assert 'made.vmdk' in {
        one.path for one in client.list_folder(path.parent)}


def test_a_child_disk_knows_its_parent(client, place):
    base = place.disk('base.vmdk')
    spec = place.spec()
    path = spec.path.parent / 'child.vmdk'
    ref = client.create_machine(dataclasses.replace(spec, disks=(
        api.Disk(path, size=1 << 20, parent=base),)))
    [disk] = details(client, ref).disks
    assert (disk.path, disk.parents) == (path, (base,))


def test_an_image_is_in_the_drive(client, place):
    image = place.folder / 'config.iso'
    place.upload('config.iso', b'iso' * 1000)
    ref = place.machine(cdrom=image)
    assert details(client, ref).cdrom == image


def test_a_disk_that_is_not_there_is_not_found(client, place):
    with pytest.raises(errors.MediumNotFound):
        place.machine(disks=(api.Disk(place.folder / 'no.vmdk', size=1),))


def test_a_second_machine_with_that_path_is_refused(client, place):
    spec = place.spec()
    client.create_machine(spec)
    with pytest.raises(errors.AlreadyExists):
        client.create_machine(dataclasses.replace(
            place.spec(), path=spec.path, name=spec.name))


def test_it_is_renamed_and_given_more(client, place):
    ref = place.machine()
    client.change_machine(ref, api.MachineChange(
        name='renamed', vcpus=2, memory_mb=256,
        extra_config={'machine.id': 'x'}))
    [machine] = [one for one in client.list_machines() if one.ref == ref]
    assert (machine.name, machine.vcpus, machine.memory_mb) == (
        'renamed', 2, 256)
    assert details(client, ref).extra_config['machine.id'] == 'x'


def test_a_key_of_its_configuration_is_replaced(client, place, peer):
    ref = place.machine(extra_config={'machine.id': 'old', 'a.b': 'c'})
    client.change_machine(ref, api.MachineChange(
        extra_config={'machine.id': 'new'}))
    found = details(client, ref).extra_config
    assert (found['machine.id'], found['a.b']) == ('new', 'c')
    if peer.can('replace extra config'):
        client.change_machine(ref, api.MachineChange(
            extra_config={'machine.id': ''}))
        assert not details(client, ref).extra_config.get('machine.id')


def test_disks_are_added_and_taken_away(client, place):
    ref = place.machine(disks=(api.Disk(place.disk('a.vmdk'), size=1 << 20),))
    added = place.disk('b.vmdk')
    client.change_machine(ref, api.MachineChange(add_disks=(
        api.Disk(added, size=1 << 20),)))
    first, second = details(client, ref).disks
    assert (second.path, second.unit) == (added, 1)
    client.change_machine(ref, api.MachineChange(remove_disks=(first.key,)))
    assert [one.path for one in details(client, ref).disks] == [added]
    assert 'a.vmdk' in place.names()


def test_a_disk_that_it_has_not_cannot_be_taken_away(client, place):
    ref = place.machine()
    with pytest.raises(errors.NotFound, match='4711'):
        client.change_machine(ref, api.MachineChange(remove_disks=(4711,)))


def test_network_adapters_come_and_go(client, place):
    ref = place.machine(nics=(NIC,))
    other = dataclasses.replace(NIC, mac='fa:16:3e:00:00:09')
    client.change_machine(ref, api.MachineChange(add_nics=(other,)))
    first, second = details(client, ref).nics
    assert second.mac == 'fa:16:3e:00:00:09'
    client.change_machine(ref, api.MachineChange(remove_nics=(first.key,)))
    assert [one.mac for one in details(client, ref).nics] == [second.mac]


def test_an_image_is_put_into_a_drive_that_is_added(client, place):
    ref = place.machine()
    for name in ('a.iso', 'b.iso'):
        place.upload(name, b'iso' * 1000)
        client.change_machine(ref, api.MachineChange(
            cdrom=place.folder / name))
        assert details(client, ref).cdrom == place.folder / name


def test_its_power(client, place):
    ref = place.machine()
    for operation, state in (
            (client.power_on, api.PowerState.ON),
            (client.reset, api.PowerState.ON),
            (client.suspend, api.PowerState.SUSPENDED),
            (client.power_on, api.PowerState.ON),
            (client.power_off, api.PowerState.OFF)):
        operation(ref)
        [machine] = [one for one in client.list_machines() if one.ref == ref]
        assert machine.state is state
        assert client.wait_for_state(ref, state, 0)
    assert not client.wait_for_state(ref, api.PowerState.ON, 0.1)


def test_power_that_its_state_does_not_allow(client, place, peer):
    ref = place.machine()
    for operation in (client.power_off, client.reset, client.shut_down_guest,
                      *([client.suspend] if peer.can('power states') else [])):
        with pytest.raises(errors.InvalidState) as caught:
            operation(ref)
        assert caught.value.fault == 'InvalidPowerState'
    client.power_on(ref)
    for operation in (client.power_on, client.destroy_machine,
                      client.unregister_machine):
        with pytest.raises(errors.InvalidState):
            operation(ref)


@pytest.mark.needs('reboot guest')
def test_a_guest_without_tools_cannot_be_asked(client, place, peer):
    ref = place.machine()
    client.power_on(ref)
    for operation in (client.shut_down_guest, client.reboot_guest):
        with pytest.raises(errors.NoAdditions):
            operation(ref)


def test_a_machine_that_was_deleted_is_gone_at_once(client, place, peer):
    spec = place.spec()
    ref = client.create_machine(spec)
    client.destroy_machine(ref)
    with pytest.raises(errors.MachineNotFound):
        client.find_machine(spec.uuid)
    for operation in (client.power_on, client.machine_details,
                      client.destroy_machine):
        with pytest.raises(errors.MachineNotFound):
            operation(ref)
    if peer.can('destroy deletes'):
        assert place.names() == []


def test_a_machine_that_is_forgotten_leaves_its_files(client, place, peer):
    spec = place.spec(memory_mb=96)
    client.unregister_machine(client.create_machine(spec))
    with pytest.raises(errors.MachineNotFound):
        client.find_machine(spec.uuid)
    assert spec.path.name in {
        one.path for one in client.list_folder(spec.path.parent)}
    ref = client.register_machine(spec.path, spec.name)
    [machine] = [one for one in client.list_machines() if one.ref == ref]
    assert machine.name == spec.name
    if peer.can('register reads the file'):
        assert machine.instance_uuid == spec.uuid
        assert machine.memory_mb == 96
    else:
        client.destroy_machine(ref)


def test_changes_are_told(client, place):
    heard = []
    client.on_change(lambda machine, ref: heard.append((machine, ref)))
    ref = place.machine()
    client.power_on(ref)
    client.power_off(ref)
    client.destroy_machine(ref)
    mine = [machine for machine, one in heard if one == ref]
    states = [machine.state for machine in mine if machine is not None]
    assert states[-3:] == [api.PowerState.OFF, api.PowerState.ON,
                           api.PowerState.OFF]
    assert mine[-1] is None


def test_a_listener_that_fails_stops_nobody(client, place):
    def fail(machine, ref):
        raise RuntimeError('listener')

    client.on_change(fail)
    ref = place.machine()
    assert ref in {one.ref for one in client.list_machines()}


def test_what_another_client_does_is_seen(client, place, peer):
    other = peer.make_client()
    other.connect()
    try:
        ref = place.machine()
        assert client.wait_for_state(ref, api.PowerState.OFF, 5)
        other.wait_for_state(ref, api.PowerState.OFF, 5)
        other.power_on(ref)
        assert client.wait_for_state(ref, api.PowerState.ON, 5)
        other.power_off(ref)
        other.destroy_machine(ref)
        peers.wait_until(lambda: ref not in {
            one.ref for one in client.list_machines()})
    finally:
        other.close()


def test_snapshots_come_and_go(client, place):
    ref = place.machine(disks=(api.Disk(place.disk(), size=1 << 20),))
    first = client.take_snapshot(ref, 'first')
    second = client.take_snapshot(ref, 'second')
    assert details(client, ref).snapshots == (
        api.Snapshot(first, 'first'), api.Snapshot(second, 'second', True))
    client.delete_snapshot(ref, second)
    client.delete_snapshot(ref, first)
    assert details(client, ref).snapshots == ()


@pytest.mark.needs('delta disks')
def test_a_snapshot_s_disk_knows_what_it_stands_on(client, place, peer):
    disk = place.disk()
    ref = place.machine(disks=(api.Disk(disk, size=1 << 20),))
    client.take_snapshot(ref, 'one')
    [found] = details(client, ref).disks
    assert found.parents == (disk,)
