# SPDX-License-Identifier: Apache-2.0
"""Machines are made, changed and deleted alike by every client."""

import dataclasses
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.contract import machines
from nova_hypervisors.tests.fakes import vbox

State = api.MachineState
NAT = machines.NAT
NIC = machines.NIC
TUNNEL = machines.TUNNEL


class TestMachines:
    def test_a_new_machine_is_as_it_was_asked_for(self, make, client):
        spec = make(
            vcpus=2, memory_mb=96, nics=(
                NIC, api.Nic(3, 'fa:16:3e:00:00:03', 'virtio', TUNNEL,
                             cable_connected=False)),
            boot_order=(api.BootDevice.NETWORK, api.BootDevice.DISK),
            remote_display=api.RemoteDisplay('VNC', '127.0.0.1', '5901'))
        found = client.machine_settings(spec.uuid)
        assert (found.uuid, found.name) == (spec.uuid, spec.name)
        assert (found.vcpus, found.memory_mb) == (2, 96)
        assert found.chipset == 'piix3'
        assert found.nics == spec.nics
        assert found.boot_order == spec.boot_order
        assert found.display_ports == '5901'
        assert found.disks == ()
        assert Path(found.folder).parent == spec.folder
        assert client.machine_state(spec.uuid) is State.OFF

    @pytest.mark.parametrize('kind', [
        api.AttachmentKind.BRIDGED, api.AttachmentKind.HOST_ONLY,
        api.AttachmentKind.INTERNAL, api.AttachmentKind.NAT_NETWORK])
    def test_an_adapter_is_attached_as_it_was_asked_for(self, make, client,
                                                        kind):
        nic = dataclasses.replace(NIC, attachment=api.Attachment(kind, 'net'))
        spec = make(nics=(nic,))
        assert client.machine_settings(spec.uuid).nics == (nic,)

    def test_there_is_room_for_as_many_adapters_as_the_chipset_has(
            self, make, client):
        nics = tuple(api.Nic(slot, f'fa:16:3e:00:00:{slot:02x}', 'virtio', NAT)
                     for slot in range(1, 37))
        spec = make(nics=nics, chipset='ich9')
        found = client.machine_settings(spec.uuid)
        assert found.nics == nics
        assert found.chipset == 'ich9'

    def test_a_machine_for_an_arm_host(self, make, client):
        spec = make(architecture='arm', chipset='armv8virtual',
                    os_type='Linux_arm64', vcpus=2, nics=(NIC,))
        found = client.machine_settings(spec.uuid)
        assert found.chipset == 'armv8virtual'
        assert found.nics == (NIC,)
        client.create_disk(spec.folder / 'root.vdi', 16)
        client.attach_disk(spec.uuid, 0, spec.folder / 'root.vdi')
        assert len(client.machine_settings(spec.uuid).disks) == 1

    def test_any_name_will_do(self, make, client):
        spec = make(name='a "b" {c} ünï', description='one\ntwo="three"')
        assert [(machine.uuid, machine.name)
                for machine in client.list_machines()] == [
            (spec.uuid, spec.name)]
        assert client.machine_settings(spec.uuid).name == spec.name

    def test_two_may_have_the_same_name(self, make, client):
        first, second = make(name='twin'), make(name='twin')
        client.start(second.uuid)
        assert client.machine_state(first.uuid) is State.OFF
        assert client.machine_state(second.uuid) is State.RUNNING

    def test_a_uuid_is_not_used_twice(self, make, client):
        spec = make(memory_mb=64)
        with pytest.raises(errors.AlreadyExists):
            make(uuid=spec.uuid, memory_mb=128)
        assert client.machine_settings(spec.uuid).memory_mb == 64

    def test_a_machine_that_cannot_be_made_leaves_nothing(self, make, client,
                                                          peer):
        if isinstance(client, vbox.FakeVBox):
            client.create_machine = _refuse
        with pytest.raises(errors.ClientError):
            make(memory_mb=10 ** 9)
        assert client.list_machines() == []
        assert list(peer.folder.rglob('*.vbox')) == []

    def test_hardware_is_brought_in_line(self, make, client):
        spec = make(nics=(NIC, dataclasses.replace(
            NIC, slot=2, mac='fa:16:3e:00:00:02')))
        wanted = dataclasses.replace(spec, memory_mb=128, vcpus=2,
                                     nics=(NIC,))
        client.configure_machine(wanted)
        found = client.machine_settings(spec.uuid)
        assert (found.memory_mb, found.vcpus) == (128, 2)
        assert found.nics == (NIC,)

    def test_the_boot_order_is_changed(self, make, client):
        spec = make()
        order = (api.BootDevice.NETWORK, api.BootDevice.DVD)
        client.set_boot_order(spec.uuid, order)
        assert client.machine_settings(spec.uuid).boot_order == order

    def test_a_deleted_machine_is_gone_with_its_folder(self, make, client):
        spec = make()
        folder = Path(client.machine_settings(spec.uuid).folder)
        client.delete_machine(spec.uuid)
        assert client.list_machines() == []
        assert not folder.exists()

    def test_its_disks_and_their_parents_stay(self, make, client, peer):
        spec = make()
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child = spec.folder / 'root.vdi'
        client.create_child_disk(child, base)
        client.attach_disk(spec.uuid, 0, child)
        client.delete_machine(spec.uuid)
        assert base.exists()
        assert child.exists()
        assert client.list_media() == []

    def test_a_disk_in_its_folder_goes_with_it(self, make, client, peer):
        spec = make()
        base = peers.make_vdi(peer.folder / 'base.vdi')
        client.create_child_disk(spec.folder / 'root.vdi', base)
        client.attach_disk(spec.uuid, 0, spec.folder / 'root.vdi')
        client.start(spec.uuid)
        client.take_snapshot(spec.uuid, 'frozen')
        client.delete_snapshot(spec.uuid, 'frozen')
        client.power_off(spec.uuid)
        folder = Path(client.machine_settings(spec.uuid).folder)
        client.delete_machine(spec.uuid)
        assert not folder.exists()
        assert base.exists()

    def test_it_may_be_made_again_and_again(self, make, client, peer):
        # VirtualBox crashed at the second time.
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child = peer.folder / 'root.vdi'
        uuid = make().uuid
        for _ in range(3):
            client.create_child_disk(child, base)
            client.attach_disk(uuid, 0, child)
            client.start(uuid)
            client.power_off(uuid)
            client.delete_machine(uuid)
            assert client.list_media() == []
            # The fake's disks are files, too.
            child.unlink()
            make(uuid=uuid)

    def test_an_unregistered_machine_keeps_its_folder(self, make, client):
        spec = make()
        folder = Path(client.machine_settings(spec.uuid).folder)
        client.unregister_machine(spec.uuid)
        assert client.list_machines() == []
        assert folder.exists()

    def test_a_running_machine_is_not_deleted(self, running, client):
        with pytest.raises(errors.InvalidState):
            client.delete_machine(running)
        assert client.machine_state(running) is State.RUNNING

    def test_one_without_its_settings_disturbs_no_other(self, make, client,
                                                        peer):
        lost, fine = make(), make()
        peer.lose_settings(lost.uuid)
        listed = {machine.uuid: machine.accessible
                  for machine in client.list_machines()}
        assert listed == {lost.uuid: False, fine.uuid: True}
        assert client.machine_states() == {
            lost.uuid: State.INACCESSIBLE, fine.uuid: State.OFF}
        assert client.machine_state(lost.uuid) is State.INACCESSIBLE
        client.delete_machine(lost.uuid)
        assert list(client.machine_states()) == [fine.uuid]

    @pytest.mark.parametrize('method', [
        'delete_machine', 'display_port', 'machine_settings', 'machine_state',
        'pause', 'power_off', 'press_power_button', 'resume', 'save_state',
        'start', 'statistics', 'unregister_machine'])
    def test_an_unknown_machine_is_not_found(self, client, method):
        with pytest.raises(errors.MachineNotFound):
            getattr(client, method)('00000000-0000-4000-8000-000000000000')


def _refuse(spec):
    raise errors.InvalidArgument('too much memory')
