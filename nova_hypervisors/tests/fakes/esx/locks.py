# SPDX-License-Identifier: Apache-2.0
"""Locks of files, as VMFS keeps them for machines that run.

"Investigating virtual machine file locks on ESXi hosts" (VMware KB 10051): the
disk that is written is locked for others; what is below it is only read, and
whoever wants to may read it too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nova_hypervisors.tests.fakes.esx import faults


class Locks:
    def __init__(self) -> None:
        self._written: dict[Path, Any] = {}
        self._read: dict[Any, set[Path]] = {}

    def take(self, owner: Any, disks: list[list[Any]], paths: list[Path],
             ) -> None:
        """Lock the chains of a machine's disks, and its other files.

        :raises vim.fault.FileLocked: another machine has one of them
        """
        written = {file: chain[0].at for chain in disks
                   for file in chain[0].files}
        read = {file: disk.at for chain in disks for disk in chain[1:]
                for file in disk.files}
        for file, at in written.items():
            self.check_write(file, at)
        for file, at in read.items():
            self.check_read(file, at)
        self._written.update(dict.fromkeys([*written, *paths], owner))
        self._read[owner] = set(read)

    def release(self, owner: Any) -> None:
        self._written = {file: other for file, other in
                         self._written.items() if other is not owner}
        self._read.pop(owner, None)

    def check_read(self, file: Path, name: Any) -> None:
        """:raises vim.fault.FileLocked: somebody writes it"""
        if file in self._written:
            raise faults.locked(name)

    def check_write(self, file: Path, name: Any) -> None:
        """:raises vim.fault.FileLocked: somebody writes or reads it"""
        self.check_read(file, name)
        if any(file in files for files in self._read.values()):
            raise faults.locked(name)
