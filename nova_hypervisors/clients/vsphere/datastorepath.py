# SPDX-License-Identifier: Apache-2.0
"""Naming a file of a datastore."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class DatastorePath:
    """A file of a datastore.

    :param file: relative, with slashes; empty for the datastore's root
    """

    datastore: str
    file: str

    @classmethod
    def parse(cls, text: str) -> DatastorePath:
        """:raises ValueError: it is not ``[datastore] file``"""
        if not text.startswith('[') or ']' not in text:
            raise ValueError(f'{text!r} is not a datastore path')
        datastore, _, file = text[1:].partition(']')
        return cls(datastore, file.strip())

    def __str__(self) -> str:
        return f'[{self.datastore}] {self.file}'.rstrip()

    def __truediv__(self, name: str) -> DatastorePath:
        return DatastorePath(self.datastore, f'{self.file}/{name}'.lstrip('/'))

    @property
    def parent(self) -> DatastorePath:
        return DatastorePath(self.datastore, self.file.rpartition('/')[0])

    @property
    def name(self) -> str:
        return self.file.rpartition('/')[2]
