# SPDX-License-Identifier: Apache-2.0
"""Debian's packages, downloaded and unpacked without being installed.

Neither root nor a change of this host is needed: apt only has to know the
packages ("apt-get update").
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from nova_hypervisors.baremetal import programs
from nova_hypervisors.clients import errors

_DOWNLOAD_S = 900.0
_DEPENDS = re.compile(r'^ +\|?(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$',
                      re.MULTILINE)


def kernel(name: str) -> str:
    """Return the package of a kernel that a metapackage stands for.

    ``linux-image-amd64`` changes with each release; what it depends on is
    the kernel.
    """
    for found in dependencies(name):
        if found.startswith('linux-image-'):
            return found
    return name


def dependencies(*names: str) -> list[str]:
    """Return what packages depend on, of them all.

    :raises NotFound: apt knows no such package
    """
    text = programs.run('apt-cache', 'depends', *names)
    if not text.strip():
        raise errors.NotFound(
            f'apt knows no package {" ".join(names)}: run "apt-get update", '
            'or choose another one')
    return _DEPENDS.findall(text)


def libraries(names: Iterable[str]) -> set[str]:
    """Return the packages of the libraries that packages need, of all."""
    found: set[str] = set()
    left = set(names)
    while left:
        left = {name for name in dependencies(*sorted(left))
                if name.startswith(('lib', 'zlib'))
                and not name.endswith('-perl')} - found
        found |= left
    return found


def unpack(names: Iterable[str], target: Path) -> dict[str, str]:
    """Unpack packages into a folder; return their versions."""
    wanted = sorted(set(names))
    versions = {}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        # It writes to where it is, and may do so as another user.
        here.chmod(0o755)
        programs.run('env', '-C', here, programs.find('apt-get'), '-q',
                     'download', *wanted, timeout_s=_DOWNLOAD_S)
        for path in sorted(here.glob('*.deb')):
            name, version = programs.run(
                'dpkg-deb', '--show', '--showformat',
                '${Package} ${Version}', path).split()
            versions[name] = version
            programs.run('dpkg-deb', '-x', path, target,
                         timeout_s=_DOWNLOAD_S)
    missing = set(wanted) - set(versions)
    if missing:
        raise errors.NotFound('apt did not download '
                              + ', '.join(sorted(missing)))
    return versions


def copy_program(source: Path, program: str, target: Path) -> None:
    """Copy a program with its libraries from an unpacked root.

    The root's own loader says which libraries these are; nothing of this
    host gets in.
    """
    folders = [path for pattern in ('lib/*-linux-gnu', 'usr/lib/*-linux-gnu')
               for path in source.glob(pattern)]
    loader = next((path for pattern in ('lib64/ld-linux*', 'lib/ld-linux*',
                                        'usr/lib64/ld-linux*')
                   for path in source.glob(pattern)), None)
    if loader is None:
        raise errors.NotFound('libc6 has no loader where it should be')
    text = programs.run(
        loader.resolve(), '--library-path', ':'.join(map(str, folders)),
        '--list', source / program)
    place = _within(target, program)
    shutil.copy2(source / program, place)
    for library in map(Path, re.findall(r'=> (/\S+) \(', text)):
        if library.is_relative_to(source):
            shutil.copy2(library, _within(
                target, str(library.relative_to(source))))
    # Programs have the loader's path in them.
    shutil.copy2(loader.resolve(),
                 _within(target, str(loader.relative_to(source))))


def _within(target: Path, name: str) -> Path:
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
