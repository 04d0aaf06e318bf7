# SPDX-License-Identifier: Apache-2.0
"""The folder of incidents' files: the newest are kept."""

from __future__ import annotations

import contextlib
import datetime
import os
import tempfile
import time
from pathlib import Path

_PREFIX = 'incident-'
_SUFFIX = '.json'
_DAY_S = 86400


class Files:
    """:param most: how many files are kept"""

    def __init__(self, folder: Path, most: int, max_age_days: int) -> None:
        self._folder = folder
        self._most = most
        self._max_age_s = max_age_days * _DAY_S

    def write(self, operation: str, server: str | None, text: str) -> Path:
        """Write a file, whole or not at all, and delete the oldest.

        :raises OSError: it cannot be written
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.datetime.now(datetime.UTC)
        path = self._folder / (
            f'{_PREFIX}{now:%Y%m%dT%H%M%S.%fZ}-{operation}'
            f'-{server or "host"}{_SUFFIX}')
        # Only its owner can read such a file.
        handle, made = tempfile.mkstemp(dir=self._folder, prefix='.new-')
        try:
            with os.fdopen(handle, 'w', encoding='utf-8') as file:
                file.write(text)
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink()
            raise
        self._delete_old()
        return path

    def _delete_old(self) -> None:
        # Their names are their times.
        files = sorted(self._folder.glob(f'{_PREFIX}*{_SUFFIX}'))
        oldest = time.time() - self._max_age_s
        for number, path in enumerate(reversed(files)):
            with contextlib.suppress(FileNotFoundError):
                if number >= self._most or path.stat().st_mtime < oldest:
                    path.unlink()
