# SPDX-License-Identifier: Apache-2.0
"""What has to be installed: on the host, in the lab's root, from PyPI."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from lab import layout
from lab import progress

#: On the host: all else goes into the lab's own folders.
HOST_PACKAGES = ('bubblewrap', 'ca-certificates', 'debootstrap',
                 'libarchive-tools', 'qemu-system-x86', 'qemu-utils',
                 # A BMC to talk to.
                 'openipmi',
                 # What makes media and disks for bare machines.
                 'busybox', 'cpio', 'dnsmasq-base', 'dosfstools', 'e2fsprogs',
                 'fdisk', 'grub-common', 'grub-efi-amd64-bin', 'iproute2',
                 'ipxe', 'isolinux', 'kmod', 'mtools', 'ovmf', 'pxelinux',
                 'qemu-block-extra', 'syslinux', 'syslinux-common')

#: In the root.  virtualbox-source stands for the kernel module's source
#: package that the module's builder would need headers for.
ROOT_PACKAGES = ('ca-certificates', 'gcc', 'libc6-dev', 'mariadb-server',
                 'novnc', 'rabbitmq-server', 'systemd-standalone-sysusers',
                 'tgt', 'virtualbox', 'virtualbox-source')


@dataclasses.dataclass(frozen=True, slots=True)
class Distribution:
    """Where the root comes from.

    :param suite: a release that has VirtualBox
    """

    name: str
    suite: str
    components: str


# No stable release of Debian has VirtualBox.
_DEBIAN = Distribution('debian', 'sid', 'main,contrib')

_NOT_STARTED = '#!/bin/sh\nexit 101\n'


def install_on_host(log: Path) -> None:
    """:raises LabError: a package is missing and can't be installed"""
    missing = [name for name in (*HOST_PACKAGES, *_python_packages())
               if 'install ok installed' not in progress.output_of(
                   ('dpkg-query', '-W', '-f', '${Status}', name))]
    if not missing:
        return
    env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    try:
        progress.run(('apt-get', 'update'), log, env=env)
        progress.run(('apt-get', 'install', '-y', '--no-install-recommends',
                      *missing), log, env=env)
    except progress.LabError as error:
        raise progress.LabError(
            f'the packages {", ".join(missing)} cannot be installed: {error}',
            log) from error


def _python_packages() -> tuple[str, ...]:
    """Return what Debian's Python lacks for virtual environments."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return ('python3-venv',)
    return ()


def distribution() -> Distribution:
    """Return what the root is to be, by what this machine is."""
    release = platform.freedesktop_os_release()
    if release['ID'] == 'ubuntu':
        return Distribution('ubuntu', release['VERSION_CODENAME'],
                            'main,universe,multiverse')
    return _DEBIAN


def mirror(name: str) -> str:
    """Return the mirror of a distribution that this machine's apt uses.

    :raises LabError: there is none
    """
    sites = progress.output_of(
        ('apt-get', 'indextargets', '--format', '$(SITE)',
         'Created-By: Packages')).split()
    for site in sites:
        if site.rstrip('/').endswith(f'/{name}'):
            return site
    raise progress.LabError(
        f"apt's sources name no mirror of {name}, from which the lab's "
        'servers would come: add one to /etc/apt/sources.list.d')


def make_root(lab: layout.Layout, log: Path) -> None:
    """Make the Debian in which the servers are; done already is no work."""
    done = lab.root / '.done'
    wanted = ' '.join(ROOT_PACKAGES)
    if done.exists() and done.read_text() == wanted:
        return
    _install_root(lab, wanted, log)
    # VirtualBox looks names up, and would wait for servers that do not
    # answer: this one refuses at once.
    resolver = lab.root / 'etc/resolv.conf'
    resolver.unlink(missing_ok=True)
    resolver.write_text('nameserver 127.0.0.1\n')
    done.write_text(wanted)


def _install_root(lab: layout.Layout, wanted: str, log: Path) -> None:
    done = lab.root / '.done'
    if lab.root.exists() and not done.exists():
        # What an interrupted run has left.
        shutil.rmtree(lab.root)
    if not lab.root.exists():
        origin = distribution()
        progress.run(('debootstrap', '--variant=minbase',
                      f'--components={origin.components}', origin.suite,
                      lab.root, mirror(origin.name)), log)
        _prepare_root(lab.root)
    _install_in_root(lab.root, wanted, log)


def _install_in_root(root: Path, wanted: str, log: Path) -> None:
    # An isolated namespace: what is mounted for the installation is seen by
    # nobody else, and gone with it.
    script = ('apt-get update && apt-get install -y --no-install-recommends '
              f'{wanted} && apt-get clean')
    progress.run(
        (*in_root(root, writable=True), 'sh', '-c', script), log,
        env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive',
             'LC_ALL': 'C.UTF-8', 'HOME': '/root'})


def add_to_root(lab: layout.Layout, names: tuple[str, ...],
                log: Path) -> None:
    """Install more into the root than every cloud needs."""
    marks = [lab.root / f'usr/share/doc/{name}' for name in names]
    if not all(mark.exists() for mark in marks):
        _install_in_root(lab.root, ' '.join(names), log)


def _prepare_root(root: Path) -> None:
    for source in Path('/etc/apt/apt.conf.d').iterdir():
        shutil.copy(source, root / 'etc/apt/apt.conf.d')
    # No package's service is started.
    policy = root / 'usr/sbin/policy-rc.d'
    policy.write_text(_NOT_STARTED)
    policy.chmod(0o755)
    (root / 'etc/dpkg/dpkg.cfg.d/lab').write_text('force-unsafe-io\n')


def in_root(root: Path, *, writable: bool = False,
            shared: tuple[Path, ...] = (),
            tmp: Path | None = None) -> tuple[str, ...]:
    """Return the words before a command that is to run in the root.

    The mounts are in a namespace of the command's own: neither deleting the
    root nor deleting the lab can reach through them.

    :param shared: folders that are the same inside and outside
    :param tmp: what is /tmp inside
    """
    words = ['bwrap', '--bind' if writable else '--ro-bind', str(root), '/',
             '--dev-bind', '/dev', '/dev', '--proc', '/proc',
             '--ro-bind', '/sys', '/sys']
    if writable and Path('/etc/resolv.conf').exists():
        words += ['--ro-bind', '/etc/resolv.conf', '/etc/resolv.conf']
    if tmp is not None:
        words += ['--bind', str(tmp), '/tmp']
    for folder in shared:
        # The place has to be there: the root itself is mounted read-only.
        (root / folder.relative_to('/')).mkdir(parents=True, exist_ok=True)
        words += ['--bind', str(folder), str(folder)]
    return (*words, '--chdir', '/', '--')


def make_tools(lab: layout.Layout, log: Path) -> None:
    """Install uv, which installs all the rest in seconds."""
    if (lab.tools / 'bin/uv').exists():
        return
    shutil.rmtree(lab.tools, ignore_errors=True)
    progress.run((sys.executable, '-m', 'venv', lab.tools), log)
    try:
        progress.run((lab.tools / 'bin/pip', 'install', 'uv'), log)
    except progress.LabError as error:
        raise progress.LabError(
            f'PyPI cannot be reached through pip: {error}', log) from error


def requirements(name: str) -> tuple[str, ...]:
    """Read a file of requirements in the checkout."""
    lines = (layout.CHECKOUT / name).read_text().splitlines()
    return tuple(word for line in lines
                 if (word := line.partition('#')[0].strip()))


def make_venv(lab: layout.Layout, venv: Path, wanted: tuple[str, ...],
              log: Path, constraints: Path | None = None) -> None:
    """Make a virtual environment; the same one again is no work."""
    done = venv / '.done'
    content = '\n'.join((platform.python_version(), *wanted,
                         constraints.read_text() if constraints else ''))
    if done.exists() and done.read_text() == content:
        return
    if not (venv / 'bin/python').exists():
        progress.run((lab.tools / 'bin/uv', 'venv', '--python',
                      sys.executable, venv), log, env=_uv_env(lab))
    options = ('-c', str(constraints)) if constraints else ()
    pip_install(lab, venv, (*options, *wanted), log)
    done.write_text(content)


def pip_install(lab: layout.Layout, venv: Path, words: tuple[str, ...],
                log: Path) -> None:
    progress.run((lab.tools / 'bin/uv', 'pip', 'install', '--python',
                  venv / 'bin/python', *words), log, env=_uv_env(lab))


def _uv_env(lab: layout.Layout) -> dict[str, str]:
    """Return an environment in which uv uses the index that pip uses."""
    env = {**os.environ, 'UV_CACHE_DIR': str(lab.top / 'cache'),
           'UV_PYTHON_DOWNLOADS': 'never', 'VIRTUAL_ENV': ''}
    index = progress.output_of(
        (lab.tools / 'bin/pip', 'config', 'get', 'global.index-url')).strip()
    if index:
        env['UV_DEFAULT_INDEX'] = index
    if not (layout.CHECKOUT / '.git').exists():
        # pbr has neither history nor tags to make a version from.
        env['PBR_VERSION'] = '0.0.0'
    return env


def has_virtualbox() -> bool:
    """Return whether the host itself has one that can start guests."""
    return (Path('/dev/vboxdrv').exists()
            and Path('/usr/lib/virtualbox/VBoxManage').exists()
            and subprocess.run(
                ('/usr/lib/virtualbox/VBoxManage', '--version'),
                check=False, capture_output=True).returncode == 0)
