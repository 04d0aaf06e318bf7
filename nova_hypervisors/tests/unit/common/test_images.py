# SPDX-License-Identifier: Apache-2.0
"""Images as tenants might make them, looked at by the real qemu-img."""

import contextlib
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest
from nova import exception
from nova.virt import images as nova_images
from oslo_utils import units

from nova_hypervisors.common import images
from nova_hypervisors.tests import builders

SPARSE_VMDK = ('-o', 'subformat=monolithicSparse')

# The parent's UUID in the header of a VDI.
VDI_PARENT = 0x1b8


def qemu_img(*words):
    subprocess.run(['qemu-img', *map(str, words)], check=True,
                   stdout=subprocess.DEVNULL)


def check(disk_format, path):
    return images.inspect('a ref', {'disk_format': disk_format}, path)


def refused(disk_format, path):
    """Return why an image is refused."""
    with pytest.raises(exception.ImageUnacceptable) as caught:
        check(disk_format, path)
    assert 'a ref' in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A disk with something in its middle."""
    path = tmp_path_factory.mktemp('source') / 'disk.raw'
    path.write_bytes(bytes(units.Mi // 2) + b'something'.ljust(units.Mi // 2,
                                                               b'\0'))
    return path


@pytest.fixture
def raw(source, tmp_path):
    return Path(shutil.copy(source, tmp_path))


@pytest.fixture(scope='module')
def convert_once(source):
    """Write the disk in another format; VMDKs in several files too."""
    @functools.cache
    def convert_once(qemu_format, *options):
        folder = Path(tempfile.mkdtemp(dir=source.parent))
        qemu_img('convert', '-f', 'raw', '-O', qemu_format, *options, source,
                 folder / f'disk.{qemu_format}')
        return folder
    return convert_once


@pytest.fixture
def convert(convert_once, tmp_path):
    def convert(qemu_format, *options):
        shutil.copytree(convert_once(qemu_format, *options), tmp_path,
                        dirs_exist_ok=True)
        return tmp_path / f'disk.{qemu_format}'
    return convert


@pytest.fixture
def create(tmp_path):
    def create(qemu_format, *options, size='1M'):
        path = tmp_path / f'made.{qemu_format}'
        qemu_img('create', '-q', '-f', qemu_format, *options, path, size)
        return path
    return create


@pytest.fixture
def edit(convert):
    """Make a sparse VMDK with another text in it."""
    def edit(old, new):
        path = convert('vmdk', *SPARSE_VMDK)
        data = bytearray(path.read_bytes())
        offset, size = struct.unpack_from('<QQ', data, 28)
        start, end = offset * 512, (offset + size) * 512
        text = bytes(data[start:end])
        assert old in text
        text = text.replace(old, new).rstrip(b'\0')
        data[start:end] = text.ljust(end - start, b'\0')
        path.write_bytes(data)
        return path
    return edit


class TestHarmless:
    @pytest.mark.parametrize(('disk_format', 'qemu_format', 'options'), [
        ('qcow2', 'qcow2', ()),
        ('qcow2', 'qcow2', ('-c',)),
        ('qcow2', 'qcow2', ('-o', 'compat=0.10')),
        ('vdi', 'vdi', ()),
        ('vmdk', 'vmdk', SPARSE_VMDK),
        ('vmdk', 'vmdk', ('-o', 'subformat=streamOptimized')),
        ('vhd', 'vpc', ('-o', 'subformat=dynamic,force_size')),
        ('vhdx', 'vhdx', ()),
    ])
    def test_what_other_programs_write(self, convert, disk_format,
                                       qemu_format, options):
        path = convert(qemu_format, *options)
        assert check(disk_format, path) == images.Image(
            'a ref', path, disk_format, units.Mi)

    def test_bytes_without_a_format(self, raw):
        assert check('raw', raw).virtual_size == units.Mi

    def test_an_iso(self, tmp_path):
        path = tmp_path / 'disk.iso'
        path.write_bytes(bytes(0x8000) + b'\x01CD001\x01'.ljust(0x8000,
                                                                b'\0'))
        assert check('iso', path).format == 'iso'


class TestOtherFiles:
    """What would lead a hypervisor to another file."""

    def test_a_backing_file(self, create):
        path = create('qcow2', '-b', '/etc/passwd', '-F', 'raw')
        assert 'backing_file' in refused('qcow2', path)

    def test_a_data_file(self, create, tmp_path):
        path = create('qcow2', '-o',
                      f'data_file={tmp_path}/data,data_file_raw=on')
        assert 'data_file' in refused('qcow2', path)

    def test_a_parent_of_a_vmdk(self, edit):
        path = edit(b'parentCID=ffffffff', b'parentCID=12345678')
        assert 'content ID 12345678' in refused('vmdk', path)

    @pytest.mark.parametrize('line', [
        b'parentFileNameHint="/etc/passwd"',
        b'  PARENTFILENAMEHINT = "/etc/passwd"'])
    def test_a_parent_s_name_in_a_vmdk(self, edit, line):
        refused('vmdk', edit(b'# The Disk Data Base', line))

    @pytest.mark.parametrize('name', [
        b'"../../etc/passwd"', b'"/etc/passwd"', b'"..\\boot.ini"'])
    def test_an_extent_of_a_vmdk(self, edit, name):
        refused('vmdk', edit(b'"disk.vmdk"', name))

    def test_a_second_extent_of_a_vmdk(self, edit):
        path = edit(b'# The Disk Data Base', b'RW 2048 FLAT "passwd" 0')
        assert 'one sparse extent' in refused('vmdk', path)

    @pytest.mark.parametrize('subformat', [
        'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'])
    def test_a_vmdk_in_several_files(self, convert, subformat):
        refused('vmdk', convert('vmdk', '-o', f'subformat={subformat}'))

    def test_a_parent_of_a_vdi(self, convert):
        path = convert('vdi')
        data = bytearray(path.read_bytes())
        data[VDI_PARENT:VDI_PARENT + 16] = b'\x11' * 16
        path.write_bytes(data)
        assert 'parent UUID' in refused('vdi', path)


class TestOwnChecks:
    """The same, without Nova's inspector: each check stands on its own."""

    def info_refusal(self, path, qemu_format):
        info = nova_images.qemu_img_info(str(path), format=qemu_format)
        return images._refusal(info, path)

    def test_nothing_is_wrong_with_a_plain_disk(self, convert):
        assert self.info_refusal(convert('qcow2'), 'qcow2') is None
        path = convert('vmdk', *SPARSE_VMDK)
        assert self.info_refusal(path, 'vmdk') is None
        assert images._vmdk_refusal(path) is None

    def test_a_backing_file(self, create):
        path = create('qcow2', '-b', '/etc/passwd', '-F', 'raw')
        assert '/etc/passwd' in self.info_refusal(path, 'qcow2')

    def test_a_data_file(self, create, tmp_path):
        path = create('qcow2', '-o', f'data_file={tmp_path}/data')
        assert f'{tmp_path}/data' in self.info_refusal(path, 'qcow2')

    def test_extents_elsewhere(self, convert):
        path = convert('vmdk', '-o', 'subformat=monolithicFlat')
        assert 'disk-flat.vmdk' in self.info_refusal(path, 'vmdk')
        assert 'no embedded descriptor' in images._vmdk_refusal(path)

    def test_an_extent_in_another_folder(self, edit):
        path = edit(b'"disk.vmdk"', b'"../../etc/passwd"')
        assert '../../etc/passwd' in images._vmdk_refusal(path)

    @pytest.mark.parametrize('line', [
        b'parentFileNameHint="/etc/passwd"',
        b'  PARENTFILENAMEHINT = "/etc/passwd"'])
    def test_a_parent_s_name(self, edit, line):
        path = edit(b'# The Disk Data Base', line)
        assert 'parent: "/etc/passwd"' in images._vmdk_refusal(path)

    def test_a_parent_s_content(self, edit):
        path = edit(b'parentCID=ffffffff', b'ParentCID = 12345678')
        assert 'content ID 12345678' in images._vmdk_refusal(path)

    @pytest.mark.parametrize('line', [
        b'RW 2048 FLAT "passwd" 0', b'rdonly 2048 sparse "more"'])
    def test_a_second_extent(self, edit, line):
        path = edit(b'# The Disk Data Base', line)
        assert 'one sparse extent' in images._vmdk_refusal(path)

    def test_a_descriptor_that_lies_beyond_the_file(self, convert):
        path = convert('vmdk', *SPARSE_VMDK)
        data = bytearray(path.read_bytes())
        struct.pack_into('<Q', data, 28, 1 << 30)
        path.write_bytes(data)
        assert 'no embedded descriptor' in images._vmdk_refusal(path)

    def test_a_descriptor_that_is_cut_off_by_its_size(self, convert):
        path = convert('vmdk', *SPARSE_VMDK)
        data = bytearray(path.read_bytes())
        struct.pack_into('<Q', data, 36, 1 << 60)
        path.write_bytes(data)
        # However large it says it is, not all of that is read.
        assert len(images._vmdk_descriptor(path)) <= units.Mi


class TestClaims:
    """What Glance says an image is, and what it is."""

    @pytest.mark.parametrize('claimed', ['raw', 'vdi', 'vmdk', 'vhd', 'vhdx',
                                         'iso'])
    def test_a_qcow2_under_another_name(self, convert, claimed):
        reason = refused(claimed, convert('qcow2'))
        assert f'is {claimed} and its content is qcow2' in reason

    @pytest.mark.parametrize('claimed', ['qcow2', 'vdi', 'vmdk', 'vhd',
                                         'vhdx', 'iso'])
    def test_bytes_under_the_name_of_a_format(self, raw, claimed):
        assert 'its content is raw' in refused(claimed, raw)

    @pytest.mark.parametrize('claimed', ['ami', 'ploop', 'luks', '', None])
    def test_a_format_that_is_none_of_ours(self, raw, claimed):
        assert f'disk_format {claimed} is not one of' in refused(claimed, raw)

    def test_a_fixed_vhd_is_bytes_with_a_footer(self, convert):
        path = convert('vpc', '-o', 'subformat=fixed')
        assert 'its content is raw' in refused('vhd', path)

    def test_a_format_that_nobody_should_use(self, convert):
        assert 'safety check' in refused('raw', convert('qed'))

    def test_a_file_that_is_cut_off(self, convert):
        path = convert('qcow2')
        path.write_bytes(path.read_bytes()[:100])
        refused('qcow2', path)

    def test_a_header_with_nothing_behind_it(self, convert):
        path = convert('vmdk', *SPARSE_VMDK)
        path.write_bytes(path.read_bytes()[:512])
        refused('vmdk', path)


class TestEncryption:
    def test_inside_a_qcow2(self, create):
        path = create('qcow2', '--object', 'secret,id=k,data=password', '-o',
                      'encrypt.format=aes,encrypt.key-secret=k')
        assert 'it is encrypted' in refused('qcow2', path)

    def test_of_the_whole_disk(self, raw):
        raw.write_bytes(b'LUKS\xba\xbe\0\1'.ljust(units.Mi, b'\0'))
        assert 'its content is luks' in refused('raw', raw)


class TestFetching:
    @pytest.fixture
    def fetch(self, image_api, tmp_path):
        def fetch(disk_format, path):
            return images.fetch(
                builders.admin_context(), image_api.add(disk_format, path),
                tmp_path / 'download')
        return fetch

    def test_it_is_downloaded_and_looked_at(self, fetch, convert, tmp_path):
        image = fetch('qcow2', convert('qcow2'))
        assert image.path == tmp_path / 'download'
        assert (image.format, image.virtual_size) == ('qcow2', units.Mi)

    def test_what_is_wrong_with_it_is_found(self, fetch, convert):
        with pytest.raises(exception.ImageUnacceptable):
            fetch('raw', convert('qcow2'))


class TestConverting:
    @pytest.fixture
    def target(self, tmp_path):
        return tmp_path / 'target.vdi'

    def test_nothing_of_it_is_lost(self, convert, raw, target):
        images.convert(convert('qcow2'), 'qcow2', target, 'vdi',
                       virtual_size=units.Mi, timeout_s=60)
        qemu_img('compare', '-f', 'raw', '-F', 'vdi', raw, target)

    def test_the_format_is_not_guessed(self, convert, target):
        with pytest.raises(exception.ImageUnacceptable,
                           match='not in qcow2 format'):
            images.convert(convert('vdi'), 'qcow2', target, 'vdi',
                           virtual_size=units.Mi, timeout_s=60)

    @pytest.mark.parametrize('there', [True, False], ids=['prlimit', 'none'])
    def test_what_grows_too_large_is_given_up(self, tmp_path, target,
                                              monkeypatch, there):
        if not there:
            monkeypatch.setattr(images.shutil, 'which', lambda name: None)
        path = tmp_path / 'full.raw'
        path.write_bytes(b'x' * 70 * units.Mi)
        with pytest.raises(exception.ImageUnacceptable,
                           match='convert failed'):
            images.convert(path, 'raw', target, 'vdi', virtual_size=1,
                           timeout_s=60)
        assert target.stat().st_size < 66 * units.Mi

    def test_a_disk_of_a_size_that_there_is_not(self, create, target):
        image = check('qcow2', create('qcow2', size='1P'))
        assert image.virtual_size == units.Pi
        with pytest.raises(exception.ImageUnacceptable,
                           match='Unsupported VDI image size'):
            images.convert(image.path, 'qcow2', target, 'vdi',
                           virtual_size=image.virtual_size, timeout_s=60)

    def test_what_takes_too_long_is_ended(self, raw, target, tmp_path,
                                          monkeypatch):
        number = tmp_path / 'number'
        _hanging_program(tmp_path / 'bin/qemu-img', number)
        monkeypatch.setenv('PATH', f'{tmp_path}/bin:{os.environ["PATH"]}')
        try:
            with pytest.raises(exception.ImageUnacceptable):
                images.convert(raw, 'raw', target, 'vdi', virtual_size=1,
                               timeout_s=1)
            assert not _runs(int(number.read_text()))
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(int(number.read_text())).kill()

    def test_a_new_disk_is_empty(self, target, tmp_path):
        images.create(target, 'vdi', 3 * units.Mi)
        empty = tmp_path / 'empty.raw'
        empty.write_bytes(bytes(3 * units.Mi))
        qemu_img('compare', '-f', 'raw', '-F', 'vdi', empty, target)

    def test_a_folder_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(exception.ImageUnacceptable, match='no/such'):
            images.create(tmp_path / 'no/such.vdi', 'vdi', units.Mi)


def _hanging_program(path, number):
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho $$ > {number}\nexec sleep 60\n')
    path.chmod(0o755)


def _runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
