# SPDX-License-Identifier: Apache-2.0
"""Floppies and CDs, read back by other programs than made them."""

import io
import stat
import subprocess

import pycdlib
import pytest

from nova_hypervisors.baremetal import media
from nova_hypervisors.clients import errors

PARAMETERS = {'deployment_id': 'a-node', 'api_url': 'https://[::1]:1/?a=b c'}
LINES = b'deployment_id=a-node\napi_url=https://[::1]:1/?a=b c\n'
APPEND = 'console=ttyS0 root="a b"'


def mtools(*words):
    return subprocess.run([str(word) for word in words], check=True,
                          capture_output=True,
                          env={'MTOOLSRC': '/dev/null'}).stdout


@pytest.fixture
def floppy(tmp_path):
    path = tmp_path / 'floppy.img'
    media.create_vfat_image(path, PARAMETERS,
                            files={'ca.pem': b'a certificate'})
    return path


class TestFloppy:
    def test_the_parameters_are_lines_of_a_file(self, floppy):
        assert mtools('mtype', '-i', floppy, '::parameters.txt') == LINES

    def test_files_are_beside_them(self, floppy):
        assert mtools('mtype', '-i', floppy, '::ca.pem') == b'a certificate'
        names = mtools('mdir', '-b', '-i', floppy, '::').split()
        assert len(names) == 2

    def test_the_label_and_the_size_are_those_of_a_floppy(self, floppy):
        assert b'ir-vfd-dev' in mtools('mlabel', '-s', '-i', floppy, '::')
        assert floppy.stat().st_size == 1440 * 1024
        # Head and sector counts, from which firmware computes the geometry.
        sector = floppy.read_bytes()[:512]
        assert (sector[24], sector[26]) == (18, 2)

    def test_nobody_else_may_read_it(self, floppy):
        assert stat.S_IMODE(floppy.stat().st_mode) == 0o600

    def test_what_does_not_fit_is_said(self, tmp_path):
        with pytest.raises(errors.OutOfSpace):
            media.create_vfat_image(tmp_path / 'f', {},
                                    files={'large': bytes(2 << 20)})

    @pytest.mark.parametrize(('name', 'value', 'complaint'), [
        ('token', 'x', 'a token is never written'),
        ('Ironic_Token', 'x', 'a token is never written'),
        ('a', 'one\nb=two', 'more than one line'),
        ('a b', 'x', 'no name of a parameter'),
        ('', 'x', 'no name of a parameter')])
    def test_parameters_that_cannot_be(self, tmp_path, name, value,
                                       complaint):
        with pytest.raises(errors.InvalidArgument, match=complaint):
            media.create_vfat_image(tmp_path / 'f', {name: value})
        assert not (tmp_path / 'f').exists()

    def test_a_refused_value_is_not_told(self, tmp_path):
        with pytest.raises(errors.InvalidArgument) as caught:
            media.create_vfat_image(tmp_path / 'f', {'chap': 'se\ncret'})
        assert 'cret' not in str(caught.value)


class Disc:
    """A CD as one that has a driver for it sees it."""

    def __init__(self, path):
        self._image = pycdlib.PyCdlib()
        self._image.open(str(path))
        self.label = self._image.pvd.volume_identifier.strip().decode()
        catalog = self._image.eltorito_boot_catalog
        entries = [] if catalog is None else [
            (catalog.validation_entry.platform_id, catalog.initial_entry),
            *((section.platform_id, entry) for section in catalog.sections
              for entry in section.section_entries)]
        self.platforms = [platform for platform, _ in entries]
        data = path.read_bytes()
        self.loaders = [data[entry.load_rba * 2048:][:16 << 20]
                        for _, entry in entries]

    def read(self, name):
        found = io.BytesIO()
        self._image.get_file_from_iso_fp(found, rr_path=name)
        return found.getvalue()


@pytest.fixture
def make(tmp_path):
    (tmp_path / 'kernel').write_bytes(b'a kernel')
    (tmp_path / 'ramdisk').write_bytes(b'a ramdisk')

    def make(**options):
        path = tmp_path / 'boot.iso'
        media.create_iso_image(path, tmp_path / 'kernel',
                               tmp_path / 'ramdisk', **options)
        return path

    return make


class TestDisc:
    def test_the_kernel_and_what_it_is_told(self, make):
        disc = Disc(make(kernel_append=APPEND))
        assert disc.label == 'VMEDIA_BOOT_ISO'
        assert disc.read('/vmlinuz') == b'a kernel'
        assert disc.read('/initrd') == b'a ramdisk'
        lines = disc.read('/isolinux/isolinux.cfg').decode().splitlines()
        assert lines[-2:] == ['kernel /vmlinuz',
                              f'append initrd=/initrd {APPEND}']
        assert disc.read('/boot/grub/grub.cfg').decode().splitlines() == [
            "linux /vmlinuz 'console=ttyS0' 'root=\"a' 'b\"'",
            'initrd /initrd', 'boot']

    @pytest.mark.parametrize(('modes', 'platforms'), [
        (('bios', 'uefi'), [0, 0xef]), (('bios',), [0]), (('uefi',), [0xef])])
    def test_it_boots_by_what_is_asked_for(self, make, modes, platforms):
        disc = Disc(make(boot_modes=modes))
        assert disc.platforms == platforms
        if 'uefi' in modes:
            # A FAT file system, by its last two bytes and its name.
            esp = disc.loaders[-1]
            assert esp[510:512] == b'\x55\xaa'
            assert b'FAT' in esp[:90]

    def test_the_esp_has_a_loader_for_removable_media(self, make, tmp_path):
        esp = tmp_path / 'esp'
        esp.write_bytes(Disc(make()).loaders[1])
        loader = mtools('mtype', '-i', esp, '::EFI/BOOT/BOOTX64.EFI')
        assert loader.startswith(b'MZ')

    def test_an_esp_of_somebody_else_is_taken_as_it_is(self, make, tmp_path):
        (tmp_path / 'signed').write_bytes(b'signed'.ljust(4096, b'!'))
        disc = Disc(make(loaders=media.Bootloaders(esp=tmp_path / 'signed')))
        assert disc.read('/boot/efi.img').startswith(b'signed!')

    def test_parameters_can_be_on_it(self, make):
        disc = Disc(make(parameters=PARAMETERS, files={'ca.pem': b'mine'}))
        assert disc.read('/parameters.txt') == LINES
        assert disc.read('/ca.pem') == b'mine'

    def test_nobody_else_may_read_it(self, make):
        assert stat.S_IMODE(make().stat().st_mode) == 0o600

    @pytest.mark.parametrize('append', ["a='b'", 'a\nmenuentry x', 'a\tb'])
    def test_what_a_boot_loader_would_misread_is_refused(self, make, append):
        with pytest.raises(errors.InvalidArgument, match='no parameters'):
            make(kernel_append=append)

    def test_a_token_is_refused(self, make):
        with pytest.raises(errors.InvalidArgument, match='a token'):
            make(parameters={'admin_token': 'x'})

    def test_what_to_install_is_said(self, make, tmp_path):
        with pytest.raises(errors.NotInstalled, match='install isolinux'):
            make(loaders=media.Bootloaders(isolinux=tmp_path / 'none'))
