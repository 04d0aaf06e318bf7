# SPDX-License-Identifier: Apache-2.0
"""What a machine's firmware keeps: EFI's variables and the state of a TPM.

VirtualBox has both in one file beside the machine's settings.  It reads the
file when the machine starts, and it may be put there before (seen with
7.2.22).  Without it a guest that goes to another host finds the keys gone that
it has sealed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.virtualbox import files

_SUFFIX = '.nvram'


def path(settings: api.MachineSettings) -> Path:
    """Return the file of a machine, which may have none."""
    return Path(settings.folder) / f'{settings.name}{_SUFFIX}'


def copy(settings: api.MachineSettings, target: Path) -> bool:
    """Copy what a machine keeps, if it keeps anything."""
    source = path(settings)
    if not source.exists():
        return False
    _copy(source, target)
    return True


def restore(settings: api.MachineSettings,
            instance_files: files.InstanceFiles) -> None:
    """Give a new machine what the one has kept that it stands in for.

    That has come from another host, or is in the folder that both have.
    """
    if instance_files.host is not None:
        return
    own = path(settings)
    arrived = instance_files.arrived_nvram
    kept = sorted((found for found in instance_files.folder.rglob(
        f'*{_SUFFIX}') if found != own),
        key=lambda found: found.stat().st_mtime)
    if arrived.exists():
        kept.append(arrived)
    if kept:
        _copy(kept[-1], own)
    arrived.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    target.touch(0o600)
    shutil.copyfile(source, target)
