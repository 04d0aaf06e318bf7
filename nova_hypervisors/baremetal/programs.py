# SPDX-License-Identifier: Apache-2.0
"""Programs of the system that make file systems, tables and images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nova_hypervisors.clients import errors
from nova_hypervisors.clients import execute

# What they do takes milliseconds; a disk that is busy can take its time.
_LIMIT_S = 120.0

# mkfs and sfdisk are where a service's PATH may not lead.
_FOLDERS = ('/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin',
            '/usr/bin', '/bin')

#: Where Debian has them.
PACKAGES = {
    'mkfs.vfat': 'dosfstools', 'mcopy': 'mtools', 'mmd': 'mtools',
    'grub-mkstandalone': 'grub-common', 'sfdisk': 'fdisk',
    'mke2fs': 'e2fsprogs', 'e2fsck': 'e2fsprogs', 'resize2fs': 'e2fsprogs',
    'mkfs.xfs': 'xfsprogs', 'mkswap': 'util-linux', 'blkid': 'util-linux',
    'syslinux': 'syslinux', 'qemu-img': 'qemu-utils', 'apt-get': 'apt',
    'apt-cache': 'apt', 'dpkg-deb': 'dpkg', 'cpio': 'cpio',
}


def run(*words: str | Path, timeout_s: float = _LIMIT_S,
        runner: execute.Runner = execute.run) -> str:
    """Run a program and return what it prints.

    Errors name the program and what it said, never its arguments.

    :raises NotInstalled: it is not on this host; says what to install
    :raises OutOfSpace: there is no room for what it writes
    :raises ClientError: it says no
    """
    argv = [str(word) for word in words]
    name = argv[0]
    try:
        done = runner([find(name), *argv[1:]], timeout_s, environment())
    except errors.NotInstalled as error:
        package = PACKAGES.get(name)
        raise errors.NotInstalled(
            f'{error.detail}: install {package or "it"}' + (
                f' (its package in Debian is {package})' if package else ''),
            operation=name) from error
    if done.returncode:
        detail = (done.stderr or done.stdout).strip()
        if 'No space left' in detail or 'Disk full' in detail:
            raise errors.OutOfSpace(detail, operation=name)
        raise errors.ClientError(detail or f'ended with {done.returncode}',
                                 operation=name, code=done.returncode)
    return done.stdout


def find(name: str) -> str:
    """Return where a program is, or its name if it is nowhere."""
    if '/' not in name:
        for folder in _FOLDERS:
            if (path := Path(folder, name)).exists():
                return str(path)
    return name


def require(words: Sequence[str]) -> list[str]:
    """Return a sentence for each program that is missing."""
    return [f'{name} is not on this host: install '
            f'{PACKAGES.get(name, name)}'
            for name in words if '/' not in find(name)]


def environment() -> dict[str, str]:
    """Return an environment in which programs speak English.

    By which apt gets to its mirror as anybody else, and in which mtools
    neither reads anybody's settings nor asks whether a file may be written
    over.
    """
    network = {name: value for name, value in os.environ.items()
               if name.lower().endswith('_proxy') or name == 'APT_CONFIG'}
    return {**network, 'LC_ALL': 'C', 'PATH': ':'.join(_FOLDERS),
            'HOME': '/nonexistent', 'MTOOLSRC': '/dev/null',
            'MTOOLS_SKIP_CHECK': '1'}
