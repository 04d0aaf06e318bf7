# SPDX-License-Identifier: Apache-2.0
"""The fake ESX host: disks with bytes, chains, locks and snapshots."""

import subprocess

import pytest
from pyVmomi import vim
from pyVmomi import vmodl

from nova_hypervisors.tests import esxpeers

D = vim.vm.device
BASE = '[datastore1] base/base.vmdk'


@pytest.fixture
def base(host, peer):
    """A disk that begins with ``base``."""
    peer.files.MakeDirectory('[datastore1] base')
    peer.wait(peer.disks.CreateVirtualDisk_Task(
        BASE, None, esxpeers.disk_spec()))
    with (host.datastore.folder / 'base/base-flat.vmdk').open('r+b') as file:
        file.write(b'base')
    return host.datastore.folder / 'base'


@pytest.fixture
def child(peer, base):
    return make_child(peer, 'one')


def make_child(peer, name):
    return peer.create(name, deviceChange=[
        esxpeers.controller(), esxpeers.disk(parent=BASE, create=True)])


def backing(machine):
    [disk] = [device for device in machine.config.hardware.device
              if isinstance(device, D.VirtualDisk)]
    return disk.backing


def copy(peer, source, target='[datastore1] base/copy.vmdk', **options):
    return peer.wait(peer.disks.CopyVirtualDisk_Task(
        source, None, target, None, **options))


def delete(peer, path):
    return peer.wait(peer.disks.DeleteVirtualDisk_Task(path))


def test_thick_disk_is_as_long_as_it_says(host, base):
    flat = base / 'base-flat.vmdk'
    assert flat.stat().st_size == 1024 * 1024
    text = (base / 'base.vmdk').read_text()
    assert 'createType="vmfs"' in text
    assert 'RW 2048 VMFS "base-flat.vmdk"' in text
    info = subprocess.run(('qemu-img', 'info', flat), check=True,
                          capture_output=True, text=True)
    assert '1 MiB (1048576 bytes)' in info.stdout


def test_disk_is_copied_thick_unless_thin_is_asked_for(host, peer, base):
    copy(peer, BASE)
    assert (base / 'copy-flat.vmdk').read_bytes()[:4] == b'base'
    assert 'thinProvisioned' not in (base / 'copy.vmdk').read_text()
    thin = '[datastore1] base/thin.vmdk'
    copy(peer, BASE, thin, destSpec=vim.VirtualDiskManager.VirtualDiskSpec(
        diskType='thin', adapterType='ide'))
    text = (base / 'thin.vmdk').read_text()
    assert 'ddb.thinProvisioned = "1"' in text
    assert 'ddb.adapterType = "ide"' in text
    copy(peer, thin, '[datastore1] base/thick.vmdk')
    assert 'thinProvisioned' not in (base / 'thick.vmdk').read_text()
    with pytest.raises(vim.fault.FileAlreadyExists):
        copy(peer, BASE)
    copy(peer, BASE, force=True)


def test_disk_is_moved_grown_and_deleted(host, peer, base):
    target = '[datastore2] moved.vmdk'
    peer.wait(peer.disks.MoveVirtualDisk_Task(BASE, None, target, None))
    assert not list(base.iterdir())
    flat = host.datastores[1].folder / 'moved-flat.vmdk'
    assert flat.read_bytes()[:4] == b'base'
    peer.wait(peer.disks.ExtendVirtualDisk_Task(target, None, 2048))
    assert flat.stat().st_size == 2048 * 1024
    with pytest.raises(vmodl.fault.InvalidArgument):
        peer.wait(peer.disks.ExtendVirtualDisk_Task(target, None, 1024))
    assert peer.disks.QueryVirtualDiskUuid(target, None)
    delete(peer, target)
    assert not flat.exists()
    with pytest.raises(vim.fault.FileNotFound):
        delete(peer, target)


@pytest.mark.parametrize(('name', 'spec', 'fault'), [
    ('[datastore1] no/no.vmdk', {}, vim.fault.FileNotFound),
    (BASE, {}, vim.fault.FileAlreadyExists),
    ('[nowhere] a.vmdk', {}, vim.fault.InvalidDatastorePath),
    ('a.vmdk', {}, vim.fault.InvalidDatastorePath),
    ('[datastore1] ../a.vmdk', {}, vim.fault.InvalidDatastorePath),
    ('[datastore1] base/a.img', {}, vmodl.fault.InvalidArgument),
    ('[datastore1] base/a.vmdk', {'kind': 'sparseMonolithic'},
     vmodl.fault.InvalidArgument),
    ('[datastore1] base/a.vmdk', {'size_kb': 200 << 20},
     vim.fault.NoDiskSpace),
])
def test_disk_is_not_made(host, peer, base, name, spec, fault):
    with pytest.raises(fault):
        peer.wait(peer.disks.CreateVirtualDisk_Task(
            name, None, esxpeers.disk_spec(**spec)))
    assert len(list(base.iterdir())) == 2


def test_thick_disks_take_their_size_and_thin_ones_what_is_in_them(
        host, peer, base):
    free = host.datastore.free
    for kind, taken in (('thin', 0), ('preallocated', 8 << 20)):
        path = f'[datastore1] base/{kind}.vmdk'
        peer.wait(peer.disks.CreateVirtualDisk_Task(
            path, None, esxpeers.disk_spec(8 << 10, kind)))
        assert taken <= free - host.datastore.free < taken + 4096
        delete(peer, path)
    host.fill_datastore(free=4 << 20)
    with pytest.raises(vim.fault.NoDiskSpace) as caught:
        peer.wait(peer.disks.CreateVirtualDisk_Task(
            '[datastore1] base/a.vmdk', None, esxpeers.disk_spec(8 << 10)))
    assert caught.value.datastore == 'datastore1'


def test_child_sees_its_base_and_writes_into_itself(host, peer, base, child):
    below = backing(child)
    assert below.fileName == '[datastore1] one/one.vmdk'
    assert below.parent.fileName == BASE
    assert host.guest_reads(child._moId, 0, 4) == b'base'
    host.guest_writes(child._moId, 2, b'XX')
    assert host.guest_reads(child._moId, 0, 6) == b'baXX\0\0'
    assert (base / 'base-flat.vmdk').read_bytes()[:4] == b'base'
    copy(peer, below.fileName)
    assert (base / 'copy-flat.vmdk').read_bytes()[:4] == b'baXX'


def test_base_that_was_written_breaks_its_children(host, peer, base, child):
    owner = peer.create('owner', deviceChange=[
        esxpeers.controller(), esxpeers.disk(BASE)])
    host.guest_writes(owner._moId, 0, b'new')
    with pytest.raises(vim.fault.GenericVmConfigFault, match='modified since'):
        peer.wait(child.PowerOnVM_Task())


def test_base_that_has_grown_breaks_its_children(peer, child):
    peer.wait(peer.disks.ExtendVirtualDisk_Task(BASE, None, 2048))
    with pytest.raises(vim.fault.GenericVmConfigFault, match='capacity of'):
        peer.wait(child.PowerOnVM_Task())


def test_base_that_was_deleted_ruins_its_children(peer, child):
    delete(peer, BASE)
    with pytest.raises(vim.fault.FileNotFound):
        peer.wait(child.PowerOnVM_Task())


def test_disk_of_a_machine_that_runs_is_locked(host, peer, base):
    owner = peer.create('owner', deviceChange=[
        esxpeers.controller(), esxpeers.disk(BASE)])
    other = peer.create('other', deviceChange=[
        esxpeers.controller(), esxpeers.disk(BASE)])
    peer.wait(owner.PowerOnVM_Task())
    for task in (
            lambda: peer.disks.DeleteVirtualDisk_Task(BASE),
            lambda: peer.disks.CopyVirtualDisk_Task(
                BASE, None, '[datastore1] base/copy.vmdk', None),
            lambda: peer.disks.MoveVirtualDisk_Task(
                BASE, None, '[datastore1] base/moved.vmdk', None),
            lambda: peer.disks.ExtendVirtualDisk_Task(BASE, None, 4096),
            lambda: peer.files.DeleteDatastoreFile_Task('[datastore1] base'),
            lambda: peer.files.MoveDatastoreFile_Task(
                '[datastore1] base', None, '[datastore1] b', None),
            lambda: other.PowerOnVM_Task()):
        with pytest.raises(vim.fault.FileLocked):
            peer.wait(task())
    assert other.runtime.powerState == 'poweredOff'
    peer.wait(owner.PowerOffVM_Task())
    peer.wait(other.PowerOnVM_Task())


def test_base_of_machines_that_run_is_only_read(host, peer, base, child):
    other = make_child(peer, 'two')
    peer.wait(child.PowerOnVM_Task())
    peer.wait(other.PowerOnVM_Task())
    copy(peer, BASE)
    with pytest.raises(vim.fault.FileLocked):
        delete(peer, BASE)
    for one in (child, other):
        peer.wait(one.PowerOffVM_Task())
    delete(peer, BASE)


@pytest.mark.parametrize('spares', [False, True])
def test_destroy_takes_the_base_too(host, peer, base, child, spares):
    host.destroy_spares_parents = spares
    peer.wait(child.Destroy_Task())
    assert (base / 'base.vmdk').exists() is spares
    assert not (host.datastore.folder / 'one').exists()


def test_destroy_spares_a_base_that_somebody_runs_on(peer, base, child):
    other = make_child(peer, 'two')
    peer.wait(other.PowerOnVM_Task())
    peer.wait(child.Destroy_Task())
    assert (base / 'base.vmdk').exists()


@pytest.mark.parametrize(('content', 'words'), [
    (b'KDMV\x01\0\0\0', 'Unsupported or invalid disk type'),
    (b'# Disk DescriptorFile\ncreateType="monolithicSparse"\nRW 8 SPARSE "a"',
     'Unsupported or invalid disk type'),
    (b'# Disk DescriptorFile\ncreateType="vmfs"\nRW 9999 VMFS "base.vmdk"',
     'not a virtual disk'),
])
def test_disk_of_a_bad_kind_does_not_start(host, peer, base, content, words):
    owner = peer.create('owner', deviceChange=[
        esxpeers.controller(), esxpeers.disk(BASE)])
    (base / 'base.vmdk').write_bytes(content)
    with pytest.raises(vim.fault.GenericVmConfigFault, match=words):
        peer.wait(owner.PowerOnVM_Task())
    with pytest.raises(vim.fault.GenericVmConfigFault, match=words):
        peer.create('other', deviceChange=[
            esxpeers.controller(), esxpeers.disk(BASE)])


def test_disk_of_a_bad_kind_is_not_copied(peer, base):
    (base / 'base.vmdk').write_bytes(b'KDMV')
    with pytest.raises(vim.fault.InvalidDiskFormat):
        copy(peer, BASE)
    with pytest.raises(vim.fault.CannotAccessFile):
        delete(peer, BASE)


def test_flat_disk_of_another_product_starts(host, peer, base):
    (base / 'base.vmdk').write_text(
        '# Disk DescriptorFile\nversion=1\nCID=12345678\n'
        'parentCID=ffffffff\ncreateType="monolithicFlat"\n'
        'RW 2048 FLAT "base-flat.vmdk" 0\n')
    owner = peer.create('owner', deviceChange=[
        esxpeers.controller(), esxpeers.disk(BASE)])
    peer.wait(owner.PowerOnVM_Task())


def snapshot(peer, machine, name='snap'):
    return peer.wait(machine.CreateSnapshot_Task(name, '', False, False))


def test_snapshot_freezes_a_disk_that_can_be_copied(host, peer, child):
    host.guest_writes(child._moId, 0, b'1')
    peer.wait(child.PowerOnVM_Task())
    made = snapshot(peer, child)
    below = backing(child)
    assert below.fileName == '[datastore1] one/one-000001.vmdk'
    assert below.parent.fileName == '[datastore1] one/one.vmdk'
    assert below.parent.parent.fileName == BASE
    host.guest_writes(child._moId, 0, b'2')
    copy(peer, below.parent.fileName)
    folder = host.datastore.folder
    assert (folder / 'base/copy-flat.vmdk').read_bytes()[:1] == b'1'
    with pytest.raises(vim.fault.FileLocked):
        copy(peer, below.fileName, '[datastore1] base/other.vmdk')
    tree = child.snapshot.rootSnapshotList
    assert [(one.name, one.state) for one in tree] == [('snap', 'poweredOff')]
    assert child.snapshot.currentSnapshot._moId == made._moId
    peer.wait(made.RemoveSnapshot_Task(False))
    assert child.snapshot is None
    assert backing(child).fileName == '[datastore1] one/one.vmdk'
    assert host.guest_reads(child._moId, 0, 4) == b'2ase'
    assert not list((folder / 'one').glob('*-000001*'))


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_snapshots_go_in_any_order_and_nothing_is_lost(
        host, peer, child, order):
    made = []
    for number in range(3):
        host.guest_writes(child._moId, number, b'%d' % number)
        made.append(snapshot(peer, child, f'snap {number}'))
    host.guest_writes(child._moId, 3, b'3')
    for number in order:
        peer.wait(made[number].RemoveSnapshot_Task(False))
        assert host.guest_reads(child._moId, 0, 4) == b'0123'
    assert child.snapshot is None
    files = {one.name for one in (host.datastore.folder / 'one').iterdir()
             if one.suffix == '.vmdk'}
    assert files == {'one.vmdk', 'one-delta.vmdk'}
    peer.wait(child.PowerOnVM_Task())


def test_snapshot_is_gone_back_to(host, peer, child):
    host.guest_writes(child._moId, 0, b'1')
    snapshot(peer, child)
    host.guest_writes(child._moId, 0, b'2')
    peer.wait(child.RevertToCurrentSnapshot_Task())
    assert host.guest_reads(child._moId, 0, 4) == b'1ase'
    assert not (host.datastore.folder / 'one/one-000002.vmdk').exists()
    peer.wait(child.RemoveAllSnapshots_Task())
    assert host.guest_reads(child._moId, 0, 4) == b'1ase'
    with pytest.raises(vim.fault.NotFound):
        peer.wait(child.RevertToCurrentSnapshot_Task())


def test_destroy_takes_snapshots_disks_too(host, peer, child):
    snapshot(peer, child)
    peer.wait(child.Destroy_Task())
    assert not (host.datastore.folder / 'one').exists()
