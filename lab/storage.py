# SPDX-License-Identifier: Apache-2.0
"""A storage with iSCSI targets: tgtd, whose disks are files.

It needs neither a kernel module nor an address of its own.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from lab import layout
from lab import packages
from lab import progress

# In the root, with wrappers in the lab's bin.
_PROGRAMS = ('tgtd', 'tgtadm', 'tgt-admin')

# They call one another: not by the wrappers.
_PATH = 'PATH=/usr/sbin:/usr/bin'

_LIMIT_S = 60


def make(lab: layout.Layout) -> None:
    """Write the programs that run those in the root."""
    words = packages.in_root(lab.root, shared=(lab.top,), tmp=lab.tmp)
    for name in _PROGRAMS:
        # Cinder does not tell it where the targets are.
        options = (('--conf', str(targets(lab))) if name == 'tgt-admin'
                   else ())
        command = shlex.join((*words, 'env', _PATH, f'/usr/sbin/{name}',
                              *options))
        wrapper = lab.bin / name
        wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        wrapper.chmod(0o755)


def targets(lab: layout.Layout) -> Path:
    """Return the file from which tgt-admin has the cloud's targets."""
    return lab.etc / 'cinder/targets.conf'


def environment(socket: Path) -> dict[str, str]:
    """Return the environment in which the programs find each other."""
    return {**os.environ, 'TGT_IPC_SOCKET': str(socket)}


def daemon(lab: layout.Layout, port: int) -> tuple[str, ...]:
    """Return the words that start tgtd on a port of this machine."""
    return (str(lab.bin / 'tgtd'), '-f', '--iscsi',
            f'portal=127.0.0.1:{port}')


def answers(lab: layout.Layout, socket: Path) -> bool:
    return bool(progress.output_of(
        (lab.bin / 'tgtadm', '--op', 'show', '--mode', 'sys'),
        environment(socket)))


def administer(lab: layout.Layout, socket: Path, mode: str, operation: str,
               **parameters: object) -> str:
    """Run tgtadm and return what it prints.

    :param parameters: its options, with underscores for hyphens
    """
    words = [word for name, value in parameters.items()
             for word in (f'--{name.replace("_", "-")}', str(value))]
    done = subprocess.run(
        [lab.bin / 'tgtadm', '--lld', 'iscsi', '--mode', mode, '--op',
         operation, *words], env=environment(socket), capture_output=True,
        text=True, check=False, timeout=_LIMIT_S)
    if done.returncode:
        raise progress.LabError(f'tgtadm {operation} {mode}: '
                                f'{done.stderr.strip()}')
    return done.stdout
