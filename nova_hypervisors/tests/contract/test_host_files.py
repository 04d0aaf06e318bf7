# SPDX-License-Identifier: Apache-2.0
"""Files on a host that has none in common with us: the fake, and the real.

The folders of the real one can be looked at here all the same.
"""

import os
import random
import shutil
import types
import uuid
from pathlib import PurePosixPath

import pytest

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.tests import peers
from nova_hypervisors.tests.fakes import remotevbox

_MB = 1 << 20


@pytest.fixture(params=['fake', 'webservice'])
def peer(request, tmp_path):
    if request.param == 'fake':
        yield types.SimpleNamespace(
            client=remotevbox.FakeRemoteVBox(), is_real=False,
            folder=PurePosixPath('/of/the/host'))
        return
    real = request.getfixturevalue('real_virtualbox')
    folder = real.folder / uuid.uuid4().hex[:8]
    client = request.getfixturevalue('web_service').client
    yield types.SimpleNamespace(client=client, is_real=True, folder=folder)
    real.clear()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(peer):
    return peer.client


@pytest.fixture
def source(tmp_path):
    """A sparse disk: data, a hole, data that ends in no whole block."""
    path = tmp_path / 'source.raw'
    noise = random.Random(7).randbytes(2 * _MB)
    with path.open('wb') as file:
        file.write(noise)
        file.seek(9 * _MB)
        file.write(noise[:_MB + 512])
        file.truncate(16 * _MB)
    return path


def content(client, disk, tmp_path):
    """Return what is on a disk, as it comes down."""
    here = tmp_path / f'{uuid.uuid4()}.vmdk'
    client.download_disk(disk, here)
    raw = here.with_suffix('.raw')
    peers.convert(here, 'vmdk', raw)
    return raw.read_bytes()


class TestFolders:
    def test_made_and_listed(self, client, peer):
        folder = peer.folder / 'one' / 'two'
        client.make_folder(folder)
        assert client.list_files(folder) == {}
        client.make_folder(folder)

    def test_one_that_is_not_there(self, client, peer):
        with pytest.raises(errors.NotFound):
            client.list_files(peer.folder / 'none')

    def test_files_are_listed_with_their_sizes(self, client, peer, source):
        client.upload_file(source, peer.folder / 'file name')
        assert client.list_files(peer.folder) == {'file name': 16 * _MB}

    def test_files_are_deleted_and_only_once(self, client, peer, source):
        client.upload_file(source, peer.folder / 'file')
        client.delete_file(peer.folder / 'file')
        client.delete_file(peer.folder / 'file')
        assert client.list_files(peer.folder) == {}


class TestUploads:
    def test_a_file_is_as_it_was(self, client, peer, source):
        target = peer.folder / 'drive.iso'
        client.upload_file(source, target)
        assert client.list_media() == []
        if peer.is_real:
            assert target.read_bytes() == source.read_bytes()

    def test_a_disk_holds_what_it_held(self, client, peer, source, tmp_path):
        target = peer.folder / 'disk.vdi'
        client.upload_disk(source, target)
        assert client.virtual_size(target) == 16 * _MB
        assert client.list_media() == []
        assert content(client, target, tmp_path) == source.read_bytes()

    def test_holes_take_no_space(self, client, peer, tmp_path):
        source = tmp_path / 'sparse.raw'
        with source.open('wb') as file:
            file.write(b'x' * 512)
            file.truncate(20 << 30)
        client.upload_disk(source, peer.folder / 'disk.vdi')
        assert client.list_files(peer.folder)['disk.vdi'] < 8 * _MB

    @pytest.mark.parametrize('upload', ['upload_disk', 'upload_file'])
    def test_nothing_is_overwritten(self, client, peer, source, upload):
        target = peer.folder / 'target.vdi'
        client.upload_file(source, target)
        with pytest.raises(errors.AlreadyExists):
            getattr(client, upload)(source, target)
        assert client.list_files(peer.folder) == {target.name: 16 * _MB}

    @pytest.mark.parametrize('upload', ['upload_disk', 'upload_file'])
    def test_only_whole_sectors(self, client, peer, source, upload):
        os.truncate(source, 1000)
        client.make_folder(peer.folder)
        with pytest.raises(errors.InvalidArgument):
            getattr(client, upload)(source, peer.folder / 'target.vdi')
        assert client.list_files(peer.folder) == {}


class TestMoving:
    @pytest.mark.parametrize('kind', api.DiskKind)
    def test_into_another_folder(self, client, peer, source, kind):
        upload, name = ((client.upload_disk, 'disk.vdi')
                        if kind is api.DiskKind.DISK
                        else (client.upload_file, 'image.iso'))
        upload(source, peer.folder / 'new' / name)
        client.make_folder(peer.folder / 'kept')
        client.move_medium(peer.folder / 'new' / name, peer.folder / 'kept',
                           kind)
        assert list(client.list_files(peer.folder / 'new')) == []
        assert list(client.list_files(peer.folder / 'kept')) == [name]
        assert client.list_media() == []


class TestDisks:
    def test_a_copy_is_enlarged(self, client, peer, source):
        first, second = peer.folder / '1.vdi', peer.folder / '2.vdi'
        client.upload_disk(source, first)
        client.clone_disk(first, second)
        client.close_medium(first)
        client.resize_disk(second, 64)
        assert [medium.path for medium in client.list_media()] == [str(second)]

    def test_what_differs_comes_down_with_its_parents(self, client, peer,
                                                      source, tmp_path):
        base, child = peer.folder / 'base.vdi', peer.folder / 'child.vdi'
        client.upload_disk(source, base)
        client.create_child_disk(child, base)
        assert content(client, child, tmp_path) == source.read_bytes()

    def test_one_that_is_not_there(self, client, peer, tmp_path):
        with pytest.raises(errors.NotFound):
            client.download_disk(peer.folder / 'none.vdi', tmp_path / 'x')

    def test_the_space_for_them(self, client, peer):
        client.make_folder(peer.folder)
        space = client.disk_space(peer.folder)
        assert space.total > space.free > 0


class TestSerialLog:
    @pytest.fixture
    def machine(self, client, peer):
        spec = api.MachineSpec(
            uuid=str(uuid.uuid4()), name='machine', vcpus=1, memory_mb=64,
            folder=peer.folder, serial_log=True)
        client.create_machine(spec)
        return spec.uuid

    def test_there_is_none_before_the_first_start(self, client, machine):
        assert client.serial_log(machine, 100) == b''

    def test_it_has_what_the_guest_says(self, client, machine, peer):
        client.upload_disk(peers.lab().guest, peer.folder / 'root.vdi')
        client.attach_disk(machine, 0, peer.folder / 'root.vdi')
        client.start(machine)
        if not peer.is_real:
            client.serial[machine] = b'guest up\r\n'
        peers.wait_until(
            lambda: b'guest up' in client.serial_log(machine, 1000), 60)
        client.power_off(machine)
        whole = client.serial_log(machine, 1000)
        assert b'guest up' in whole
        assert client.serial_log(machine, 3) == whole[-3:]
        client.delete_machine(machine)
        assert list(client.list_files(peer.folder)) == ['root.vdi']
        if peer.is_real:
            # Its folder too.
            assert [path.name for path in peer.folder.iterdir()] == [
                'root.vdi']

    def test_of_an_unknown_machine(self, client):
        with pytest.raises(errors.MachineNotFound):
            client.serial_log('00000000-0000-4000-8000-000000000000', 9)
