# SPDX-License-Identifier: Apache-2.0
"""Disks and ISO images by VBoxManage."""

from __future__ import annotations

import threading
from pathlib import PurePath

from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import commands
from nova_hypervisors.clients.vbox import parse
from nova_hypervisors.clients.vbox import program


class ManageMedia:
    """Those of :class:`.interface.MediumApi` that are about no machine."""

    _run: program.Program
    _copy_timeout_s: float
    # VirtualBox opens a parent for a child that is being made, and another
    # caller may just be closing it.
    _media: threading.Lock

    def list_media(self) -> list[api.Medium]:
        return [*parse.media(self._run(('list', 'hdds')), api.DiskKind.DISK),
                *parse.media(self._run(('list', 'dvds')), api.DiskKind.DVD)]

    def open_disk(self, path: PurePath) -> None:
        self._run(commands.show_disk(path))

    def create_disk(self, path: PurePath, size_mb: int) -> None:
        self._run(commands.create_disk(path, size_mb))

    def create_child_disk(self, path: PurePath, parent: PurePath) -> None:
        with self._media:
            self._run(commands.create_child_disk(path, parent))

    def resize_disk(self, path: PurePath, size_mb: int) -> None:
        self._run(commands.resize_disk(path, size_mb))
        # VirtualBox tells the former size until it has looked.
        self.open_disk(path)

    def move_disk(self, path: PurePath, target: PurePath) -> None:
        self._run(commands.move_disk(path, target),
                  timeout_s=self._copy_timeout_s)

    def clone_disk(self, source: PurePath, target: PurePath) -> None:
        self._run(commands.clone_disk(source, target),
                  timeout_s=self._copy_timeout_s)
        self.close_medium(target)

    def close_medium(self, path: PurePath, delete: bool = False,
                     kind: api.DiskKind = api.DiskKind.DISK) -> None:
        with self._media:
            self._run(commands.close_medium(path, delete, kind))
