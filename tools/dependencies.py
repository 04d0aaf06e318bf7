#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each dependency, its newest release, and why it is there: --check."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import dependencies

if __name__ == '__main__':
    sys.exit(dependencies.main())
