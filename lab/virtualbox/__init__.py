# SPDX-License-Identifier: Apache-2.0
"""A VirtualBox whose guests run: the host's own, or one in the lab's root."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

_HERE = Path(__file__).parent
_PROGRAMS = '/usr/lib/virtualbox'
_GUEST_SIZE = 1 << 20

# What VBoxManage says when VBoxSVC is just ending, and how long that may take:
# one in a hundred takes ten seconds.
_NOBODY = 'Failed to create the VirtualBox object'
_ENDING_S = 30

_INTERPRET = 'VBoxInternal/HM/FallbackToIEM'


def make(lab: layout.Layout, log: Path) -> None:
    """Put a VBoxManage that works, and a test guest, into the lab."""
    if packages.has_virtualbox():
        for link in (lab.vboxmanage, lab.vboxwebsrv):
            link.unlink(missing_ok=True)
            link.symlink_to(f'{_PROGRAMS}/{link.name}')
    else:
        _replace_front_end(lab, log)
        _write_wrappers(lab)
    for guest in (lab.guest, lab.busy_guest):
        _make_guest(guest, lab, log)


def _replace_front_end(lab: layout.Layout, log: Path) -> None:
    """Put the launcher in place of VBoxHeadless, which is kept."""
    folder = lab.root / _PROGRAMS.lstrip('/')
    original = folder / 'VBoxHeadless.orig'
    source = _HERE / 'launcher.c'
    installed = folder / 'launcher.c'
    if original.exists() and installed.exists() and (
            installed.read_bytes() == source.read_bytes()):
        return
    if not original.exists():
        (folder / 'VBoxHeadless').rename(original)
    shutil.copy(source, installed)
    built = f'{_PROGRAMS}/VBoxHeadless'
    progress.run((*packages.in_root(lab.root, writable=True),
                  'gcc', '-O2', '-Wall', '-rdynamic', '-o', built,
                  f'{_PROGRAMS}/launcher.c', '-ldl'), log)


def _write_wrappers(lab: layout.Layout) -> None:
    """Write the programs that run those in the root.

    They take VBOX_USER_HOME and VBOX_IPC_SOCKETID as they find them: whoever
    calls them chooses the registry.
    """
    words = packages.in_root(lab.root, shared=(lab.top,), tmp=lab.tmp)
    for wrapper in (lab.vboxmanage, lab.vboxwebsrv):
        wrapper.write_text(
            '#!/bin/sh\n'
            # Ctrl-C is for the program, which then asks VirtualBox to give
            # up: bwrap would end it before.
            "trap '' INT\n"
            f'exec {shlex.join(words)} {_PROGRAMS}/{wrapper.name} "$@"\n')
        wrapper.chmod(0o755)


def _make_guest(guest: Path, lab: layout.Layout, log: Path) -> None:
    """Assemble a guest, as a disk of one megabyte."""
    name = guest.stem
    source = (_HERE / f'{name}.s').read_text()
    kept = lab.tmp / f'{name}.s'
    if guest.exists() and kept.exists() and kept.read_text() == source:
        return
    kept.write_text(source)
    tools = (packages.in_root(lab.root, tmp=lab.tmp)
             if lab.root.exists() else ())
    folder = '/tmp' if lab.root.exists() else str(lab.tmp)
    progress.run((*tools, 'as', '--32', '-o', f'{folder}/{name}.o',
                  f'{folder}/{name}.s'), log)
    progress.run((*tools, 'ld', '-m', 'elf_i386', '-Ttext', '0x7c00',
                  '--oformat', 'binary', '-o', f'{folder}/{name}.bin',
                  f'{folder}/{name}.o'), log)
    image = (lab.tmp / f'{name}.bin').read_bytes()
    guest.write_bytes(image.ljust(_GUEST_SIZE, b'\0'))


def environment(home: Path) -> dict[str, str]:
    """Return the environment in which VirtualBox uses a registry.

    The same as the driver's for ``[virtualbox] home``.
    """
    from nova_hypervisors.clients.vbox import settings
    return {**os.environ, **settings.environment(home)}


def manage(lab: layout.Layout, home: Path, *words: str) -> str:
    """Run VBoxManage on a registry of the lab and return what it prints."""
    end = time.monotonic() + _ENDING_S
    while True:
        done = subprocess.run([str(lab.vboxmanage), '-q', *words],
                              env=environment(home), capture_output=True,
                              text=True, check=False, timeout=120)
        if not done.returncode:
            return done.stdout
        if _NOBODY not in done.stderr or time.monotonic() > end:
            raise progress.LabError(f'VBoxManage {words[0]}: '
                                    f'{done.stderr.strip()}')
        time.sleep(1)


def make_registry(lab: layout.Layout, home: Path) -> None:
    """Make a registry of machines that may be run by the interpreter."""
    home.mkdir(parents=True, exist_ok=True)
    if not packages.has_virtualbox():
        manage(lab, home, 'setextradata', 'global', _INTERPRET, '1')


def stop_machines(lab: layout.Layout, home: Path) -> None:
    """Power off what runs in a registry of the lab."""
    if not (home / 'VirtualBox.xml').exists() or not lab.vboxmanage.exists():
        return
    for line in manage(lab, home, 'list', 'runningvms').splitlines():
        uuid = line.rpartition('{')[2].rstrip('}')
        power_off(lab, home, uuid)


def power_off(lab: layout.Layout, home: Path, uuid: str) -> None:
    """Pull the plug of a machine that runs."""
    try:
        manage(lab, home, 'controlvm', uuid, 'poweroff')
    except progress.LabError as error:
        # Its process died of it now and then, which is as good.
        if 'The VM session was aborted' not in str(error):
            raise
