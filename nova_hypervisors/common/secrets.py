# SPDX-License-Identifier: Apache-2.0
"""One secret a host, from which its passwords and keys are made."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

_LENGTH = 32


class HostSecret:
    """Makes the same secrets again after a restart, so that none is kept.

    :param path: the file of the one that is; made when first needed
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def derive(self, purpose: str) -> bytes:
        """Return the 32 secret bytes for a purpose, always the same."""
        return hmac.digest(self._bytes, purpose.encode(), hashlib.sha256)

    @functools.cached_property
    def _bytes(self) -> bytes:
        if not self._path.exists():
            self._make()
        data = self._path.read_bytes()
        if len(data) != _LENGTH:
            raise OSError(f'{self._path} does not have {_LENGTH} bytes: '
                          'delete it')
        return data

    def _make(self) -> None:
        """Make the file with all that is in it, unless somebody else does."""
        with tempfile.NamedTemporaryFile(dir=self._path.parent) as file:
            file.write(secrets.token_bytes(_LENGTH))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, self._path)
