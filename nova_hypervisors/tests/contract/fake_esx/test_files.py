# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: files over HTTPS, folders, searches, leases."""

import subprocess

import pytest
import requests
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers

B = vim.host.DatastoreBrowser
#: A disk's content that does not shrink to nothing.
CONTENT = bytes(range(256)) * 1024


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'DELETE'])
def test_strangers_are_not_let_in(host, method):
    file = host.datastore.folder / 'a'
    file.write_bytes(b'old')
    reply = esxpeers.Raw(host).file(method, 'a', data=b'new')
    assert reply.status_code == 401
    assert file.read_bytes() == b'old'


def test_user_and_password_are_enough(host):
    (host.datastore.folder / 'a').write_bytes(b'old')
    raw = esxpeers.Raw(host)
    assert raw.file('GET', 'a', auth=('root', 'se cret')).content == b'old'
    assert raw.file('GET', 'a', auth=('root', 'x')).status_code == 401


def test_ticket_is_for_one_request(host, peer):
    (host.datastore.folder / 'a').write_bytes(b'old')
    raw = esxpeers.Raw(host)
    path = '/folder/a?dcPath=ha-datacenter&dsName=datastore1'
    spec = vim.SessionManager.HttpServiceRequestSpec(
        method='httpGet', url=f'{raw.base}{path}')
    ticket = peer.content.sessionManager.AcquireGenericServiceTicket(spec)
    for status in (200, 401):
        reply = raw.file('GET', 'a', headers={
            'Cookie': f'vmware_cgi_ticket={ticket.id}'})
        assert reply.status_code == status


def test_file_is_written_read_and_deleted(host, raw):
    assert raw.file('PUT', 'a', data=CONTENT).status_code == 201
    assert raw.file('PUT', 'a', data=CONTENT[1:]).status_code == 200
    reply = raw.file('GET', 'a')
    assert reply.content == CONTENT[1:]
    reply = raw.file('HEAD', 'a')
    assert reply.headers['Content-Length'] == str(len(CONTENT) - 1)
    reply = raw.file('GET', 'a', headers={'Range': 'bytes=10-12'})
    assert (reply.status_code, reply.content) == (206, CONTENT[11:14])
    assert raw.file('DELETE', 'a').status_code == 204
    assert raw.file('DELETE', 'a').status_code == 404
    assert raw.file('GET', 'a').status_code == 404
    assert host.names()[-1] == 'GET /folder'


def test_folder_and_datastore_have_to_be_there(raw):
    assert raw.file('PUT', 'no/a', data=b'a').status_code == 404
    assert raw.file('PUT', 'a', 'nowhere', data=b'a').status_code == 404
    assert raw.file('GET', '../a').status_code == 404
    chunks = raw.file('PUT', 'a', data=iter([b'a']))
    assert chunks.status_code == 411


def test_index_names_what_is_in_a_folder(host, raw):
    (host.datastore.folder / 'a b').write_bytes(b'x')
    assert '<a href="a%20b">a b</a>' in raw.file('GET', '').text


def test_full_datastore_ends_an_upload(host, raw):
    host.fill_datastore(free=1000)
    reply = raw.file('PUT', 'a', data=CONTENT)
    assert reply.status_code == 500
    assert (host.datastore.folder / 'a').stat().st_size == 1000


def test_connection_is_cut_in_the_middle_of_an_upload(host, raw):
    host.cut_next_upload(after=1000)
    with pytest.raises(requests.ConnectionError):
        raw.file('PUT', 'a', data=CONTENT * 64)
    assert (host.datastore.folder / 'a').stat().st_size < len(CONTENT) * 64


def test_locked_disk_is_neither_read_nor_written(host, peer, raw):
    one = peer.create('one', deviceChange=[
        esxpeers.controller(), esxpeers.disk(create=True)])
    flat = host.datastore.folder / 'one/one-flat.vmdk'
    peer.wait(one.PowerOnVM_Task())
    for method in ('GET', 'PUT', 'DELETE'):
        reply = raw.file(method, 'one/one-flat.vmdk', data=b'x')
        assert reply.status_code == 500
    assert flat.stat().st_size == 1 << 20
    peer.wait(one.PowerOffVM_Task())
    assert raw.file('GET', 'one/one-flat.vmdk').status_code == 200


def test_uploaded_disk_runs(host, peer, raw):
    peer.files.MakeDirectory('[datastore1] base')
    peer.wait(peer.disks.CreateVirtualDisk_Task(
        '[datastore1] base/a.vmdk', None, esxpeers.disk_spec(256)))
    assert raw.file('PUT', 'base/a-flat.vmdk',
                    data=CONTENT).status_code == 200
    one = peer.create('one', deviceChange=[
        esxpeers.controller(), esxpeers.disk('[datastore1] base/a.vmdk')])
    peer.wait(one.PowerOnVM_Task())
    assert host.guest_reads(one._moId, 0, len(CONTENT)) == CONTENT


def test_folders_are_made(host, peer):
    with pytest.raises(vim.fault.FileNotFound):
        peer.files.MakeDirectory('[datastore1] a/b')
    peer.files.MakeDirectory('[datastore1] a/b', None, True)
    assert (host.datastore.folder / 'a/b').is_dir()
    with pytest.raises(vim.fault.FileAlreadyExists):
        peer.files.MakeDirectory('[datastore1] a/b', None, True)
    with pytest.raises(vim.fault.InvalidDatastorePath):
        peer.files.MakeDirectory('a/b')


def test_files_and_folders_are_copied_moved_and_deleted(host, peer):
    folder = host.datastore.folder
    (folder / 'a').mkdir()
    (folder / 'a/file').write_bytes(b'x')
    first, second = '[datastore1] a', '[datastore1] b'
    peer.wait(peer.files.CopyDatastoreFile_Task(
        f'{first}/file', None, '[datastore2] file', None))
    assert (host.datastores[1].folder / 'file').read_bytes() == b'x'
    peer.wait(peer.files.MoveDatastoreFile_Task(first, None, second, None))
    assert (folder / 'b/file').read_bytes() == b'x'
    with pytest.raises(vim.fault.FileNotFound):
        peer.wait(peer.files.MoveDatastoreFile_Task(
            first, None, second, None))
    with pytest.raises(vim.fault.FileAlreadyExists):
        peer.wait(peer.files.CopyDatastoreFile_Task(
            '[datastore2] file', None, f'{second}/file', None))
    peer.wait(peer.files.DeleteDatastoreFile_Task(second))
    assert not list(folder.iterdir())
    with pytest.raises(vim.fault.FileNotFound):
        peer.wait(peer.files.DeleteDatastoreFile_Task(second))


def search(peer, path='[datastore1] base', below=False, **spec):
    browser = peer.host.datastore[0].browser
    method = browser.SearchDatastoreSubFolders_Task if below else (
        browser.SearchDatastore_Task)
    return peer.wait(method(path, B.SearchSpec(**spec)))


@pytest.fixture
def files(host, peer):
    peer.files.MakeDirectory('[datastore1] base/folder', None, True)
    peer.wait(peer.disks.CreateVirtualDisk_Task(
        '[datastore1] base/a.vmdk', None, esxpeers.disk_spec(256)))
    for name in ('b.iso', 'folder/deep.log'):
        (host.datastore.folder / 'base' / name).write_bytes(b'x')


def names(result):
    return [one.path for one in result.file]


def test_search_finds_by_pattern_and_by_kind(peer, files):
    found = search(peer)
    assert found.folderPath == '[datastore1] base/'
    assert names(found) == ['a-flat.vmdk', 'a.vmdk', 'b.iso', 'folder']
    assert names(search(peer, matchPattern=['A*'])) == [
        'a-flat.vmdk', 'a.vmdk']
    assert not names(search(peer, matchPattern=['A*'],
                            searchCaseInsensitive=False))
    assert names(search(peer, query=[B.VmDiskQuery()])) == ['a.vmdk']
    assert names(search(peer, query=[B.FolderQuery()])) == ['folder']
    with pytest.raises(vim.fault.FileNotFound):
        search(peer, '[datastore1] no')
    with pytest.raises(vim.fault.InvalidDatastorePath):
        search(peer, '[datastore2] base')


def test_search_tells_what_is_asked_for(peer, files):
    details = B.FileInfo.Details(fileType=True, fileSize=True,
                                 modification=True, fileOwner=False)
    flat, disk, image, folder = search(peer, details=details).file
    assert flat.fileSize == 256 * 1024
    assert isinstance(disk, B.VmDiskInfo)
    assert isinstance(image, B.IsoImageInfo)
    assert isinstance(folder, B.FolderInfo)
    assert image.modification.tzinfo
    assert search(peer).file[0].fileSize is None


def test_search_goes_below(peer, files):
    found = search(peer, below=True)
    assert [(one.folderPath, names(one)) for one in found][1:] == [
        ('[datastore1] base/folder/', ['deep.log'])]


@pytest.fixture
def lease(peer):
    spec = vim.vm.VmImportSpec(configSpec=esxpeers.machine(
        'one', deviceChange=[esxpeers.controller(),
                             esxpeers.disk(create=True, size_kb=256)]))
    return peer.pool.ImportVApp(spec, peer.folder, peer.host)


def send(raw, lease, data):
    [url] = [one.url for one in lease.info.deviceUrl]
    assert url.startswith('https://*/nfc/')
    return raw.http.post(url.replace('https://*', raw.base), data=data,
                         timeout=30)


def vmdk(folder, kind):
    source = folder / 'source.raw'
    source.write_bytes(CONTENT)
    target = folder / 'source.vmdk'
    subprocess.run(('qemu-img', 'convert', '-O', 'vmdk', '-o',
                    f'subformat={kind}', source, target), check=True,
                   capture_output=True)
    return target.read_bytes()


@pytest.fixture
def stream(tmp_path):
    return vmdk(tmp_path, 'streamOptimized')


def test_lease_takes_a_stream_optimised_disk(host, peer, raw, lease, stream):
    assert lease.state == 'ready'
    assert send(raw, lease, stream).status_code == 200
    lease.HttpNfcLeaseProgress(100)
    one = lease.info.entity
    lease.HttpNfcLeaseComplete()
    assert lease.state == 'done'
    flat = host.datastore.folder / 'one/one-flat.vmdk'
    assert flat.read_bytes() == CONTENT
    peer.wait(one.PowerOnVM_Task())
    with pytest.raises(vim.fault.InvalidState):
        lease.HttpNfcLeaseComplete()


def test_lease_takes_nothing_else(tmp_path, raw, lease):
    for data in (CONTENT, b'', vmdk(tmp_path, 'monolithicSparse')):
        assert send(raw, lease, data).status_code == 500
    with pytest.raises(requests.HTTPError):
        raw.http.post(f'{raw.base}/nfc/no/disk-0.vmdk', data=b'',
                      timeout=30).raise_for_status()


def test_aborted_or_silent_lease_leaves_nothing(host, peer, lease):
    one = lease.info.entity
    lease.HttpNfcLeaseAbort()
    assert lease.state == 'error'
    assert not list(host.datastore.folder.iterdir())
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        one.PowerOnVM_Task()
    spec = vim.vm.VmImportSpec(configSpec=esxpeers.machine('two'))
    host.lease_seconds = 0
    silent = peer.pool.ImportVApp(spec, peer.folder, peer.host)
    assert silent.state == 'error'
    assert isinstance(silent.error, vim.fault.Timedout)
    assert not host.machines()
