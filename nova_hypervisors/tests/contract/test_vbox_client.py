# SPDX-License-Identifier: Apache-2.0
"""Every VBoxClient behaves so: the fake, and both ways to the real one."""

import dataclasses
import shutil
import time
import types
import uuid
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import vbox

State = api.MachineState

NAT = api.Attachment(api.AttachmentKind.NAT)
NIC = api.Nic(1, 'fa:16:3e:00:00:01', '82540EM', NAT)
TUNNEL = api.Attachment(
    api.AttachmentKind.UDP_TUNNEL,
    properties={'dest': '127.0.0.1', 'dport': '20001', 'sport': '20002'})


@pytest.fixture(params=['fake', 'vboxmanage', 'webservice'])
def peer(request):
    """What a test needs beside the client: folders, ways to break things."""
    if request.param == 'fake':
        fake = vbox.FakeVBox()
        folder = peers.short_folder('f')
        yield types.SimpleNamespace(
            client=fake, folder=folder, crash=fake.crash,
            lose_settings=fake.lose_settings)
        shutil.rmtree(folder)
        return
    real = request.getfixturevalue('real_virtualbox')
    folder = real.folder / uuid.uuid4().hex[:8]
    folder.mkdir()
    client = real.client
    if request.param == 'webservice':
        client = request.getfixturevalue('web_service').client
    yield types.SimpleNamespace(
        client=client, folder=folder, crash=real.crash,
        lose_settings=real.lose_settings)
    real.clear()
    shutil.rmtree(folder)


@pytest.fixture
def client(peer):
    return peer.client


@pytest.fixture
def make(peer):
    """Make machines, with a disk that boots the test guest if asked to."""

    def make(disk=False, **changes):
        machine_uuid = changes.pop('uuid', None) or str(uuid.uuid4())
        spec = api.MachineSpec(
            uuid=machine_uuid, folder=peer.folder / machine_uuid,
            **{'name': f'machine-{machine_uuid[:8]}', 'vcpus': 1,
               'memory_mb': 64, **changes})
        peer.client.create_machine(spec)
        if disk:
            path = peers.make_vdi(peer.folder / machine_uuid / 'root.vdi')
            peer.client.attach_disk(machine_uuid, 0, path)
        return spec

    return make


@pytest.fixture
def running(make, client):
    """A machine that runs the test guest."""
    spec = make(disk=True, nics=(NIC,), remote_display=api.RemoteDisplay(
        'VNC', '127.0.0.1', peers.as_text(peers.DISPLAY_PORTS),
        {'VNCPassword': 'se cret'}))
    client.start(spec.uuid)
    return spec.uuid


class TestHost:
    def test_it_has_processors_and_memory(self, client):
        host = client.host()
        assert host.cpus >= host.cores >= 1
        assert host.memory_mb > host.memory_free_mb > 0
        assert host.architecture in ('x86_64', 'aarch64')

    def test_its_version_is_one_that_we_know(self, client):
        assert client.get_version().release >= (7, 0)

    def test_its_vnc_extension_pack_can_be_used(self, client):
        pack, = client.extension_packs(['None Such', 'VNC'])
        assert (pack.name, pack.why_unusable) == ('VNC', '')

    def test_networks_of_each_kind_are_told(self, client):
        kinds = client.host_networks()
        assert kinds[api.AttachmentKind.BRIDGED]
        assert kinds[api.AttachmentKind.HOST_ONLY] == frozenset()


class TestExtradata:
    def test_what_is_set_is_found_by_its_prefix(self, client):
        client.set_extradata('contract/a', 'one: two, Value: three')
        client.set_extradata('other/b', 'x')
        assert client.get_extradata('contract/') == {
            'a': 'one: two, Value: three'}
        client.set_extradata('contract/a', None)
        assert client.get_extradata('contract/') == {}


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


class TestPower:
    def test_states_one_by_one_and_all_at_once(self, make, client, running):
        off = make()
        assert client.machine_state(running) is State.RUNNING
        assert client.machine_states() == {running: State.RUNNING,
                                           off.uuid: State.OFF}

    def test_on_and_off(self, client, running):
        client.power_off(running)
        assert client.machine_state(running) is State.OFF
        client.start(running)
        assert client.machine_state(running) is State.RUNNING

    def test_what_runs_is_not_started(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.start(running)

    def test_what_is_off_is_not_powered_off(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.power_off(make().uuid)

    def test_pause_and_resume(self, client, running):
        client.pause(running)
        assert client.machine_state(running) is State.PAUSED
        assert client.machine_states()[running] is State.PAUSED
        client.resume(running)
        assert client.machine_state(running) is State.RUNNING

    def test_what_runs_is_not_resumed(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.resume(running)

    def test_a_saved_machine_goes_on(self, client, running):
        client.save_state(running)
        assert client.machine_state(running) is State.SAVED
        assert client.machine_states()[running] is State.SAVED
        client.start(running)
        assert client.machine_state(running) is State.RUNNING

    def test_a_saved_state_is_thrown_away(self, client, running):
        client.save_state(running)
        client.discard_state(running)
        assert client.machine_state(running) is State.OFF

    def test_there_is_no_saved_state_to_throw_away(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.discard_state(make().uuid)

    def test_the_guest_answers_the_power_button(self, client, running):
        # It has to have booted to see it: until then it is pressed again.
        end = time.monotonic() + 60
        while client.machine_state(running) is State.RUNNING:
            assert time.monotonic() < end
            try:
                client.press_power_button(running)
            except errors.InvalidState:
                break
            time.sleep(1)
        assert client.machine_state(running) is State.OFF

    def test_a_process_that_died_is_seen_and_mended(self, client, running,
                                                    peer):
        peer.crash(running)
        assert client.machine_state(running) is State.ABORTED
        assert client.machine_states()[running] is State.ABORTED
        client.start(running)
        assert client.machine_state(running) is State.RUNNING


class TestMedia:
    def test_an_empty_disk_is_made_and_known(self, client, peer):
        path = peer.folder / 'empty.vdi'
        client.create_disk(path, 8)
        assert client.list_media() == [
            api.Medium(str(path), api.DiskKind.DISK, 8)]
        client.close_medium(path, delete=True)
        assert client.list_media() == []
        assert not path.exists()

    def test_a_file_is_not_written_over(self, client, peer):
        path = peers.make_vdi(peer.folder / 'there.vdi')
        with pytest.raises(errors.AlreadyExists):
            client.create_disk(path, 8)

    def test_a_child_differs_from_its_parent(self, client, peer):
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child = peer.folder / 'child.vdi'
        client.create_child_disk(child, base)
        assert {medium.path: medium.parent
                for medium in client.list_media()} == {
            str(base): None, str(child): str(base)}
        with pytest.raises(errors.InUse):
            client.close_medium(base)
        client.close_medium(child, delete=True)
        client.close_medium(base)
        assert base.exists()

    def test_a_parent_has_to_be_there(self, client, peer):
        with pytest.raises(errors.MediumNotFound):
            client.create_child_disk(peer.folder / 'child.vdi',
                                     peer.folder / 'none.vdi')

    def test_attached_and_detached(self, make, client, peer):
        spec = make()
        path = peers.make_vdi(peer.folder / 'disk.vdi')
        client.attach_disk(spec.uuid, 3, path)
        assert client.machine_settings(spec.uuid).disks == (
            api.AttachedDisk(3, api.DiskKind.DISK, str(path)),)
        with pytest.raises(errors.InUse):
            client.close_medium(path)
        client.detach_disk(spec.uuid, 3)
        assert client.machine_settings(spec.uuid).disks == ()

    def test_an_image_is_attached_as_a_dvd(self, make, client, peer):
        spec = make()
        image = peer.folder / 'image.iso'
        image.write_bytes(bytes(1 << 20))
        client.attach_disk(spec.uuid, 1, image, api.DiskKind.DVD)
        assert client.machine_settings(spec.uuid).disks == (
            api.AttachedDisk(1, api.DiskKind.DVD, str(image)),)
        assert [medium.path for medium in client.list_media()] == [str(image)]

    def test_a_file_that_is_not_there_is_not_attached(self, make, client,
                                                      peer):
        with pytest.raises(errors.MediumNotFound):
            client.attach_disk(make().uuid, 0, peer.folder / 'none.vdi')

    def test_what_is_unknown_is_not_closed(self, client, peer):
        with pytest.raises(errors.MediumNotFound):
            client.close_medium(peer.folder / 'none.vdi')

    def test_a_disk_is_attached_while_the_machine_runs(self, client, running,
                                                       peer):
        path = peers.make_vdi(peer.folder / 'hot.vdi')
        client.attach_disk(running, 5, path)
        assert len(client.machine_settings(running).disks) == 2
        client.detach_disk(running, 5)
        assert len(client.machine_settings(running).disks) == 1

    def test_a_copy_holds_what_its_parents_hold(self, client, peer):
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child = peer.folder / 'child.vdi'
        client.create_child_disk(child, base)
        copy = peer.folder / 'copy.vdi'
        client.clone_disk(child, copy)
        assert str(copy) not in {medium.path
                                 for medium in client.list_media()}
        assert _content(copy) == peers.lab().guest.read_bytes()


def _content(vdi):
    raw = vdi.with_suffix('.raw')
    peers.convert(vdi, 'vdi', raw)
    return raw.read_bytes()


class TestNics:
    def test_set_and_removed(self, make, client):
        spec = make(nics=(NIC,))
        second = api.Nic(2, 'fa:16:3e:00:00:02', 'virtio', TUNNEL)
        client.set_nic(spec.uuid, second)
        assert client.machine_settings(spec.uuid).nics == (NIC, second)
        client.remove_nic(spec.uuid, 1)
        assert client.machine_settings(spec.uuid).nics == (second,)

    def test_none_is_added_to_a_running_machine(self, client, running):
        with pytest.raises(errors.InvalidState):
            client.set_nic(running, dataclasses.replace(NIC, slot=2))

    @pytest.mark.parametrize('attachment', [api.UNPLUGGED, TUNNEL, NAT])
    def test_replugged_while_the_machine_runs(self, client, running,
                                              attachment):
        client.plug_nic(running, 1, attachment)
        nic, = client.machine_settings(running).nics
        assert nic.attachment == attachment
        assert nic.mac == NIC.mac


class TestSnapshots:
    def test_a_running_machine_goes_on_on_new_files(self, client, running):
        before, = client.machine_settings(running).disks
        client.take_snapshot(running, 'frozen')
        found = client.machine_settings(running)
        assert found.snapshots == ('frozen',)
        assert found.disks[0].path != before.path
        assert client.machine_state(running) is State.RUNNING
        client.delete_snapshot(running, 'frozen')
        found = client.machine_settings(running)
        assert found.snapshots == ()
        assert found.disks == (before,)
        assert client.machine_state(running) is State.RUNNING

    def test_the_frozen_disk_can_be_copied(self, client, running, peer):
        disk, = client.machine_settings(running).disks
        client.take_snapshot(running, 'frozen')
        copy = peer.folder / 'copy.vdi'
        client.clone_disk(Path(disk.path), copy)
        client.delete_snapshot(running, 'frozen')
        assert _content(copy) == peers.lab().guest.read_bytes()

    def test_one_that_is_not_there(self, make, client):
        with pytest.raises(errors.ClientError):
            client.delete_snapshot(make().uuid, 'none')


class TestDisplay:
    def test_a_running_machine_shows_its_screen(self, client, running, peer):
        picture = peer.folder / 'screen.png'
        client.save_screenshot(running, picture)
        assert picture.read_bytes().startswith(b'\x89PNG')

    def test_a_running_machine_listens(self, client, running):
        assert client.display_port(running) in peers.DISPLAY_PORTS

    def test_one_that_is_off_does_not(self, make, client):
        spec = make(remote_display=api.RemoteDisplay('VNC', '127.0.0.1',
                                                     '5960'))
        assert client.display_port(spec.uuid) is None


class TestStatistics:
    def test_processor_time_grows(self, client, running):
        first = client.statistics(running)
        assert len(first.cpu_times_ns) == 1
        assert set(first.nics) == {1}
        assert set(first.disks) == {0}

        def has_grown():
            second = client.statistics(running)
            assert second.uptime_s >= first.uptime_s
            return second.cpu_times_ns[0] > first.cpu_times_ns[0]

        # Some counters stand still until the guest halts for the first time.
        peers.wait_until(has_grown, timeout_s=60)

    def test_one_that_is_off_has_none(self, make, client):
        with pytest.raises(errors.InvalidState):
            client.statistics(make().uuid)
