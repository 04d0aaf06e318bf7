# SPDX-License-Identifier: Apache-2.0
"""Images for the virtual drives of a machine: floppies and bootable CDs.

Made with mtools, pycdlib and GRUB, without root and without a mount.  What a
deploy ramdisk is to know is in one text file, a line ``name=value`` each.  A
token is never on a medium: whoever can read the object or the drive would
have it.
"""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from pathlib import PurePosixPath

import pycdlib

from nova_hypervisors.baremetal import programs
from nova_hypervisors.clients import errors

#: By which the ramdisk finds it.
FLOPPY_LABEL = 'ir-vfd-dev'
ISO_LABEL = 'VMEDIA_BOOT_ISO'
PARAMETERS = 'parameters.txt'

BIOS, UEFI = 'bios', 'uefi'

# That of a real one: firmware computes the geometry from it.
_FLOPPY_KIB = 1440

_INTERCHANGE_LEVEL = 3
_JOLIET_LEVEL = 3
_ROCK_RIDGE = '1.09'
_UEFI_PLATFORM = 0xef

_KERNEL, _RAMDISK = 'vmlinuz', 'initrd'
_ESP = 'boot/efi.img'
_ESP_ROOM = 2 << 20

# What GRUB needs before it has found the CD, and to read it.
_GRUB_MODULES = ('all_video boot configfile echo fat halt iso9660 linux '
                 'normal part_gpt part_msdos reboot search search_fs_file '
                 'serial terminal test')
_GRUB_EARLY = f"""\
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
search --no-floppy --set=root --file /{_KERNEL}
set prefix=($root)/boot/grub
configfile ($root)/boot/grub/grub.cfg
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Bootloaders:
    """What makes a CD bootable.

    :param isolinux: isolinux.bin
    :param ldlinux: ldlinux.c32 of the same release
    :param esp: an image of an EFI system partition to use, with a signed
        boot loader for instance; None: made with GRUB
    :param grub_format: GRUB's name of the platform
    """

    isolinux: Path = Path('/usr/lib/ISOLINUX/isolinux.bin')
    ldlinux: Path = Path('/usr/lib/syslinux/modules/bios/ldlinux.c32')
    esp: Path | None = None
    grub_format: str = 'x86_64-efi'


#: GRUB's name of a platform, and what UEFI looks for on a removable medium.
#: Source: UEFI specification 2.10, 3.5.1.1.
EFI_NAMES = {'x86_64-efi': 'BOOTX64.EFI', 'arm64-efi': 'BOOTAA64.EFI',
             'i386-efi': 'BOOTIA32.EFI'}


def parameters_text(parameters: Mapping[str, str]) -> str:
    """Return the lines of the file of parameters.

    :raises InvalidArgument: a name or a value that cannot be there
    """
    for name, value in parameters.items():
        if not name.isidentifier() or not name.isascii():
            raise errors.InvalidArgument(
                f'{name!r} is no name of a parameter of the ramdisk: use '
                'letters, digits and _')
        if 'token' in name.lower():
            raise errors.InvalidArgument(
                f'the parameter {name} is refused: a token is never written '
                'to a medium')
        if not value.isprintable():
            raise errors.InvalidArgument(
                f'the value of the parameter {name} is more than one line of '
                'text')
    return ''.join(f'{name}={value}\n' for name, value in parameters.items())


def create_vfat_image(path: Path, parameters: Mapping[str, str], *,
                      files: Mapping[str, bytes] | None = None,
                      label: str = FLOPPY_LABEL,
                      size_kib: int = _FLOPPY_KIB) -> None:
    """Write a floppy; nobody else may read it.

    :param parameters: what is in its file of parameters
    :param files: by their names, which have no folders
    :raises InvalidArgument: see :func:`parameters_text`
    :raises OutOfSpace: all that does not fit
    """
    content = {**(files or {}),
               PARAMETERS: parameters_text(parameters).encode()}
    _make_private(path, size_kib << 10)
    programs.run('mkfs.vfat', '-n', label, path)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in content.items():
            source = Path(folder, PurePosixPath(name).name)
            source.write_bytes(data)
            programs.run('mcopy', '-i', path, source, '::')


def create_iso_image(path: Path, kernel: Path, ramdisk: Path, *,
                     boot_modes: Collection[str] = (BIOS, UEFI),
                     kernel_append: str = '',
                     parameters: Mapping[str, str] | None = None,
                     files: Mapping[str, bytes] | None = None,
                     loaders: Bootloaders | None = None,
                     label: str = ISO_LABEL) -> None:
    """Write a CD that boots a kernel; nobody else may read it.

    :param boot_modes: of BIOS and UEFI
    :param kernel_append: parameters of the kernel
    :param parameters: what the ramdisk is to know, if not from a floppy
    :param files: more files, by their names
    :raises InvalidArgument: see :func:`parameters_text`; or the kernel's
        parameters are more than one line
    :raises NotInstalled: a boot loader is missing; says what to install
    """
    words = append_words(kernel_append)
    loaders = loaders or Bootloaders()
    content = dict(files or {})
    if parameters is not None:
        content[PARAMETERS] = parameters_text(parameters).encode()
    image = pycdlib.PyCdlib()
    image.new(interchange_level=_INTERCHANGE_LEVEL, joliet=_JOLIET_LEVEL,
              rock_ridge=_ROCK_RIDGE, vol_ident=label)
    tree = _Tree(image)
    with tempfile.TemporaryDirectory() as folder:
        tree.add_file(_KERNEL, kernel)
        tree.add_file(_RAMDISK, ramdisk)
        for name, data in content.items():
            tree.add(name, data)
        if BIOS in boot_modes:
            _add_isolinux(tree, loaders, words)
        if UEFI in boot_modes:
            esp = loaders.esp or make_esp(Path(folder, 'efi.img'),
                                          loaders.grub_format)
            _add_grub(tree, esp, words, first=BIOS not in boot_modes)
        _make_private(path, 0)
        with path.open('r+b') as target:
            image.write_fp(target)
    image.close()


def add_to_iso(source: Path, path: Path, parameters: Mapping[str, str],
               files: Mapping[str, bytes]) -> None:
    """Write a CD anew with parameters on it; it boots as before.

    :param source: one that has all three kinds of names, as ours have
    :raises InvalidArgument: see :func:`parameters_text`; or the CD cannot be
        added to
    """
    content = {**files, PARAMETERS: parameters_text(parameters).encode()}
    image = pycdlib.PyCdlib()
    try:
        image.open(str(source))
        tree = _Tree(image)
        for name, data in content.items():
            tree.add(name, data)
        _make_private(path, 0)
        with path.open('r+b') as target:
            image.write_fp(target)
        image.close()
    except pycdlib.pycdlibexception.PyCdlibException as error:
        raise errors.InvalidArgument(
            f'parameters cannot be put onto {source.name}: {error}; build '
            'the disc with "nova-hypervisors ramdisk build"') from error


class _Tree:
    """Files of an ISO image, under each of the three kinds of names."""

    def __init__(self, image: pycdlib.PyCdlib) -> None:
        self.image = image
        self._folders: set[PurePosixPath] = set()

    def add(self, name: str, data: bytes) -> str:
        path = self._place(name)
        self.image.add_fp(io.BytesIO(data), len(data), **self._names(path))
        return _iso_name(path)

    def add_file(self, name: str, source: Path) -> str:
        path = self._place(name)
        self.image.add_file(str(source), **self._names(path))
        return _iso_name(path)

    def _place(self, name: str) -> PurePosixPath:
        path = PurePosixPath('/', name)
        for folder in reversed(path.parents[:-1]):
            if folder not in self._folders:
                self.image.add_directory(
                    str(folder).upper(), rr_name=folder.name,
                    joliet_path=str(folder))
                self._folders.add(folder)
        return path

    @staticmethod
    def _names(path: PurePosixPath) -> dict[str, str]:
        return {'iso_path': _iso_name(path), 'rr_name': path.name,
                'joliet_path': str(path)}


def _iso_name(path: PurePosixPath) -> str:
    name = str(path).upper()
    return f'{name};1' if '.' in path.name else f'{name}.;1'


def _add_isolinux(tree: _Tree, loaders: Bootloaders,
                  words: list[str]) -> None:
    for source in (loaders.isolinux, loaders.ldlinux):
        if not source.exists():
            raise errors.NotInstalled(
                f'{source} is not on this host: install isolinux and '
                'syslinux-common, or set isolinux_bin', operation='iso')
    loader = tree.add_file('isolinux/isolinux.bin', loaders.isolinux)
    tree.add_file('isolinux/ldlinux.c32', loaders.ldlinux)
    tree.add('isolinux/isolinux.cfg', syslinux_config(words).encode())
    tree.image.add_eltorito(
        loader, bootcatfile='/ISOLINUX/BOOT.CAT;1', boot_load_size=4,
        boot_info_table=True, rr_bootcatname='boot.cat',
        joliet_bootcatfile='/isolinux/boot.cat')


def _add_grub(tree: _Tree, esp: Path, words: list[str], *,
              first: bool) -> None:
    """:param first: no other boot loader is on the CD"""
    tree.add('boot/grub/grub.cfg', grub_config(words).encode())
    loader = tree.add_file(_ESP, esp)
    catalog = {'bootcatfile': '/BOOT/BOOT.CAT;1',
               'rr_bootcatname': 'boot.cat',
               'joliet_bootcatfile': '/boot/boot.cat'} if first else {}
    tree.image.add_eltorito(loader, efi=True, platform_id=_UEFI_PLATFORM,
                            **catalog)


def syslinux_config(words: list[str]) -> str:
    """:param words: the kernel's, from :func:`append_words`"""
    append = ' '.join([f'initrd=/{_RAMDISK}', *words])
    return ('serial 0 115200\nprompt 0\ndefault boot\nlabel boot\n'
            f'kernel /{_KERNEL}\nappend {append}\n')


def grub_config(words: list[str]) -> str:
    """:param words: the kernel's, from :func:`append_words`"""
    command = ' '.join(f"'{word}'" for word in words)
    return f'linux /{_KERNEL} {command}\ninitrd /{_RAMDISK}\nboot\n'


def make_grub(path: Path, grub_format: str) -> None:
    """Write a GRUB that looks for a kernel of ours, on any device.

    :raises NotInstalled: says what to install
    """
    if not Path('/usr/lib/grub', grub_format).exists():
        raise errors.NotInstalled(
            f'GRUB for {grub_format} is not on this host: install '
            'grub-efi-amd64-bin, or set the image of an EFI system '
            'partition', operation='iso')
    with tempfile.TemporaryDirectory() as folder:
        early = Path(folder, 'early.cfg')
        early.write_text(_GRUB_EARLY)
        programs.run('grub-mkstandalone', '-O', grub_format, '-o', path,
                     '--modules', _GRUB_MODULES,
                     f'boot/grub/grub.cfg={early}')


def make_esp(path: Path, grub_format: str) -> Path:
    """Write an EFI system partition for a removable medium."""
    with tempfile.TemporaryDirectory() as folder:
        loader = Path(folder, EFI_NAMES[grub_format])
        make_grub(loader, grub_format)
        _make_private(path, loader.stat().st_size + _ESP_ROOM)
        programs.run('mkfs.vfat', path)
        programs.run('mmd', '-i', path, '::EFI', '::EFI/BOOT')
        programs.run('mcopy', '-i', path, loader, '::EFI/BOOT/')
    return path


def append_words(text: str) -> list[str]:
    """Return the kernel's parameters as words.

    :raises InvalidArgument: a boot loader would take them for something else
    """
    if (text and not text.isprintable()) or "'" in text:
        raise errors.InvalidArgument(
            f'{text!r} are no parameters for a kernel: one line without an '
            'apostrophe')
    return text.split()


def _make_private(path: Path, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(handle, 0o600)
        os.truncate(handle, size)
    finally:
        os.close(handle)
