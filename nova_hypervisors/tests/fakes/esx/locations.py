# SPDX-License-Identifier: Apache-2.0
"""Datastore paths: ``[datastore] folder/file``."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from pyVmomi import vim

_PATH = re.compile(r'\[([^\]]+)\] ?(.*)$')


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """A file or a folder of a datastore, which need not exist."""

    datastore: Any
    file: str

    def __str__(self) -> str:
        return f'[{self.datastore.name}] {self.file}'.rstrip()

    @property
    def local(self) -> Path:
        return self.datastore.folder / self.file

    @property
    def folder(self) -> Location:
        return Location(self.datastore, self.file.rpartition('/')[0])

    @property
    def name(self) -> str:
        return self.file.rpartition('/')[2]

    def sibling(self, name: str) -> Location:
        return self.folder / name

    def __truediv__(self, name: str) -> Location:
        return Location(self.datastore, f'{self.file}/{name}'.lstrip('/'))

    def parse(self, text: str) -> Location:
        """Read another path: a whole one, or a file beside this one."""
        if text.startswith('['):
            return locate(self.datastore.esx, text)
        return self.sibling(text)


def locate(esx: Any, text: str) -> Location:
    """:raises vim.fault.InvalidDatastorePath: it is none of this host"""
    found = _PATH.match(text)
    if found:
        name, file = found.groups()
        parts = file.strip('/').split('/')
        store = next((one for one in esx.datastores if one.name == name),
                     None)
        if store and '..' not in parts:
            if not store.accessible:
                raise vim.fault.InaccessibleDatastore(
                    msg=f'Unable to access datastore {name}', datastore=
                    store.ref, name=name)
            return Location(store, '/'.join(
                part for part in parts if part not in ('', '.')))
    raise vim.fault.InvalidDatastorePath(
        msg=f"Invalid datastore path '{text}'.", datastorePath=text)
