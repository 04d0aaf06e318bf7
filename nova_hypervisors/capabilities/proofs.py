# SPDX-License-Identifier: Apache-2.0
"""The tests that prove the cells of the support matrix.

proofs.json beside this file is written by a complete test run: the tests that
passed, by row and column.
"""

from __future__ import annotations

import json
from pathlib import Path

PATH = Path(__file__).with_name('proofs.json')

Proofs = dict[str, dict[str, list[str]]]


def load() -> Proofs:
    """Return the IDs of the tests of each cell: by row, then by column."""
    proofs: Proofs = json.loads(PATH.read_text())
    return proofs
