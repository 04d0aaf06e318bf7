# SPDX-License-Identifier: Apache-2.0
"""Disks without a machine, and files of datastores."""

import io
import os
import subprocess
import threading
import time

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vsphere import api
from nova_hypervisors.tests import peers

MB = 1 << 20


def read(client, path):
    target = io.BytesIO()
    client.download(path, target)
    return target.getvalue()


def test_a_file_comes_back_as_it_went(client, place):
    data = os.urandom(5 * MB + 17)
    path = place.upload('a file & <more>.bin', data)
    assert read(client, path) == data
    [file] = client.list_folder(place.folder)
    assert (file.path, file.size, file.folder) == (
        'a file & <more>.bin', len(data), False)
    assert file.modified.tzinfo is not None


def test_an_empty_file_too(client, place):
    assert read(client, place.upload('empty', b'')) == b''


def test_a_file_is_written_over(client, place):
    place.upload('f', b'first, and longer')
    path = place.upload('f', b'second')
    assert read(client, path) == b'second'


@pytest.mark.parametrize(('data', 'size', 'words'), [
    (b'abc', 30, 'after 3 of 30 bytes'),
    (b'abcdef', 3, 'more data than the 3 bytes'),
    (b'x' * 3 * MB, 5 * MB, 'after 3145728 of 5242880')])
def test_data_of_another_length_leaves_nothing(client, place, data, size,
                                               words):
    with pytest.raises(errors.DataDamaged, match=words):
        client.upload(place.folder / 'f', io.BytesIO(data), size)
    assert place.names() == []


def test_a_file_has_its_name_when_it_is_whole(client, place):
    """Who looks for it may not find half of it."""
    seen = []

    class Watched(io.BytesIO):
        def read(self, *words):
            seen.append('f' in place.names())
            return super().read(*words)

    client.upload(place.folder / 'f', Watched(b'x' * 3 * MB), 3 * MB)
    assert seen
    assert not any(seen)
    assert place.names() == ['f']


class Broken(io.BytesIO):
    def read(self, *words):
        raise OSError('the image service is gone')


def test_a_source_that_fails_leaves_nothing(client, place):
    with pytest.raises(OSError, match='image service'):
        client.upload(place.folder / 'f', Broken(), 100)
    assert place.names() == []


class Slow(io.RawIOBase):
    """Gives a block each time that it is let."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.read_at = []

    def read(self, size=-1):
        time.sleep(0.05)
        self.read_at.append(time.monotonic())
        return self.blocks.pop() if self.blocks else b''


def test_the_source_is_read_while_it_is_sent(client, place):
    client.upload(place.folder / 'f', Slow([b'x' * MB] * 8), 8 * MB)
    assert place.names() == ['f']
    peers.wait_until(lambda: 'vsphere-upload' not in {
        thread.name for thread in threading.enumerate()})


@pytest.mark.needs('folder of uploads')
def test_a_file_into_a_folder_that_is_not_there(client, place, peer):
    path = place.folder / 'no' / 'f'
    with pytest.raises(errors.MediumNotFound):
        client.upload(path, io.BytesIO(b'abc'), 3)


def test_a_file_that_is_not_there_is_not_found(client, place):
    for operation in (lambda path: read(client, path),
                      lambda path: client.console_log(path, 10),
                      client.delete_file,
                      lambda path: client.move_file(path, place.folder / 'b'),
                      lambda path: client.copy_file(path, place.folder / 'b'),
                      client.list_folder):
        with pytest.raises(errors.MediumNotFound):
            operation(place.folder / 'no')


def test_files_are_copied_moved_and_deleted(client, place):
    first = place.upload('a', b'abc')
    client.copy_file(first, place.folder / 'b')
    client.move_file(first, place.folder / 'c')
    assert place.names() == ['b', 'c']
    assert read(client, place.folder / 'c') == b'abc'
    client.delete_file(place.folder / 'b')
    assert place.names() == ['c']


def test_a_file_does_not_replace_another(client, place):
    first, second = place.upload('a', b'a'), place.upload('b', b'b')
    for operation in (client.copy_file, client.move_file):
        with pytest.raises(errors.AlreadyExists):
            operation(first, second)
    assert read(client, second) == b'b'


def test_a_folder_is_made_with_its_parents_and_once(client, place):
    path = place.folder / 'a' / 'b'
    client.make_folder(path)
    client.make_folder(path)
    [file] = client.list_folder(place.folder)
    assert (file.path, file.folder) == ('a', True)
    client.delete_file(place.folder / 'a')
    assert place.names() == []


def test_a_datastore_that_is_not_there_is_named(client):
    with pytest.raises(errors.NotFound, match='nowhere'):
        client.list_folder(api.DatastorePath('nowhere', ''))


def test_the_end_of_a_log(client, place):
    path = place.upload('serial.log', b'0123456789' * 1000)
    assert client.console_log(path, 12) == b'890123456789'
    assert client.console_log(path, 100000) == b'0123456789' * 1000
    assert client.console_log(place.upload('none', b''), 10) == b''


def test_disks_are_made_copied_moved_and_deleted(client, place):
    disk = place.disk('a.vmdk')
    client.copy_disk(disk, place.folder / 'b.vmdk')
    client.copy_disk(disk, place.folder / 'c.vmdk', api.Provisioning.THIN,
                     api.DiskBus.IDE)
    client.move_disk(disk, place.folder / 'd.vmdk')
    assert {name for name in place.names() if 'flat' not in name} == {
        'b.vmdk', 'c.vmdk', 'd.vmdk'}
    client.delete_disk(place.folder / 'b.vmdk')
    client.delete_disk(place.folder / 'c.vmdk')
    assert {name for name in place.names() if 'flat' not in name} == {
        'd.vmdk'}


def test_a_disk_that_is_not_there_is_not_found(client, place):
    path = place.folder / 'no.vmdk'
    for operation in (client.delete_disk,
                      lambda path: client.copy_disk(path, place.folder / 'x'),
                      lambda path: client.move_disk(path, place.folder / 'x')):
        with pytest.raises(errors.MediumNotFound):
            operation(path)


def test_a_disk_does_not_replace_another(client, place):
    first, second = place.disk('a.vmdk'), place.disk('b.vmdk')
    with pytest.raises(errors.AlreadyExists):
        place.disk('a.vmdk')
    with pytest.raises(errors.AlreadyExists):
        client.copy_disk(first, second)


def test_a_disk_grows(client, place, peer):
    disk = place.disk()
    if not peer.can('extend'):
        with pytest.raises(errors.Unsupported):
            client.extend_disk(disk, 2 * MB)
        return
    client.extend_disk(disk, 2 * MB)
    ref = place.machine(disks=(api.Disk(disk, size=2 * MB),))
    assert client.machine_details(ref).disks[0].size == 2 * MB


@pytest.mark.needs('disk content')
def test_a_thick_disk_has_its_bytes(client, place, peer):
    place.disk('a.vmdk', 2 * MB)
    client.upload(place.folder / 'a-flat.vmdk', io.BytesIO(b'x' * 2 * MB),
                  2 * MB)
    client.copy_disk(place.folder / 'a.vmdk', place.folder / 'b.vmdk')
    assert read(client, place.folder / 'b-flat.vmdk') == b'x' * 2 * MB


@pytest.mark.needs('delta disks')
def test_a_used_disk_is_not_deleted(client, place, peer):
    disk = place.disk()
    client.power_on(place.machine(disks=(api.Disk(disk, size=MB),)))
    with pytest.raises(errors.InUse):
        client.delete_disk(disk)


@pytest.fixture(scope='module')
def stream(tmp_path_factory):
    """A disk as a stream-optimised VMDK."""
    folder = tmp_path_factory.mktemp('stream')
    (folder / 'raw').write_bytes(b'nova' * (MB // 4))
    subprocess.run(
        ['qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o',
         'subformat=streamOptimized', 'raw', 'vmdk'], cwd=folder, check=True)
    return (folder / 'vmdk').read_bytes()


def test_a_stream_is_imported(client, place, peer, stream):
    before = client.list_machines()
    target = place.folder / 'imported.vmdk'
    client.import_disk(target, io.BytesIO(stream), len(stream), MB)
    assert 'imported.vmdk' in place.names()
    assert client.list_machines() == before
    if peer.can('nfc content'):
        assert read(client, place.folder / 'imported-flat.vmdk') == (
            b'nova' * (MB // 4))


@pytest.mark.needs('lease that ends')
def test_a_lease_is_kept_alive(client, place, peer, stream, monkeypatch):
    """The host gives up a lease that it hears nothing of."""
    monkeypatch.setattr('nova_hypervisors.clients.vsphere.nfc._TELL_S', 0.2)
    monkeypatch.setattr(peer.own, 'lease_seconds', 1.0)

    class Late(io.BytesIO):
        def read(self, *words):
            time.sleep(1.2)
            return super().read(*words)

    client.import_disk(place.folder / 'i.vmdk', Late(stream), len(stream), MB)
    assert 'i.vmdk' in place.names()


def test_a_short_stream_leaves_nothing(client, place, peer, stream):
    before = client.list_machines()
    folders = client.list_folder(api.DatastorePath(peer.datastore, ''))
    with pytest.raises(errors.DataDamaged):
        client.import_disk(place.folder / 'i.vmdk', io.BytesIO(stream),
                           len(stream) + 1, MB)
    assert place.names() == []
    assert {one.ref for one in client.list_machines()} == {
        one.ref for one in before}
    if peer.can('destroy deletes'):
        assert client.list_folder(
            api.DatastorePath(peer.datastore, '')) == folders
