# SPDX-License-Identifier: Apache-2.0
"""The modules of a kernel that a ramdisk needs to find disks and networks."""

from __future__ import annotations

import fnmatch
import lzma
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from nova_hypervisors.baremetal import programs
from nova_hypervisors.clients import errors

#: Below lib/modules/RELEASE/kernel.  Machines differ: what drives a disk, a
#: network card, a USB drive (which a BMC's virtual media are) or a CD.
PATTERNS = (
    'drivers/ata/*', 'drivers/block/floppy*', 'drivers/block/virtio_blk*',
    'drivers/block/loop*', 'drivers/cdrom/*', 'drivers/hv/*',
    'drivers/md/*', 'drivers/message/fusion/*', 'drivers/mmc/*',
    'drivers/net/ethernet/*', 'drivers/net/hyperv/*', 'drivers/net/mdio/*',
    'drivers/net/net_failover*', 'drivers/net/phy/*',
    'drivers/net/virtio_net*', 'drivers/net/vmxnet3/*', 'drivers/nvme/host/*',
    'drivers/pci/controller/*', 'drivers/scsi/*', 'drivers/usb/host/*',
    'drivers/usb/storage/*', 'drivers/virtio/*', 'fs/fat/*', 'fs/isofs/*',
    'fs/nls/*',
)

_EXTENSIONS = re.compile(r'\.ko(\.(xz|gz|zst))?$')


def select(source: Path, target: Path,
           patterns: Iterable[str] = PATTERNS) -> str:
    """Copy modules with what they need; return the kernel's release.

    :param source: an unpacked root, with one kernel
    :param target: of the ramdisk
    """
    releases = sorted((source / 'lib/modules').iterdir())
    if len(releases) != 1:
        raise errors.InvalidState(
            'the kernel has not the modules of one release: '
            + ', '.join(path.name for path in releases))
    release = releases[0].name
    depends = _dependencies(source, release)
    chosen = {name for name in depends
              if any(fnmatch.fnmatch(name.removeprefix('kernel/'), pattern)
                     for pattern in patterns)}
    for name in list(chosen):
        chosen |= set(depends[name])
    folder = target / 'lib/modules' / release
    for name in sorted(chosen):
        _copy(releases[0] / name, folder / _EXTENSIONS.sub('.ko', name))
    for name in ('modules.builtin', 'modules.order',
                 'modules.builtin.modinfo'):
        if (releases[0] / name).exists():
            shutil.copy2(releases[0] / name, folder / name)
    _depmod(source, target, release)
    return release


def _dependencies(root: Path, release: str) -> dict[str, list[str]]:
    """Return all that each module needs, by their paths."""
    _depmod(root, root, release)
    found = {}
    for line in (root / 'lib/modules' / release
                 / 'modules.dep').read_text().splitlines():
        name, _, needed = line.partition(':')
        found[name] = needed.split()
    return found


def _depmod(tools: Path, root: Path, release: str) -> None:
    # Of the ramdisk's own packages: this host need not have it.
    programs.run(tools / 'bin/busybox', 'depmod', '-b', root, release)


def _copy(source: Path, target: Path) -> None:
    """Copy a module, unpacked: busybox does not unpack all kinds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == '.xz':
        with lzma.open(source) as packed, target.open('wb') as file:
            shutil.copyfileobj(packed, file)
    elif source.suffix == '.ko':
        shutil.copy2(source, target)
    else:
        raise errors.Unsupported(
            f'{source.name} is packed in a way that this does not know')
