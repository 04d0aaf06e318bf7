# SPDX-License-Identifier: Apache-2.0
"""One secret a host, from which its passwords and keys are made."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import secrets
from pathlib import Path


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
        with contextlib.suppress(FileExistsError):
            handle = os.open(self._path,
                             os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, 'wb') as file:
                file.write(secrets.token_bytes(32))
        return self._path.read_bytes()
