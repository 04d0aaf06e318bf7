# SPDX-License-Identifier: Apache-2.0
"""The deploy ramdisk, and systems that are deployed with it: they speak.

Run by a Python that has this package: ``python -m lab.baremetal.guests``.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

from lab import layout
from nova_hypervisors.baremetal import media
from nova_hypervisors.baremetal import partitions
from nova_hypervisors.baremetal import programs
from nova_hypervisors.baremetal.ramdisk import builder
from nova_hypervisors.baremetal.ramdisk import modules

#: Smaller and faster than the one for real machines, and enough for QEMU.
KERNEL = 'linux-image-cloud-amd64'
HELLO = 'HELLO FROM THE DEPLOYED DISK'
#: Of the file system of the partition image.
ROOT_UUID = '5eed0002-0000-4000-8000-000000000002'

_CONSOLE = 'console=ttyS0,115200n8 quiet'
_MIB = 1 << 20
# After which one of a former checkout is deleted.
_KEPT_S = 7 * 24 * 3600
# GRUB is ten times as large as Syslinux.
_BOOT_MB = {media.BIOS: 20, media.UEFI: 34}
_ROOT_MB = 24

_MODULES = ('drivers/virtio/*', 'drivers/scsi/virtio_scsi*',
            'drivers/scsi/sd_mod*', 'drivers/scsi/sr_mod*', 'drivers/ata/*',
            'drivers/block/virtio_blk*', 'fs/ext4/*', 'fs/isofs/*',
            'fs/fat/*', 'fs/nls/*', 'arch/x86/crypto/crc32c*',
            'crypto/crc32c*')

# It says what it finds and goes off.
_INIT = f"""\
#!/bin/sh
export PATH=/bin
say() {{ echo "$*" > /dev/console; }}
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev; mkdir -p /mnt
for round in 1 2 3; do
    find /sys/devices -name modalias -exec cat {{}} + | sort -u \\
        | xargs modprobe -a -q 2>/dev/null
    sleep 1
done
modprobe -a -q sd_mod sr_mod crc32c_generic ext4 isofs vfat 2>/dev/null
sleep 1
for word in $(cat /proc/cmdline); do
    case $word in root=UUID=*)
        mount -t ext4 -o ro "$(findfs "${{word#root=}}")" /mnt \\
            && say "ROOT $(cat /mnt/etc/hostname)" && umount /mnt ;;
    esac
done
for label in ephemeral0 swap1 config-2; do
    found=$(findfs LABEL=$label 2>/dev/null) && say "FOUND $label"
    [ "$label" = config-2 ] && mount -t iso9660 -o ro "$found" /mnt \\
        && say "CONFIG $(cat /mnt/openstack/latest/meta_data.json)"
done
say "{HELLO}: $(cat /proc/cmdline)"
sync
poweroff -f
"""


def folder(lab: layout.Layout) -> Path:
    """Return where they are; another checkout has its own."""
    return lab.top / 'ramdisks' / _stamp()


def make(lab: layout.Layout) -> None:
    """Build everything; what is there already is no work."""
    target = folder(lab)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(target.parent)
    recipe = builder.Recipe(kernel_package=KERNEL)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        source, made = Path(temporary, 'packages'), Path(temporary, 'made')
        source.mkdir()
        made.mkdir()
        builder.assemble(recipe, source, builder.fetch(recipe, source), made)
        make_ramdisk(source, made / 'guest.ramdisk')
        make_root(made / 'root.raw')
        for mode in (media.BIOS, media.UEFI):
            make_disk(made, mode)
        made.rename(target)


def _forget_old(parent: Path) -> None:
    for path in parent.iterdir():
        if path.stat().st_mtime < time.time() - _KEPT_S:
            shutil.rmtree(path, ignore_errors=True)


def make_ramdisk(source: Path, path: Path) -> None:
    """Write the first file system of the systems that speak."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for name in ('bin', 'dev', 'proc', 'sys', 'lib'):
            (root / name).mkdir()
        shutil.copy2(source / 'bin/busybox', root / 'bin/busybox')
        for name in programs.run(source / 'bin/busybox', '--list').split():
            if name != 'busybox':
                (root / 'bin' / name).symlink_to('busybox')
        modules.select(source, root, _MODULES)
        (root / 'init').write_text(_INIT)
        (root / 'init').chmod(0o755)
        builder.pack(root, path)


def make_root(path: Path) -> None:
    """Write a partition image: a file system, and nothing around it."""
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / 'etc').mkdir()
        (Path(temporary) / 'etc/hostname').write_text('partition-image\n')
        with path.open('wb') as file:
            file.truncate(_ROOT_MB * _MIB)
        programs.run('mke2fs', '-q', '-F', '-t', 'ext4', '-U', ROOT_UUID,
                     '-d', temporary, path)


def make_disk(target: Path, mode: str) -> None:
    """Write an image of a whole disk, which boots by itself."""
    path = target / f'{mode}.raw'
    part = partitions.Part(partitions.BOOT, _MIB, _BOOT_MB[mode] * _MIB)
    partitions.make_table(path, part.size + 2 * _MIB, (part,),
                          partitions.boot_code(mode))
    with tempfile.TemporaryDirectory() as temporary:
        boot = Path(temporary, 'boot')
        partitions.make_boot(
            boot, part.size, mode, target / 'deploy.kernel',
            target / 'guest.ramdisk', f'{_CONSOLE} image={mode}',
            media.Bootloaders())
        with path.open('r+b') as file:
            file.seek(part.offset)
            file.write(boot.read_bytes())
    programs.run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', path,
                 path.with_suffix('.qcow2'))


def _stamp() -> str:
    """Return what tells whether something of it has changed."""
    package = layout.CHECKOUT / 'nova_hypervisors/baremetal'
    digest = hashlib.sha256()
    for path in (*sorted((package / 'ramdisk').iterdir()),
                 package / 'media.py', package / 'partitions.py',
                 Path(__file__)):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == '__main__':
    make(layout.Layout.from_environment())
