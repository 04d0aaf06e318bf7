# SPDX-License-Identifier: Apache-2.0
"""Building the deploy ramdisk.

The same packages make the same files, byte for byte: times, owners and the
order of files are fixed.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import programs
from nova_hypervisors.baremetal.ramdisk import modules
from nova_hypervisors.baremetal.ramdisk import packages

#: What the ramdisk is made of, beside the kernel.
_PACKAGES = ('busybox-static', 'tgt', 'wget')
_PROGRAMS = ('usr/sbin/tgtd', 'usr/sbin/tgtadm', 'usr/bin/wget')

_FOLDERS = ('bin', 'dev', 'etc', 'lib', 'media', 'proc', 'run', 'sbin', 'sys',
            'tmp', 'usr/bin', 'usr/sbin', 'var/run')
# Seconds since 1970, of all files: 1 January 2026.
_TIME = 1767225600

_CONSOLE = 'console=tty0 console=ttyS0,115200n8'


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """What to build.

    :param kernel_package: Debian's; a metapackage stands for the newest
    :param more_packages: whose firmware is put in
    :param kernel_append: more parameters of the kernel
    :param boot_modes: of the ISO image, see :mod:`media`
    """

    kernel_package: str = 'linux-image-amd64'
    more_packages: Sequence[str] = ()
    kernel_append: str = ''
    boot_modes: Sequence[str] = (media.BIOS, media.UEFI)
    loaders: media.Bootloaders = dataclasses.field(
        default_factory=media.Bootloaders)


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """:param versions: of the packages that it was made of"""

    kernel: Path
    ramdisk: Path
    iso: Path
    versions: dict[str, str]


def build(recipe: Recipe, folder: Path) -> Built:
    """Write deploy.kernel, deploy.ramdisk, deploy.iso and deploy.json.

    :raises NotInstalled: a program is missing; says what to install
    :raises NotFound: apt does not know a package
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        source = Path(temporary)
        return assemble(recipe, source, fetch(recipe, source), folder)


def fetch(recipe: Recipe, source: Path) -> dict[str, str]:
    """Unpack all packages into a folder; return their versions."""
    kernel = packages.kernel(recipe.kernel_package)
    needed = packages.libraries(_PACKAGES)
    return packages.unpack(
        {kernel, *_PACKAGES, *needed, *recipe.more_packages}, source)


def assemble(recipe: Recipe, source: Path, versions: dict[str, str],
             folder: Path) -> Built:
    """Make everything from unpacked packages."""
    built = Built(folder / 'deploy.kernel', folder / 'deploy.ramdisk',
                  folder / 'deploy.iso', versions)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        make_tree(source, Path(root))
        pack(Path(root), built.ramdisk)
    shutil.copyfile(next((source / 'boot').glob('vmlinuz-*')), built.kernel)
    media.create_iso_image(
        built.iso, built.kernel, built.ramdisk, loaders=recipe.loaders,
        boot_modes=recipe.boot_modes,
        kernel_append=f'{_CONSOLE} {recipe.kernel_append}'.strip())
    (folder / 'deploy.json').write_text(json.dumps(
        {'packages': versions}, indent=1, sort_keys=True) + '\n')
    return built


def make_tree(source: Path, root: Path) -> None:
    """Make the files of the ramdisk from unpacked packages."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / 'bin/busybox', root / 'bin/busybox')
    for name in programs.run(source / 'bin/busybox', '--list').split():
        if name != 'busybox':
            (root / 'bin' / name).symlink_to('busybox')
    (root / 'bin/wget').unlink()
    for name in _PROGRAMS:
        packages.copy_program(source, name, root)
    modules.select(source, root)
    if (source / 'lib/firmware').exists():
        shutil.copytree(source / 'lib/firmware', root / 'lib/firmware')
    (root / 'etc/passwd').write_text('root:x:0:0::/:/bin/sh\n')
    (root / 'etc/nsswitch.conf').write_text('hosts: files dns\n')
    here = resources.files('nova_hypervisors.baremetal.ramdisk')
    for name, place in (('init', 'init'), ('finish', 'sbin/finish'),
                        ('dhcp', 'sbin/dhcp')):
        (root / place).write_text((here / name).read_text())
        (root / place).chmod(0o755)


def pack(root: Path, target: Path) -> None:
    """Write a tree as what a kernel takes for its first file system."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob('*'))
    for name in names:
        os.utime(root / name, (_TIME, _TIME), follow_symlinks=False)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        listing, archive = Path(folder, 'list'), Path(folder, 'archive')
        listing.write_text(''.join(f'{name}\n' for name in names))
        # cpio takes the names from its standard input only.
        programs.run('sh', '-c', 'cd "$0" && exec cpio --quiet --create '
                     '--format=newc --reproducible --owner=0:0 < "$1" > "$2"',
                     root, listing, archive)
        with (archive.open('rb') as plain, target.open('wb') as file,
              gzip.GzipFile('', 'wb', 6, file, mtime=0) as packed):
            shutil.copyfileobj(plain, packed)


def pack_parameters(parameters: dict[str, str], files: dict[str, bytes],
                    target: Path) -> None:
    """Write what a boot loader adds to the ramdisk of one machine.

    A kernel takes several archives, one after the other.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / media.PARAMETERS).write_text(
            media.parameters_text(parameters))
        for name, data in files.items():
            (root / Path(name).name).write_bytes(data)
        pack(root, target)
