# SPDX-License-Identifier: Apache-2.0
"""Disks and snapshots of them are alike by every client."""

import dataclasses
from pathlib import Path

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers

State = api.MachineState


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

    def test_grown(self, client, peer):
        path = peers.make_vdi(peer.folder / 'disk.vdi')
        client.resize_disk(path, 8)
        assert client.list_media() == [
            api.Medium(str(path), api.DiskKind.DISK, 8)]
        with pytest.raises(errors.ClientError):
            client.resize_disk(path, 4)

    def test_moved_with_all_that_hangs_on_it(self, make, client, peer):
        spec = make()
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child = peer.folder / 'child.vdi'
        client.create_child_disk(child, base)
        client.attach_disk(spec.uuid, 0, child)
        for path, name in ((base, 'b.vdi'), (child, 'c.vdi')):
            client.move_disk(path, peer.folder / name)
        assert client.machine_settings(spec.uuid).disks == (
            api.AttachedDisk(0, api.DiskKind.DISK,
                             str(peer.folder / 'c.vdi')),)
        assert {medium.path: medium.parent
                for medium in client.list_media()} == {
            str(peer.folder / 'b.vdi'): None,
            str(peer.folder / 'c.vdi'): str(peer.folder / 'b.vdi')}
        assert not base.exists()
        assert not child.exists()

    def test_not_moved_over_a_file(self, client, peer):
        path = peers.make_vdi(peer.folder / 'disk.vdi')
        other = peers.make_vdi(peer.folder / 'other.vdi')
        with pytest.raises(errors.AlreadyExists):
            client.move_disk(path, other)


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

    def test_a_paused_machine_stays_so(self, client, running):
        before, = client.machine_settings(running).disks
        client.pause(running)
        with pytest.raises(errors.InvalidState):
            client.take_snapshot(running, 'frozen', live=True)
        client.take_snapshot(running, 'frozen', live=False)
        assert client.machine_settings(running).disks[0].path != before.path
        assert client.machine_state(running) is State.PAUSED
        client.delete_snapshot(running, 'frozen')
        assert client.machine_settings(running).disks == (before,)
        assert client.machine_state(running) is State.PAUSED

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

    def test_a_machine_is_again_what_it_was(self, make, client, peer):
        spec = make(disk=True, memory_mb=64)
        before, = client.machine_settings(spec.uuid).disks
        client.take_snapshot(spec.uuid, 'before', live=False)
        client.configure_machine(dataclasses.replace(spec, memory_mb=96))
        more = peers.make_vdi(peer.folder / 'more.vdi')
        client.attach_disk(spec.uuid, 4, more)
        client.restore_snapshot(spec.uuid, 'before')
        client.delete_snapshot(spec.uuid, 'before')
        found = client.machine_settings(spec.uuid)
        assert found.memory_mb == 64
        assert found.disks == (before,)
        client.close_medium(more, delete=True)

    def test_one_that_runs_is_not_restored(self, client, running):
        client.take_snapshot(running, 'before')
        with pytest.raises(errors.InvalidState):
            client.restore_snapshot(running, 'before')
        client.delete_snapshot(running, 'before')

    def test_a_child_that_only_a_snapshot_has_goes_with_it(
            self, make, client, peer):
        spec = make()
        base = peers.make_vdi(peer.folder / 'base.vdi')
        child, new = peer.folder / 'child.vdi', peer.folder / 'new.vdi'
        client.create_child_disk(child, base)
        client.attach_disk(spec.uuid, 0, child)
        client.take_snapshot(spec.uuid, 'before', live=False)
        current, = client.machine_settings(spec.uuid).disks
        client.clone_disk(current.path, new)
        client.detach_disk(spec.uuid, 0)
        client.close_medium(current.path, delete=True)
        client.attach_disk(spec.uuid, 0, new)
        client.delete_snapshot(spec.uuid, 'before')
        disk, = client.machine_settings(spec.uuid).disks
        assert disk.path == str(new)
        assert not child.exists()
        client.close_medium(base)


def _content(vdi):
    raw = vdi.with_suffix('.raw')
    peers.convert(vdi, 'vdi', raw)
    return raw.read_bytes()
