# SPDX-License-Identifier: Apache-2.0
"""Whole deploys to a disk of a real tgtd, read back by other programs."""

import dataclasses
import hashlib
import json
import os
import subprocess

import pytest

from nova_hypervisors.baremetal import partitions
from nova_hypervisors.baremetal import programs
from nova_hypervisors.baremetal import writing
from nova_hypervisors.clients import errors
from nova_hypervisors.tests.contract.iscsi import conftest

MIB = 1 << 20
DISK_MB = 300
ROOT_UUID = '11111111-2222-3333-4444-555555555555'


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A file system, two whole disks, a config drive, a kernel."""
    folder = tmp_path_factory.mktemp('images')
    tree = folder / 'tree'
    (tree / 'etc').mkdir(parents=True)
    (tree / 'etc/hostname').write_text('deployed\n')
    (tree / 'noise').write_bytes(os.urandom(3 * MIB))
    root = sparse(folder / 'root.raw', 40)
    programs.run('mke2fs', '-q', '-F', '-t', 'ext4', '-U', ROOT_UUID, '-d',
                 tree, root)
    for kind in ('gpt', 'dos'):
        disk = sparse(folder / f'{kind}.raw', 64)
        partitions._sfdisk(disk, [f'label: {kind}', 'start=2048, size=61440'])
        with disk.open('r+b') as file:
            file.seek(MIB)
            file.write(os.urandom(2 * MIB))
    sparse(folder / 'plain.raw', 8)
    (folder / 'config').write_bytes(b'a config drive'.ljust(4096, b'\0'))
    (folder / 'kernel').write_bytes(os.urandom(MIB))
    (folder / 'ramdisk').write_bytes(os.urandom(MIB))
    return folder


def sparse(path, size_mb):
    with path.open('wb') as file:
        file.truncate(size_mb * MIB)
    return path


@pytest.fixture
def stale(targets):
    return targets.add(DISK_MB, b'stale...' * (DISK_MB << 17))


@pytest.fixture
def write(stale, tmp_path):
    steps = []

    def write(wanted):
        steps.clear()
        writer = writing.Writer(conftest.disk_of(stale), tmp_path,
                                steps.append)
        try:
            return writer.write(wanted)
        finally:
            # However it ends, nothing large is left.
            assert list(tmp_path.iterdir()) == []

    write.steps = steps
    return write


def table(path):
    found = json.loads(subprocess.run(
        ['sfdisk', '--json', path], check=True, capture_output=True).stdout)
    assert b'No errors' in subprocess.run(
        ['sfdisk', '--verify', path], check=True, capture_output=True).stdout
    return found['partitiontable']


def part(path, entry, size=None):
    with path.open('rb') as file:
        file.seek(entry['start'] * 512)
        return file.read(size or entry['size'] * 512)


def blkid(path, entry):
    out = subprocess.run(
        ['blkid', '-p', '-O', str(entry['start'] * 512), '-S',
         str(entry['size'] * 512), '-o', 'export', path],
        check=True, capture_output=True, text=True).stdout
    return dict(line.split('=', 1) for line in out.splitlines())


@pytest.fixture
def everything(images):
    return writing.Wanted(
        images / 'root.raw', whole_disk=False, root_mb=60, swap_mb=10,
        ephemeral_mb=30, config_drive=images / 'config', boot_mb=32,
        kernel=writing.Kernel(images / 'kernel', images / 'ramdisk',
                              'console=ttyS0'), verify=True)


class TestPartitions:
    @pytest.mark.parametrize('mode', ['bios', 'uefi'])
    def test_everything_is_where_it_should_be(self, write, stale, everything,
                                              images, mode, tmp_path):
        wanted = dataclasses.replace(everything, boot_mode=mode)
        written = write(wanted)
        found = table(stale.path)
        assert found['label'] == 'gpt'
        names = [entry['name'] for entry in found['partitions']]
        assert names == ['efi-part', 'ephemeral0', 'swap1', 'config-2',
                         'root']
        boot, ephemeral, swap, config, root = found['partitions']
        assert [entry['size'] >> 11 for entry in found['partitions']] == [
            32, 30, 10, 64, 60]
        assert part(stale.path, root, 40 * MIB) == (
            images / 'root.raw').read_bytes()
        assert part(stale.path, config, 14) == b'a config drive'
        assert blkid(stale.path, ephemeral)['LABEL'] == 'ephemeral0'
        assert blkid(stale.path, ephemeral)['TYPE'] == 'ext4'
        assert blkid(stale.path, swap)['TYPE'] == 'swap'
        assert blkid(stale.path, root)['UUID'] == ROOT_UUID
        assert written.root_uuid == ROOT_UUID
        assert written.boot_uuid == blkid(stale.path, boot)['UUID']
        self.check_boot(stale.path, boot, images, mode, tmp_path)

    def check_boot(self, disk, boot, images, mode, tmp_path):
        here = f'{disk}@@{boot["start"] * 512}'

        def read(name):
            return programs.run('mtype', '-i', here, f'::{name}')

        expected = f'root=UUID={ROOT_UUID} console=ttyS0'
        if mode == 'uefi':
            assert "'root=UUID=" in read('boot/grub/grub.cfg')
            assert 'BOOTX64.EFI' in programs.run('mdir', '-b', '-i', here,
                                                 '::EFI/BOOT')
        else:
            assert expected in read('syslinux.cfg')
            assert disk.read_bytes()[:440] == (
                partitions._SYSLINUX_MBR.read_bytes()[:440])
            assert boot['attrs'] == 'LegacyBIOSBootable'
        copied = tmp_path / 'kernel'
        programs.run('mcopy', '-i', here, '::vmlinuz', copied)
        assert copied.read_bytes() == (images / 'kernel').read_bytes()
        copied.unlink()

    def test_file_systems_are_sound(self, write, stale, everything, tmp_path):
        write(everything)
        entries = table(stale.path)['partitions']
        for entry in (entries[1], entries[4]):
            path = tmp_path / 'part'
            path.write_bytes(part(stale.path, entry))
            programs.run('e2fsck', '-f', '-n', path)

    def test_only_a_root(self, write, stale, images):
        written = write(writing.Wanted(images / 'root.raw', False, 60))
        assert [entry['name'] for entry in
                table(stale.path)['partitions']] == ['root']
        assert written.boot_uuid == ''
        assert write.steps == [
            'log in to the disk', 'write the partition table',
            'write the partition root']

    def test_an_ephemeral_disk_can_be_kept(self, write, stale, everything):
        write(everything)
        ephemeral = table(stale.path)['partitions'][1]
        with stale.path.open('r+b') as file:
            file.seek(ephemeral['start'] * 512 + 5 * MIB)
            file.write(b'what the tenant has')
        before = part(stale.path, ephemeral)
        write(dataclasses.replace(everything, preserve_ephemeral=True))
        assert part(stale.path, ephemeral) == before

    def test_what_cannot_be_kept_is_not_written_over(self, write, stale,
                                                     everything):
        write(everything)
        before = hashlib.sha256(stale.path.read_bytes()).digest()
        with pytest.raises(errors.InvalidState, match='cannot be preserved'):
            write(dataclasses.replace(everything, preserve_ephemeral=True,
                                      ephemeral_mb=31))
        assert hashlib.sha256(stale.path.read_bytes()).digest() == before

    def test_what_does_not_fit(self, write, stale, everything):
        with pytest.raises(errors.OutOfSpace, match=r'has 300 MiB.* root 900'):
            write(dataclasses.replace(everything, root_mb=900))
        assert stale.path.read_bytes()[:8] == b'stale...'

    def test_a_file_system_that_nobody_makes(self, write, everything):
        with pytest.raises(errors.InvalidArgument, match='ext4'):
            write(dataclasses.replace(everything, ephemeral_format='btrfs'))


class TestWholeDisk:
    @pytest.mark.parametrize('kind', ['gpt', 'dos'])
    def test_a_config_drive_is_added(self, write, stale, images, kind):
        written = write(writing.Wanted(
            images / f'{kind}.raw', True, 64, config_drive=images / 'config',
            verify=True))
        found = table(stale.path)
        assert found['label'] == kind
        first, config = found['partitions']
        assert (first['start'], first['size']) == (2048, 61440)
        assert part(stale.path, first) == (
            images / f'{kind}.raw').read_bytes()[MIB:31 * MIB]
        assert part(stale.path, config, 14) == b'a config drive'
        assert config['size'] == 64 << 11
        if kind == 'dos':
            assert written.disk_identifier == found['id']

    def test_without_one_it_is_the_image_alone(self, write, stale, images):
        write(writing.Wanted(images / 'gpt.raw', True, 64, verify=True))
        after = stale.path.read_bytes()
        assert after[:64 * MIB] == (images / 'gpt.raw').read_bytes()
        assert after[64 * MIB:] == b'stale...' * ((DISK_MB - 64) << 17)

    def test_no_place_for_a_config_drive(self, write, stale, images):
        with pytest.raises(errors.InvalidState, match='no partition table'):
            write(writing.Wanted(images / 'plain.raw', True, 64,
                                 config_drive=images / 'config'))
        assert stale.path.read_bytes()[:8] == b'stale...'

    def test_a_disk_that_is_too_small(self, targets, images, tmp_path):
        volume = targets.add(20)
        writer = writing.Writer(conftest.disk_of(volume), tmp_path)
        with pytest.raises(errors.OutOfSpace, match='64 MiB and the disk 20'):
            writer.write(writing.Wanted(images / 'gpt.raw', True, 64))


@pytest.mark.parametrize(('changes', 'size_mb', 'message'), [
    ({'swap_mb': 1}, 1, 'whole disk image with swap or ephemeral'),
    ({'ephemeral_mb': 1}, 1, 'whole disk image with swap or ephemeral'),
    ({}, 61, r'Image size: 61 MB, Root size: 60 MB'),
    ({'whole_disk': False}, 61, 'Root partition is too small')])
def test_what_does_not_go_together(images, changes, size_mb, message):
    wanted = dataclasses.replace(
        writing.Wanted(images / 'gpt.raw', True, 60), **changes)
    with pytest.raises(errors.InvalidArgument, match=message):
        writing.check(wanted, size_mb * MIB)


def test_what_goes_together(images):
    wanted = writing.Wanted(images / 'gpt.raw', True, 60)
    assert writing.check(wanted, 60 * MIB) is None
