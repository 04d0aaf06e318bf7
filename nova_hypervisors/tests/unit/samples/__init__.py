# SPDX-License-Identifier: Apache-2.0
"""What real programs printed, by the version that did."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def path(version: str, name: str) -> Path:
    return _FOLDER / version / name


def read(version: str, name: str) -> str:
    return path(version, name).read_text()
